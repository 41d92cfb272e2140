/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples and talkers: how many are drawn, the choice of the rate, the ranking and its error bounds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/sample.h"
#include "user/core/talkers/sampling.h"
#include "user/core/talkers/source_kind.h"
#include "user/core/talkers/talkers.h"

#define NEVER_MORE(text, value, bound)                                                                                 \
	do {                                                                                                           \
		if (!((value) <= (bound)))                                                                             \
			fail_msg("%s: %g is more than %g", text, (double)(value), (double)(bound));                    \
	} while (0)

static u64 random_state = 1;

static u64 random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static double random_share(void)
{
	return (double)(random_number() >> 11) / 9007199254740992.0;
}

/* ---- which packets are sampled ---- */

/* As many as by independent draws, for any list and seed, and also among every second packet. */
static void drawn_one_in_n(void **state)
{
	(void)state;
	for (u32 shift = 0; shift <= SPW_SAMPLE_SHIFT_MAX; shift += 2) {
		double n = 4194304, expected = n / (double)(1u << shift), margin = 5 * sqrt(expected) + 1;
		u64 seed = random_number(), drawn = 0, even = 0;
		u32 list = (u32)random_number() % SPW_LISTS_MAX;

		for (u64 count = 1; count <= n; count++) {
			bool is = spw_is_drawn(count, list, seed, spw_sample_bits(shift));

			drawn += is;
			even += is && count % 2 == 0;
		}
		NEVER_MORE("drawn", fabs((double)drawn - expected), margin);
		NEVER_MORE("of every second", fabs((double)even - expected / 2), margin);
		if (!shift)
			assert_int_equal(drawn, n);
	}
	for (u64 count = 1, drawn = 0; count <= 1000000; count++) {
		drawn += spw_is_drawn(count, 3, 77, 0);
		assert_int_equal(drawn, 0);
	}
}

/* Gaps are random: none depends on the one before. A Weyl sequence would have only three. */
static void drawn_at_random(void **state)
{
	u64 last = 0, gaps[4] = {0}, count;

	(void)state;
	for (count = 1; count < 4000000; count++) {
		u64 gap = count - last;

		if (!spw_is_drawn(count, 1, 0x1234567, spw_sample_bits(6)))
			continue;
		gaps[gap < 19 ? 0 : gap < 45 ? 1 : gap < 89 ? 2 : 3]++; /* quarters of the geometric distribution */
		last = count;
	}
	for (u32 i = 0; i < 4; i++)
		NEVER_MORE("a quarter of the gaps", fabs((double)gaps[i] - 15625), 700);
}

/* ---- sampling rate ---- */

static void run_choice(struct spw_sampling_choice *choice, double packets_per_s, u32 ticks, u32 *changes)
{
	for (u32 tick = 0; tick < ticks; tick++) {
		double expected = packets_per_s * 0.1 / (double)(1ull << choice->shift);
		double drawn = expected + (random_share() + random_share() + random_share() - 1.5) * 2 * sqrt(expected);
		u8 before = choice->shift;

		spw_sampling_choose(choice, (u64)(drawn > 0 ? drawn + 0.5 : 0), 0.1);
		*changes += choice->shift != before;
	}
}

static void as_many_as_wanted(void **state)
{
	struct spw_sampling_choice choice;
	u32 changes = 0;

	(void)state;
	spw_sampling_begin(&choice);
	for (double rate = 30e6; rate > 300; rate /= 1.7) {
		double samples;

		run_choice(&choice, rate, 40, &changes);
		samples = rate / (double)(1u << choice.shift);
		NEVER_MORE("samples/s", samples, 1300);
		if (choice.shift)
			NEVER_MORE("wanted/s", 340, samples);
		changes = 0;
		run_choice(&choice, rate, 1000, &changes);
		NEVER_MORE("changes in 100 s of a constant rate", changes, 2);
	}
	assert_int_equal(choice.shift, 0);
	spw_sampling_choose(&choice, 1000000, 0.1); /* a flood of 10 M/s from nothing: settled in one tick */
	assert_int_equal(choice.shift, 14);
	for (u32 i = 0; i < 100; i++)
		spw_sampling_choose(&choice, UINT64_MAX, 0.1);
	assert_int_equal(choice.shift, SPW_SAMPLE_SHIFT_MAX);
	spw_sampling_choose(&choice, 0, 0);
	spw_sampling_choose(&choice, 0, NAN);
	spw_sampling_choose(&choice, 0, -1);
	assert_int_equal(choice.shift, SPW_SAMPLE_SHIFT_MAX);
}

/* ---- who is heaviest ---- */

#define KEYS 5000

/* Exact counts, decaying like those of the table. */
struct exact {
	double packets[KEYS], bytes[KEYS], fresh[KEYS], dropped[KEYS];
	double seconds, all;
};

static u64 source_of(u32 key)
{
	return (0xc6120000ull + key) << 32; /* 198.18.0.0 and on */
}

static struct spw_offer offer_of(u32 key, u32 weight)
{
	return (struct spw_offer){
		.source_hi = source_of(key),
		.family = 4,
		.class_id = (u8)(key % 7),
		.list = (u16)(key % 100),
		.length = 60 + key % 1400,
		.weight = weight,
		.new_work = key % 3 == 0,
		.dropped = key % 2 == 0,
	};
}

static void count_exactly(struct exact *exact, u32 key, const struct spw_offer *offer)
{
	exact->packets[key] += offer->weight;
	exact->bytes[key] += (double)offer->weight * offer->length;
	exact->fresh[key] += offer->new_work ? offer->weight : 0;
	exact->dropped[key] += offer->dropped ? offer->weight : 0;
	exact->all += offer->weight;
}

static void fade_exactly(struct exact *exact, double seconds)
{
	double factor = SPW_TALKERS_SECONDS / (SPW_TALKERS_SECONDS + seconds);

	exact->seconds = (exact->seconds + seconds) * factor;
	exact->all *= factor;
	for (u32 key = 0; key < KEYS; key++) {
		exact->packets[key] *= factor;
		exact->bytes[key] *= factor;
		exact->fresh[key] *= factor;
		exact->dropped[key] *= factor;
	}
}

/* Find the key of a kind that @source_hi belongs to, with @length bits; false: not in the table. */
static bool find(const struct spw_talkers *talkers, enum spw_talker_kind kind, u8 family, u8 length, u64 source_hi,
		 struct spw_talker *talker)
{
	for (u32 i = 0; i < spw_talkers_count(talkers, kind); i++) {
		spw_talkers_get(talkers, kind, i, talker);
		if (talker->family == family && talker->length == length &&
		    talker->source_hi >> (64 - length) == source_hi >> (64 - length))
			return true;
	}
	return false;
}

/* The guarantees of Space-Saving, for every key. */
static void check_promise(const struct spw_talkers *talkers, const struct exact *exact, u32 room)
{
	double bound = spw_talkers_bound(talkers, SPW_TALKER_SOURCE), slack = 1e-6 * exact->all / exact->seconds + 1e-9;

	static u32 index_of[KEYS]; /* in the table; UINT32_MAX: not in it */

	memset(index_of, 0xff, sizeof(index_of));
	for (u32 i = 0; i < spw_talkers_count(talkers, SPW_TALKER_SOURCE); i++) {
		struct spw_talker talker;
		u64 key;

		spw_talkers_get(talkers, SPW_TALKER_SOURCE, i, &talker);
		key = (talker.source_hi - source_of(0)) >> 32;
		assert_true(key < KEYS && index_of[key] == UINT32_MAX);
		index_of[key] = i;
	}
	NEVER_MORE("the lightest", bound, exact->all / exact->seconds / room + slack);
	for (u32 key = 0; key < KEYS; key++) {
		double truth = exact->packets[key] / exact->seconds;
		struct spw_talker talker;

		if (index_of[key] == UINT32_MAX) {
			NEVER_MORE("a key that is not there", truth, bound + slack);
			continue;
		}
		spw_talkers_get(talkers, SPW_TALKER_SOURCE, index_of[key], &talker);
		assert_true(talker.source_hi == source_of(key) && talker.family == 4 && talker.length == 32);
		NEVER_MORE("nothing", 0, talker.packets_per_s + slack);
		NEVER_MORE("what is certain", talker.packets_per_s, truth + slack);
		NEVER_MORE("the truth", truth, talker.packets_per_s + talker.error_per_s + slack);
		NEVER_MORE("bytes", talker.bytes_per_s, exact->bytes[key] / exact->seconds * (1 + 1e-9) + slack);
		NEVER_MORE("new work", talker.new_per_s, exact->fresh[key] / exact->seconds + slack);
		NEVER_MORE("drops", talker.dropped_per_s, exact->dropped[key] / exact->seconds + slack);
		if (talker.error_per_s == 0)
			NEVER_MORE("all of one that never left", truth, talker.packets_per_s + slack);
	}
}

static void promise_holds(u32 room, double skew, bool drifting)
{
	struct spw_talkers *talkers = spw_talkers_new(room, 16);
	struct exact *exact = calloc(1, sizeof(*exact));

	assert_non_null(talkers);
	assert_non_null(exact);
	for (u32 tick = 0; tick < 120; tick++) {
		double seconds = 0.02 + random_share() * 0.3;

		for (u32 i = 0; i < 300; i++) {
			u32 key = (u32)(pow(random_share(), skew) * KEYS) % KEYS;
			u32 weight = 1u << random_number() % 8;
			struct spw_offer offer;

			key = drifting ? (key + tick * 37) % KEYS : key;
			offer = offer_of(key, weight);
			spw_talkers_offer(talkers, &offer);
			count_exactly(exact, key, &offer);
		}
		spw_talkers_tick(talkers, seconds);
		fade_exactly(exact, seconds);
		if (tick % 10 == 9)
			check_promise(talkers, exact, room);
	}
	assert_true(spw_talkers_count(talkers, SPW_TALKER_SOURCE) <= room);
	spw_talkers_free(talkers);
	free(exact);
}

static void true_count_within_its_error(void **state)
{
	(void)state;
	for (u32 seed = 1; seed <= 4; seed++) {
		random_state = seed * 7919;
		promise_holds(64, 4, false);
		promise_holds(64, 1, false); /* all equally heavy: errors only */
		promise_holds(300, 6, true);
		promise_holds(1, 3, false);
		promise_holds(KEYS, 3, false); /* space for all: exact */
	}
}

/* A flood of spoofed sources with one packet each pushes nobody heavy out. */
static void heavy_ones_stay(void **state)
{
	struct spw_talkers *talkers = spw_talkers_new(SPW_TALKERS_SOURCES, SPW_TALKERS_PREFIXES);
	struct spw_talker top[4];

	(void)state;
	for (u32 tick = 0; tick < 100; tick++) {
		for (u32 i = 0; i < 1000; i++) {
			struct spw_offer spoofed = {
				.source_hi = random_number(), .family = i % 2 ? 6 : 4, .length = 60, .weight = 1};
			struct spw_offer heavy = offer_of(i % 3, 1);

			spw_talkers_offer(talkers, &spoofed);
			if (i % 50 == 0)
				spw_talkers_offer(talkers, &heavy);
		}
		spw_talkers_tick(talkers, 0.1);
	}
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_SOURCE, SPW_BY_PACKETS, 4, top), 4);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(top[i].source_hi >> 34, 0xc6120000 >> 2);
		NEVER_MORE("what is certain of it", top[i].packets_per_s, 71);
		NEVER_MORE("its rate", 59, top[i].packets_per_s + top[i].error_per_s);
		NEVER_MORE("its error", top[i].error_per_s, 11);
	}
	NEVER_MORE("the next", top[3].packets_per_s, 20);
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_PREFIX, SPW_BY_PACKETS, 1, top), 1);
	assert_true(top[0].length == 24 && top[0].source_hi == 0xc6120000ull << 32);
	NEVER_MORE("rate of the prefix", fabs(top[0].packets_per_s - 200), 10);
	spw_talkers_free(talkers);
}

/* The error of sampling: at least nine of ten rates are within the reported margin. */
static void within_its_margin(void **state)
{
	u32 within = 0, trials = 0;

	(void)state;
	random_state = 99;
	for (u32 run = 0; run < 60; run++) {
		struct spw_talkers *talkers = spw_talkers_new(64, 16);

		for (u32 tick = 0; tick < 60; tick++) {
			for (u32 i = 0; i < 2000; i++) {
				struct spw_offer offer = offer_of(i % 5, 16);

				if (random_number() % 16 == 0)
					spw_talkers_offer(talkers, &offer);
			}
			spw_talkers_tick(talkers, 0.1);
		}
		for (u32 key = 0; key < 5; key++, trials++) {
			struct spw_talker talker;

			assert_true(find(talkers, SPW_TALKER_SOURCE, 4, 32, source_of(key), &talker));
			within += fabs(talker.packets_per_s - 4000) <= talker.margin_per_s;
			NEVER_MORE("margin", talker.margin_per_s, 800);
		}
		spw_talkers_free(talkers);
	}
	NEVER_MORE("share outside", trials - within, trials * 0.1);
	NEVER_MORE("share within: the margin is not idle", within, trials * 0.995);
}

static void orders_and_prefixes(void **state)
{
	struct spw_talkers *talkers = spw_talkers_new(8, 8);
	struct spw_offer six = {.source_hi = 0x20010db800010002, .family = 6, .length = 1500, .weight = 10};
	struct spw_offer four = {.source_hi = 0xc000020100000000, .family = 4, .length = 60, .weight = 20};
	struct spw_offer none = {.source_hi = 5, .family = 0, .length = 60, .weight = 1};
	struct spw_talker top[8];

	(void)state;
	four.new_work = four.dropped = true;
	spw_talkers_offer(talkers, &six);
	spw_talkers_offer(talkers, &four);
	spw_talkers_offer(talkers, &none);
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_SOURCE, SPW_BY_PACKETS, 8, top), 0); /* no time yet */
	spw_talkers_tick(talkers, 1);
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_SOURCE, SPW_BY_PACKETS, 8, top), 2);
	assert_true(top[0].family == 4 && fabs(top[0].packets_per_s - 20) < 1e-9);
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_SOURCE, SPW_BY_BYTES, 8, top), 2);
	assert_true(top[0].family == 6 && fabs(top[0].bytes_per_s - 15000) < 1e-6);
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_SOURCE, SPW_BY_DROPPED, 8, top), 1);
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_PREFIX, SPW_BY_NEW, 8, top), 1);
	assert_true(top[0].length == 24 && top[0].source_hi == 0xc000020000000000);
	spw_talkers_masks(talkers, 16, 32);
	assert_int_equal(spw_talkers_count(talkers, SPW_TALKER_PREFIX), 0);
	spw_talkers_offer(talkers, &six);
	assert_true(find(talkers, SPW_TALKER_PREFIX, 6, 32, 0x20010db8ffffffff, &top[0]));
	assert_true(top[0].length == 32 && top[0].source_hi == 0x20010db800000000);
	for (u32 i = 0; i < 100000; i++)
		spw_talkers_tick(talkers, 1);
	assert_int_equal(spw_talkers_top(talkers, SPW_TALKER_SOURCE, SPW_BY_PACKETS, 8, top), 0); /* all has decayed */
	spw_talkers_tick(talkers, NAN);
	spw_talkers_tick(talkers, -1);
	spw_talkers_free(talkers);
	spw_talkers_free(NULL);
}

/* Fault 11. */
/* One new connection from each of @sources in turn, @heavy of every 100 from eight others; @per_s for @seconds. */
static void offer_visitors(struct spw_talkers *talkers, u32 sources, u32 heavy, double per_s, u32 seconds)
{
	for (u32 tick = 0, offered = 0; tick < seconds * 10; tick++) {
		for (; offered < per_s * (tick + 1) / 10; offered++) {
			bool is_heavy = offered * 37 % 100 < heavy;
			u32 source = is_heavy ? 0xc6120100 + offered % 8 : 0x0a000000 + offered % sources * 256;

			spw_talkers_offer(talkers, &(struct spw_offer){.source_hi = (u64)source << 32,
								       .family = 4,
								       .weight = 1,
								       .new_work = true});
		}
		spw_talkers_tick(talkers, 0.1);
	}
}

static void do_few_bring_most(void **state)
{
	static const struct {
		u32 sources, heavy;
		double per_s, least, most;
		u32 seconds;
	} cases[] = {
		{5000, 0, 50, 0, 0.05, 600},				     /* a crowd */
		{5000, 60, 50, 0.57, 0.63, 600},			     /* eight balancers and a crowd */
		{5000, 100, 50, 0.99, 1.00, 600},			     /* balancers only */
		{5000, 100, 50, 0, 0, 2},				     /* too little to tell */
		{5000, 100, 0.3, 0, 0, 600},	  {40, 0, 5, 0.1, 0.3, 600}, /* a small site */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct spw_talkers *talkers = spw_talkers_new(SPW_FEW_SOURCES, SPW_FEW_PREFIXES);
		double share;

		spw_talkers_remember(talkers, SPW_FEW_SECONDS);
		offer_visitors(talkers, cases[i].sources, cases[i].heavy, cases[i].per_s, cases[i].seconds);
		share = spw_talkers_few(talkers, SPW_TALKER_SOURCE);
		NEVER_MORE("least", cases[i].least, share);
		NEVER_MORE("share", share, cases[i].most);
		/* All eight are in one prefix. */
		NEVER_MORE("share of sources", share, spw_talkers_few(talkers, SPW_TALKER_PREFIX) + 1e-9);
		NEVER_MORE("rate", fabs(spw_talkers_total(talkers) - cases[i].per_s), cases[i].per_s * 0.05 + 0.1);
		spw_talkers_free(talkers);
	}
}

static void kinds_of_sources(void **state)
{
	static const struct {
		const char *text;
		enum spw_source_kind kind;
	} cases[] = {
		{"127.0.0.1", SPW_SOURCE_LOOPBACK},
		{"127.255.255.255", SPW_SOURCE_LOOPBACK},
		{"::1", SPW_SOURCE_LOOPBACK},
		{"0.0.0.0", SPW_SOURCE_MARTIAN},
		{"0.1.2.3", SPW_SOURCE_MARTIAN},
		{"224.0.0.1", SPW_SOURCE_MARTIAN},
		{"240.0.0.1", SPW_SOURCE_MARTIAN},
		{"255.255.255.255", SPW_SOURCE_MARTIAN},
		{"::", SPW_SOURCE_MARTIAN},
		{"ff02::1", SPW_SOURCE_MARTIAN},
		{"::ffff:192.0.2.1", SPW_SOURCE_MARTIAN},
		{"169.254.1.1", SPW_SOURCE_LINK_LOCAL},
		{"fe80::1", SPW_SOURCE_LINK_LOCAL},
		{"febf::1", SPW_SOURCE_LINK_LOCAL},
		{"198.18.0.1", SPW_SOURCE_OWN},
		{"2001:db8::1", SPW_SOURCE_OWN},
		{"198.18.0.2", SPW_SOURCE_ORDINARY},
		{"192.0.2.1", SPW_SOURCE_ORDINARY},
		{"10.0.0.1", SPW_SOURCE_ORDINARY},
		{"100.64.0.1", SPW_SOURCE_ORDINARY},
		{"192.168.1.1", SPW_SOURCE_ORDINARY},
		{"223.255.255.255", SPW_SOURCE_ORDINARY},
		{"1.0.0.0", SPW_SOURCE_ORDINARY},
		{"169.253.255.255", SPW_SOURCE_ORDINARY},
		{"2001:db8::2", SPW_SOURCE_ORDINARY},
		{"fec0::1", SPW_SOURCE_ORDINARY},
		{"fe7f::1", SPW_SOURCE_ORDINARY},
		{"fd00::1", SPW_SOURCE_ORDINARY},
		{"::2", SPW_SOURCE_ORDINARY},
	};
	struct spw_own_addresses own = {.count = 3};

	(void)state;
	assert_true(spw_addr_parse("198.18.0.1", 10, &own.addresses[0].addr, &own.addresses[0].family));
	assert_true(spw_addr_parse("2001:db8::1", 11, &own.addresses[1].addr, &own.addresses[1].family));
	/* Every host has this address. */
	assert_true(spw_addr_parse("127.0.0.1", 9, &own.addresses[2].addr, &own.addresses[2].family));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct spw_addr addr;
		u8 family;

		assert_true(spw_addr_parse(cases[i].text, strlen(cases[i].text), &addr, &family));
		if (spw_source_kind(&addr, family, &own) != cases[i].kind)
			fail_msg("%s is taken for %s", cases[i].text,
				 spw_source_kind_name(spw_source_kind(&addr, family, &own)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawn_one_in_n),      cmocka_unit_test(drawn_at_random),
		cmocka_unit_test(as_many_as_wanted),   cmocka_unit_test(true_count_within_its_error),
		cmocka_unit_test(heavy_ones_stay),     cmocka_unit_test(within_its_margin),
		cmocka_unit_test(orders_and_prefixes), cmocka_unit_test(kinds_of_sources),
		cmocka_unit_test(do_few_bring_most),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
