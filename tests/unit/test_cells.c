/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cells of sources and prefixes against an exact model: never below what a source has sent, exact where sets are not
 * full, at any time, with any number of CPUs. Tests the code that the kernel runs.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/cell.h"

#define HZ     250
#define SECOND ((u64)HZ << SPW_CELL_SHIFT)
#define BEGIN  (4000000000ull << SPW_CELL_SHIFT)

static u64 next_random(void)
{
	static u64 state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* ---- the exact model: GCRA of every source, without a table ---- */

struct source {
	u64 hash, interval, tolerance;
	u64 ahead; /* backlog at @at */
	u64 at;
};

static u64 true_backlog(const struct source *source, u64 now)
{
	u64 gone = now - source->at;

	return source->ahead > gone ? source->ahead - gone : 0;
}

static void charge_truth(struct source *source, u64 now)
{
	source->ahead = true_backlog(source, now) + source->interval;
	source->at = now;
}

/* Like the datapath. */
static bool send(struct spw_line *lines, u32 mask, struct source *source, u64 now, struct spw_cell_place *place)
{
	u64 *set = lines[spw_cell_line(source->hash) & mask].cells[0];

	spw_cell_find(set, source->hash, now, place);
	if (place->backlog > source->tolerance)
		return false;
	spw_cell_charge(set, source->hash, place, now, source->interval, (u32)next_random());
	return true;
}

static struct source draw_source(u32 number, u64 salt)
{
	u64 jiffy = 1ull << SPW_CELL_SHIFT;

	/* Whole cell units, so that no charge is rounded. */
	return (struct source){
		.hash = spw_mix(number * 0x9e3779b97f4a7c15ULL ^ salt),
		.interval = (1 + next_random() % 4096) * SPW_CELL_UNIT,
		.tolerance = next_random() % 8 * jiffy,
	};
}

enum { LINES = 16, SOURCES_MAX = 512 };

/* Lines with two sources of the same tag, which share a cell. */
static void find_twins(const struct source *sources, u32 count, bool tainted[LINES])
{
	for (u32 i = 0; i < count; i++)
		for (u32 j = 0; j < i; j++)
			if (!((sources[i].hash ^ sources[j].hash) & (SPW_CELL_TAG | (u64)(LINES - 1) << 40)))
				tainted[spw_cell_line(sources[i].hash) & (LINES - 1)] = true;
}

struct outcome {
	u32 shared, more; /* packets judged by a shared way; overestimated ones */
};

/* Random sources at random times, starting at @now, possibly just before it wraps. */
static struct outcome compare_with_model(u32 count, u64 now, u32 packets)
{
	static struct source sources[SOURCES_MAX];
	struct spw_line lines[LINES] = {0};
	bool tainted[LINES] = {false}; /* a way was shared, so its cells may overestimate */
	struct outcome outcome = {0};
	u64 salt = next_random();

	for (u32 i = 0; i < count; i++)
		sources[i] = draw_source(i, salt);
	find_twins(sources, count, tainted);
	for (u32 n = 0; n < packets; n++) {
		/* A few of them often, as in a burst. */
		struct source *source = &sources[next_random() % (n & 1 ? count : 1 + count / 8)];
		u32 line = spw_cell_line(source->hash) & (LINES - 1);
		struct spw_cell_place place;
		u64 truth;

		now += (next_random() % 64) << (SPW_CELL_SHIFT - 9);
		now &= ~SPW_CELL_TAG;
		truth = true_backlog(source, now);
		if (send(lines, LINES - 1, source, now, &place))
			charge_truth(source, now);
		tainted[line] |= place.foreign && place.backlog;
		outcome.shared += place.foreign && place.backlog;
		outcome.more += place.backlog > truth;
		if (place.backlog < truth)
			fail_msg("packet %u: a cell says %llx, and %llx is true", n, (unsigned long long)place.backlog,
				 (unsigned long long)truth);
		if (!tainted[line] && place.backlog != truth)
			fail_msg("packet %u: a cell says %llx, and %llx is true, where nothing is shared", n,
				 (unsigned long long)place.backlog, (unsigned long long)truth);
	}
	return outcome;
}

static void cells_agree_with_the_model(void **state)
{
	struct outcome few = {0}, many = {0}, one;

	(void)state;
	for (u32 round = 0; round < 40; round++) {
		one = compare_with_model(8, BEGIN, 20000);
		few.shared += one.shared;
		one = compare_with_model(400, BEGIN, 20000);
		many.shared += one.shared;
		many.more += one.more;
	}
	assert_true(few.shared < 40 * 200); /* of 20,000 each: three sources in a set only by chance */
	assert_true(many.shared > 40 * 200 && many.more > 0);
}

static void time_wraps(void **state)
{
	struct outcome outcome;

	(void)state;
	for (u32 round = 0; round < 20; round++) {
		outcome = compare_with_model(8, 0 - SECOND / 8, 20000);
		outcome.shared += compare_with_model(200, (1ull << 63) - SECOND / 8, 20000).shared;
		assert_true(outcome.shared > 0);
	}
}

/* A cell unused for years is idle, even with a tag of zero. */
static void years_free_a_cell(void **state)
{
	const u64 year = 365 * 86400 * SECOND;
	struct source source = {.hash = 0x123456789abcdef0, .interval = SECOND, .tolerance = 10 * SECOND};

	(void)state;
	for (u32 years = 0; years <= 26; years++) {
		struct spw_line line = {0};
		struct spw_cell_place place;
		u64 now = BEGIN;

		for (u32 i = 0; i < 20; i++)
			send(&line, 0, &source, now, &place);
		assert_true(place.backlog == 11 * SECOND);
		now += years ? years * year : 5 * SECOND;
		spw_cell_find(line.cells[0], source.hash, now, &place);
		assert_false(place.foreign);
		assert_true(place.backlog == (years ? 0 : 6 * SECOND));
		source.hash ^= spw_cell_tag(source.hash); /* from the second round on: its tag is zero */
	}
}

/* ---- a full set ---- */

static void a_full_set_is_shared(void **state)
{
	struct spw_line line = {0};
	struct source heavy[SPW_WAYS], light = {.hash = 99, .interval = SECOND, .tolerance = 3 * SECOND};
	struct spw_cell_place place;
	u32 passed = 0;

	(void)state;
	for (u32 i = 0; i < SPW_WAYS; i++) {
		heavy[i] = (struct source){.hash = i + 1, .interval = SECOND, .tolerance = (4 + i) * SECOND};
		for (u32 n = 0; n < 20; n++)
			send(&line, 0, &heavy[i], BEGIN, &place);
		assert_false(place.foreign);
	}
	assert_false(send(&line, 0, &light, BEGIN, &place));
	assert_true(place.foreign && place.backlog == 5 * SECOND);
	/* Two seconds later the smallest has drained by one unit: the light source gets it, once. */
	for (u32 n = 0; n < 10; n++)
		passed += send(&line, 0, &light, BEGIN + 2 * SECOND, &place);
	assert_int_equal(passed, 1);
	assert_false(place.foreign);
	/* The former owner has sent no less than the current smallest, and resumes with that. */
	spw_cell_find(line.cells[0], heavy[0].hash, BEGIN + 2 * SECOND, &place);
	assert_true(place.foreign && place.backlog == 4 * SECOND);
	/* An idle way is taken without a backlog. */
	light.hash = 77;
	passed = 0;
	for (u32 n = 0; n < 10; n++)
		passed += send(&line, 0, &light, BEGIN + 9 * SECOND, &place);
	assert_int_equal(passed, 4);
}

/* An attacker who fills a set on purpose gains nothing: he gets his own rate and burst only. */
static void filling_a_set_gains_nothing(void **state)
{
	struct source crowd[12];
	struct spw_line line = {0};
	u32 passed[12] = {0}, seconds = 1000;

	(void)state;
	for (u32 i = 0; i < 12; i++)
		crowd[i] = (struct source){.hash = 1 + i, .interval = SECOND, .tolerance = 9 * SECOND};
	for (u32 n = 0; n < seconds * 100; n++) {
		u32 which = next_random() % 12;
		struct spw_cell_place place;

		passed[which] += send(&line, 0, &crowd[which], BEGIN + n * (SECOND / 100 & ~SPW_CELL_TAG), &place);
	}
	for (u32 i = 0; i < 12; i++)
		assert_in_range(passed[i], 1, seconds + 10);
}

/* How many new sources are refused beside so many at their limits: Poisson, four or more in a set. */
static void crowds_are_refused_as_expected(void **state)
{
	static const u32 sizes[] = {10000, 64000, 262144};
	const u32 count = 1u << 18, asked = 400000;
	struct spw_line *lines = aligned_alloc(64, count * sizeof(*lines));

	(void)state;
	assert_non_null(lines);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		double mean = (double)sizes[i] / count, term = exp(-mean), expected = 1 - term, wrong = 0;
		struct source source = {.interval = 1000 * SECOND, .tolerance = 2000 * SECOND};
		struct spw_cell_place place;

		for (u32 k = 1; k < SPW_WAYS; k++)
			expected -= term *= mean / k;
		expected += mean / 65536;
		memset(lines, 0, count * sizeof(*lines));
		for (u32 n = 0; n < sizes[i]; n++) {
			source.hash = spw_mix(next_random());
			for (u32 k = 0; k < 4; k++)
				send(lines, count - 1, &source, BEGIN, &place);
		}
		for (u32 n = 0; n < asked; n++) {
			u64 hash = spw_mix(next_random());

			spw_cell_find(lines[spw_cell_line(hash) & (count - 1)].cells[0], hash, BEGIN, &place);
			wrong += place.backlog > source.tolerance;
		}
		wrong /= asked;
		print_message("%8u heavy: refused %.7f, expected %.7f\n", sizes[i], wrong, expected);
		/* Variance of two draws: of full sets, and of the sources tried. */
		assert_true(fabs(wrong - expected) < 5 * sqrt(expected / count + expected / asked) + 2.0 / asked);
	}
	free(lines);
}

/* ---- rates below a unit of time ---- */

static void rates_are_exact_in_the_mean(void **state)
{
	static const double rates[] = {1e3, 33333, 1e5, 1e6, 1e7};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		double seconds = 2e6 / rates[i] > 1 ? 2e6 / rates[i] : 1, admitted = 0, debt = 0, wanted;
		struct source source = {.hash = 5, .interval = (u64)((double)SECOND / rates[i] + 0.5)};
		struct spw_line line = {0};
		struct spw_cell_place place;

		source.tolerance = 1ull << SPW_CELL_SHIFT;
		wanted = rates[i] * seconds; /* to the last jiffy, plus one jiffy's worth at once */
		for (u64 jiffy = 0; jiffy < (u64)(seconds * HZ); jiffy++)
			for (debt += 2 * rates[i] / HZ; debt >= 1; debt--)
				admitted += send(&line, 0, &source, BEGIN + (jiffy << SPW_CELL_SHIFT), &place);
		if (fabs(admitted / wanted - 1) > 0.01)
			fail_msg("%.0f/s: %.0f in place of %.0f", rates[i], admitted, wanted);
	}
}

/* ---- several CPUs ---- */

/*
 * A CPU may stall between lookup and charge, as a virtual one that is descheduled. What others were charged meanwhile
 * is kept, in an own way and in a foreign one (fault 17).
 */
static void who_was_late_forgets_nothing(void **state)
{
	const struct source source = {.hash = 7, .interval = SECOND, .tolerance = 49 * SECOND},
			    other = {.hash = 8, .interval = SECOND, .tolerance = 49 * SECOND};

	(void)state;
	for (u32 used = 0; used < 2; used++) {
		struct source early = source, late = used ? source : other;
		struct spw_line line = {0};
		struct spw_cell_place seen, place;
		u32 admitted = 0;

		if (used)
			send(&line, 0, &late, BEGIN - 100 * SECOND, &place);
		for (u32 way = 0; way < SPW_WAYS && !used; way++)
			line.cells[0][way] |= 9 + way; /* idle, and foreign */
		spw_cell_find(line.cells[0], late.hash, BEGIN, &seen);
		for (u32 n = 0; n < 200; n++)
			admitted += send(&line, 0, &early, BEGIN, &place);
		assert_int_equal(admitted, 50);
		spw_cell_charge(line.cells[0], late.hash, &seen, BEGIN, SECOND, 0);
		assert_false(send(&line, 0, &early, BEGIN, &place));
		assert_true(place.backlog == 51 * SECOND);
	}
}

enum { THREADS = 4, CROWD = 12, PACKETS = 400000 };

static struct spw_line contended;
static u64 shared_now = BEGIN;

static void *hammer(void *context)
{
	u32 *passed = context;
	u64 random = (uintptr_t)context;

	for (u32 n = 0; n < PACKETS; n++) {
		u32 which = (random = random * 6364136223846793005ull + 1442695040888963407ull) >> 40 & 7;
		u64 hash = which + 1, now = __atomic_load_n(&shared_now, __ATOMIC_RELAXED);
		struct spw_cell_place place;

		if (!(n & 255))
			now = __atomic_add_fetch(&shared_now, SPW_CELL_UNIT << 6, __ATOMIC_RELAXED);
		spw_cell_find(contended.cells[0], hash, now, &place);
		if (place.backlog > 9 * SPW_CELL_UNIT << 6)
			continue;
		spw_cell_charge(contended.cells[0], hash, &place, now, SPW_CELL_UNIT << 6, 0);
		if (passed)
			passed[which]++;
	}
	return NULL;
}

/*
 * Eight sources from all CPUs in one set: at the end every word is whole, a time with the tag of one of them. Each
 * change of a way's owner admits at most one unit per CPU too many.
 */
static void processors_share_a_set(void **state)
{
	static u32 passed[THREADS][CROWD];
	pthread_t threads[THREADS];
	u64 units;

	(void)state;
	for (u32 i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, passed[i]), 0);
	for (u32 i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	units = (shared_now - BEGIN) / (SPW_CELL_UNIT << 6);
	for (u32 way = 0; way < SPW_WAYS; way++) {
		u64 word = contended.cells[0][way];

		assert_in_range(word & SPW_CELL_TAG, 1, 8);
		assert_true(spw_cell_backlog(word, shared_now) < (10 + 2 * THREADS) * (SPW_CELL_UNIT << 6));
	}
	for (u32 which = 0; which < 8; which++) {
		u64 sum = 0;

		for (u32 i = 0; i < THREADS; i++)
			sum += passed[i][which];
		assert_true(sum <= units + units / 50 + 10 + THREADS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_agree_with_the_model),  cmocka_unit_test(time_wraps),
		cmocka_unit_test(years_free_a_cell),	       cmocka_unit_test(a_full_set_is_shared),
		cmocka_unit_test(filling_a_set_gains_nothing), cmocka_unit_test(crowds_are_refused_as_expected),
		cmocka_unit_test(rates_are_exact_in_the_mean), cmocka_unit_test(who_was_late_forgets_nothing),
		cmocka_unit_test(processors_share_a_set),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
