/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules 9 and 10 and their parts, in the code that the kernel runs: the meter (bpf/meter.h), the share (bpf/share.h),
 * fresh or resent (bpf/fresh.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/fresh.h"
#include "bpf/parse.h"
#include "bpf/verdict.h"

#define JIFFY (1ull << SPW_TICK_SHIFT)
#define HZ    250

/* xorshift64, Marsaglia 2003: independent of the mixer under test. */
static u64 random_state = 88172645463325252ull;

static u64 draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double draw_unit(void)
{
	return (double)(draw() >> 11) / (double)(1ull << 53);
}

/* ---- the meter ---- */

/* Under overload the admitted rate is exact to 1 %, from 1/s to 1,000,000/s. */
static void test_meter_rate(void **state)
{
	static const double rates[] = {1, 7, 950, 33333, 1000000};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		u64 cell = 0, arrival, interval = (u64)(HZ * (double)JIFFY / rates[i]);
		u64 jiffies = 1ull << 32, span = rates[i] < 100 ? 1000 * HZ : 10 * HZ, admitted = 0;
		double expected = rates[i] * (double)span / HZ;

		for (u64 now = jiffies; now < jiffies + span; now++)
			while (spw_meter_admit(&cell, spw_meter_ticks(now), interval, 25 * JIFFY, &arrival))
				admitted++;
		assert_true((double)admitted > 0.99 * expected);
		assert_true((double)admitted < 1.01 * expected + 0.1 * rates[i] + 1);
	}
}

/* Over every window of any sequence of arrivals: admitted <= rate x time + depth + one unit. */
static void test_meter_bound(void **state)
{
	enum { UNITS = 3000 };
	static u64 times[UNITS];

	(void)state;
	for (int round = 0; round < 30; round++) {
		u64 cell = 0, arrival, interval = 1 + draw() % (3 * JIFFY), tolerance = draw() % (40 * JIFFY),
		    now = 1000 * JIFFY;
		size_t count = 0;

		for (int i = 0; i < UNITS; i++) {
			now += draw_unit() < 0.02 ? draw() % (100 * JIFFY)
						  : draw() % (interval + 1) * 2 / (1 + (u64)round % 5);
			if (spw_meter_admit(&cell, now, interval, tolerance, &arrival))
				times[count++] = now;
		}
		assert_true(count > 10);
		for (size_t first = 0; first < count; first++)
			for (size_t last = first; last < count; last++)
				assert_true((last - first) * interval <=
					    times[last] - times[first] + tolerance + interval);
	}
}

/* Trunk reservation: a smaller tolerance is never admitted where a larger one would be refused. */
static void test_meter_tolerances(void **state)
{
	u64 cell = 0, now = JIFFY, arrival;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		u64 tolerance = draw() % (30 * JIFFY), more = tolerance + draw() % JIFFY, low = cell, high = cell;
		bool low_admitted, high_admitted;

		now += draw() % JIFFY;
		low_admitted = spw_meter_admit(&low, now, JIFFY, tolerance, &arrival);
		if (!low_admitted) {
			/* A refusal changes nothing, and lasts until the backlog has drained to the tolerance. */
			assert_int_equal(low, cell);
			assert_false(spw_meter_admit(&low, arrival - tolerance - 1, JIFFY, tolerance, &arrival));
			assert_true(spw_meter_admit(&low, arrival - tolerance, JIFFY, tolerance, &arrival));
		}
		high_admitted = spw_meter_admit(&high, now, JIFFY, more, &arrival);
		assert_true(high_admitted || !low_admitted);
		cell = high;
	}
}

/* What is never refused is charged, but its debt is bounded and the cell never goes back. */
static void test_meter_debt(void **state)
{
	u64 cell = 0, now = 50 * JIFFY, before, arrival;

	(void)state;
	for (int i = 0; i < 1000; i++)
		spw_meter_charge(&cell, now, JIFFY, 100 * JIFFY);
	assert_int_equal(spw_meter_backlog(cell, now), 100 * JIFFY);
	before = cell;
	spw_meter_charge(&cell, now, JIFFY, 10 * JIFFY);
	assert_int_equal(cell, before);
	assert_false(spw_meter_admit(&cell, now + 74 * JIFFY, JIFFY, 25 * JIFFY, &arrival));
	assert_true(spw_meter_admit(&cell, now + 75 * JIFFY, JIFFY, 25 * JIFFY, &arrival));
	for (int i = 0; i < 1000; i++)
		spw_meter_charge(&cell, now, JIFFY, 0);
	assert_true(spw_meter_backlog(cell, now) > 1000 * JIFFY);
}

/* ---- the share ---- */

/* Places are uniform by a chi-squared test over 256 bins, also for consecutive addresses. */
static void test_share_uniform(void **state)
{
	enum { SOURCES = 1 << 18, BINS = 256 };

	(void)state;
	for (u64 salt = 0; salt < 8; salt++) {
		u32 bins[BINS] = {0};
		double chi = 0, expected = (double)SOURCES / BINS;

		for (u64 i = 0; i < SOURCES; i++)
			bins[spw_place((0xc6120000ull + i) << 32, salt * 0x9e3779b97f4a7c15ull, 150000, 5000000000) >>
			     24]++;
		for (int i = 0; i < BINS; i++)
			chi += (bins[i] - expected) * (bins[i] - expected) / expected;
		/* 255 degrees of freedom: mean 255, standard deviation 22.6; five of them on each side. */
		assert_true(chi > 142 && chi < 368);
	}
}

/* Sets nest: sources that are in stay in as the share grows. */
static void test_share_nested(void **state)
{
	const struct spw_service_admission admission = {.salt = 42, .stay_jiffies = 150000};
	u32 shares[] = {0, 1u << 20, 1u << 28, 1u << 31, SPW_SHARE_ALL - 1, SPW_SHARE_ALL};

	(void)state;
	for (u64 i = 0; i < 100000; i++) {
		u64 source = draw();
		bool was_in = false;

		for (size_t j = 0; j < sizeof(shares) / sizeof(*shares); j++) {
			bool in = spw_is_in(shares[j], source, &admission, 4294967296);

			assert_true(in || !was_in);
			was_in = in;
		}
		assert_false(spw_is_in(0, source, &admission, 1));
		assert_true(spw_is_in(SPW_SHARE_ALL, source, &admission, 1));
	}
}

/* Each source keeps its place for exactly the configured time; changes are spread evenly; nobody is out for ever. */
static void test_share_stays(void **state)
{
	enum { SOURCES = 20000 };
	const u64 stay = 1000, begin = 1ull << 32;
	u32 changes[20] = {0};

	(void)state;
	for (u64 i = 0; i < SOURCES; i++) {
		u64 source = draw(), changed = 0;
		u32 place = spw_place(source, 7, stay, begin);

		for (u64 now = begin; now < begin + stay; now += 50)
			if (spw_place(source, 7, stay, now + 50) != place) {
				changes[(now - begin) / 50]++;
				changed++;
				place = spw_place(source, 7, stay, now + 50);
			}
		assert_int_equal(changed, 1);
		assert_int_equal(spw_place(source, 7, 0, begin), spw_place(source, 7, 0, begin + 1000000));
	}
	for (int i = 0; i < 20; i++)
		assert_in_range(changes[i], SOURCES / 20 - 160, SOURCES / 20 + 160);
	for (u64 i = 0; i < 1000; i++) {
		u32 times_in = 0;

		for (u64 epoch = 0; epoch < 200; epoch++)
			times_in += spw_place(i << 32, 7, stay, begin + epoch * stay) < 1u << 29;
		assert_in_range(times_in, 5, 60); /* of 200, one in eight */
	}
}

/* ---- fresh or resent ---- */

static u64 *words;

static int make_words(void **state)
{
	(void)state;
	words = calloc(1 << SPW_FINGERPRINT_BITS, sizeof(*words));
	return words ? 0 : -1;
}

static int free_words(void **state)
{
	(void)state;
	free(words);
	return 0;
}

static struct spw_flow_lookup see(u64 flow, bool quic, bool admitted)
{
	u64 *word = &words[spw_fingerprint_index(flow)];
	struct spw_flow_lookup lookup = spw_flow_lookup(*word, flow, quic);

	*word = spw_flow_remember(*word, flow, quic, admitted || lookup.continuing);
	return lookup;
}

/* 9,500 fresh SYNs a second, all refused and resent after 1, 2, 3, 4, 5, 7 and 11 s, like Linux clients. */
static void test_fresh_horizon(void **state)
{
	enum { PER_SECOND = 9500, SECONDS = 16 };
	static const u32 again[] = {1, 2, 3, 4, 5, 7, 11};
	static u64 flows[SECONDS][PER_SECOND];
	u32 mistaken_soon = 0, mistaken_fresh = 0, mistaken_resent = 0, resent = 0;

	(void)state;
	for (u32 second = 0; second < SECONDS; second++)
		for (u32 i = 0; i < PER_SECOND; i++) {
			flows[second][i] = draw() | 1;
			mistaken_resent += see(flows[second][i], false, false).resent;
			for (size_t j = 0; j < sizeof(again) / sizeof(*again) && again[j] <= second; j++) {
				bool mistaken = !see(flows[second - again[j]][i], false, false).resent;

				resent++;
				mistaken_fresh += mistaken;
				mistaken_soon += mistaken && again[j] <= 5;
			}
		}
	assert_true(resent > 700000);
	assert_true(mistaken_soon < resent / 50);
	assert_true(mistaken_fresh < resent / 33);
	assert_true(mistaken_resent < PER_SECOND * SECONDS / 1000);
}

/* An admitted QUIC handshake continues, but not for ever; a refused one does not. */
static void test_fresh_quic(void **state)
{
	u64 flow = draw() | 1, other = flow ^ 1ull << 9;
	struct spw_flow_lookup lookup = see(flow, true, true);

	(void)state;
	assert_false(lookup.resent || lookup.continuing);
	for (u32 i = 1; i < SPW_LANE_SEEN; i++) {
		/* Others use the same word meanwhile. */
		see(flow ^ (u64)i << 5, i % 2, false);
		lookup = see(flow, true, true);
		if (i <= 3)
			assert_true(lookup.resent && lookup.continuing);
	}
	flow = draw() | 1;
	for (u32 round = 0; round < 3; round++)
		for (u32 i = 0; i < SPW_LANE_SEEN; i++) {
			lookup = see(flow, true, true);
			assert_int_equal(lookup.resent, i > 0);
			assert_int_equal(lookup.continuing, i > 0);
		}
	see(other, true, false);
	lookup = see(other, true, false);
	assert_true(lookup.resent);
	assert_false(lookup.continuing);
}

/* Another source, destination, port or sequence number makes another flow; the same ones make the same. */
static void test_flow(void **state)
{
	static const size_t at4[] = {26, 29, 30, 33, 34, 35, 37, 38, 41}, at6[] = {22, 37, 38, 53, 54, 55, 58, 61};
	/* Space beyond the frame: GCC does not see that the parser's checks keep reads within it. */
	u8 frame[512];
	const u8 *end = frame + 74;

	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		const size_t *at = family == 4 ? at4 : at6, count = family == 4 ? 9 : 8, tcp = family == 4 ? 34 : 54;
		struct spw_cursor cursor;
		u64 flow = 0;

		for (size_t i = 0; i <= count + 1; i++) {
			struct spw_packet packet = {0};

			memset(frame, 0, sizeof(frame));
			memcpy(frame + 12, family == 4 ? "\x08\0\x45\0\0\x28" : "\x86\xdd\x60\0\0\0\0\x14\x06\x40",
			       family == 4 ? 6 : 10);
			frame[23] = family == 4 ? 6 : 0;
			frame[tcp + 12] = 0x50;
			frame[tcp + 13] = 2;
			if (i && i <= count)
				frame[at[i - 1]] ^= 0x40;
			spw_parse_network(frame, end, 74, &cursor, &packet);
			spw_parse_transport(frame, end, &cursor, &packet);
			assert_true(packet.found & SPW_FOUND_SYN);
			spw_parse_flow(frame, end, &cursor, 99, &packet);
			if (!i)
				flow = packet.flow;
			assert_true((packet.flow == flow) == (i == 0 || i == count + 1));
		}
	}
}

/* ---- rule 10 ---- */

/* A refusal is remembered until the backlog has drained, and forgotten if the agent raises the tolerance. */
static void test_rule_10_memory(void **state)
{
	struct spw_service_admission admission = {.interval_ticks = JIFFY, .debt_ticks = 200 * JIFFY};
	struct spw_refusal refusal = {0};
	u64 cell = 0, now = 1000 * JIFFY, full;

	(void)state;
	for (int i = 0; i < 11; i++)
		assert_false(spw_is_over(&admission, 10 * JIFFY, &cell, &refusal, now));
	assert_true(spw_is_over(&admission, 10 * JIFFY, &cell, &refusal, now));
	full = cell;
	cell = 0; /* shows whether it is read */
	assert_true(spw_is_over(&admission, 10 * JIFFY, &cell, &refusal, now));
	assert_true(spw_is_over(&admission, 9 * JIFFY, &cell, &refusal, now));
	cell = full;
	assert_false(spw_is_over(&admission, 20 * JIFFY, &cell, &refusal, now));
	assert_true(spw_is_over(&admission, 10 * JIFFY, &cell, &refusal, now + JIFFY));
	assert_false(spw_is_over(&admission, 10 * JIFFY, &cell, &refusal, now + 2 * JIFFY));
	for (int i = 0; i < 1000; i++)
		assert_false(spw_is_over(&admission, SPW_TOLERANCE_ALL, &cell, &refusal, now));
	assert_int_equal(spw_meter_backlog(cell, now), 200 * JIFFY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meter_rate),
		cmocka_unit_test(test_meter_bound),
		cmocka_unit_test(test_meter_tolerances),
		cmocka_unit_test(test_meter_debt),
		cmocka_unit_test(test_share_uniform),
		cmocka_unit_test(test_share_nested),
		cmocka_unit_test(test_share_stays),
		cmocka_unit_test_setup_teardown(test_fresh_horizon, make_words, free_words),
		cmocka_unit_test_setup_teardown(test_fresh_quic, make_words, free_words),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_rule_10_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
