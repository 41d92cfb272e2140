/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits: exactness, reseeding, how many sources a full table limits wrongly against the expected number
 * (faults 14, 15, 16, 18), and fair shares. Tests the code that the kernel runs.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/limit.h"
#include "maps/types.h"
#include "user/core/limits/fair.h"
#include "user/core/limits/limits.h"

#define HZ     250
#define SECOND 1000000000ull
#define BEGIN  4000000000ull /* jiffies */

static struct spw_meters *meters;
static struct spw_limits limits;
static struct spw_limit_policy policy;
static u64 jiffy;

static u64 next_random(void)
{
	static u64 state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void begin(void)
{
	memset(meters, 0, sizeof(*meters));
	memset(&limits, 0, sizeof(limits));
	limits.seeds[0] = 0x6a09e667f3bcc908;
	limits.seeds[1] = 0xbb67ae8584caa73b;
	policy = (struct spw_limit_policy){.classes_count = 1, .source_bits = {32, 64}, .prefix_bits = {24, 48}};
	jiffy = BEGIN;
}

static void set(u32 scope, u32 kind, double per_s, double burst)
{
	policy.classes[0].rates[scope][kind] = (struct spw_rate){per_s, burst};
	spw_limits_plan(&policy, NULL, HZ, &limits);
}

/* Like the datapath. Returns the reason. */
static u32 send(u64 source, u32 length, bool new_work)
{
	u32 active = limits.classes[0].active[SPW_GREEN], reason;
	struct spw_metering metering = {.now = jiffy << SPW_TICK_SHIFT,
					.active = new_work ? active : active & ~SPW_LIMITS_NEW,
					.length = length};

	reason = spw_limits_lookup(&limits, meters, source, 4, &metering);
	if (reason == SPW_REASON_ADMITTED)
		spw_limits_charge(&limits, meters, &metering);
	return reason;
}

static u64 address(u32 number)
{
	return (u64)(0xc6120000 + number) << 32;
}

/* Send at twice the rate for @seconds; returns the admitted rate, without the burst. */
static double measured_rate(u32 kind, double rate, double burst, u32 length, double seconds)
{
	double unit = kind == SPW_KIND_BITS ? 8.0 * length : 1, debt = 0, admitted = 0;
	u64 end = BEGIN + (u64)(seconds * HZ);

	begin();
	set(SPW_SCOPE_SOURCE, kind, rate, burst);
	for (; jiffy < end; jiffy++)
		for (debt += 2 * rate / unit / HZ + (jiffy == BEGIN ? burst / unit : 0); debt >= 1; debt--)
			admitted += unit * (send(address(1), length, kind == SPW_KIND_NEW) == SPW_REASON_ADMITTED);
	return (admitted - burst) / seconds;
}

static void rates_are_exact(void **state)
{
	static const struct {
		u32 kind;
		double rate, burst, seconds;
	} rows[] = {
		{SPW_KIND_NEW, 1.0 / 60, 1, 60000}, {SPW_KIND_NEW, 1, 1, 1000},	       {SPW_KIND_NEW, 3, 10, 1000},
		{SPW_KIND_PACKETS, 1000, 1000, 20}, {SPW_KIND_PACKETS, 33333, 10, 20}, {SPW_KIND_PACKETS, 1e6, 1000, 2},
		{SPW_KIND_PACKETS, 1e7, 1e5, 0.4},  {SPW_KIND_BITS, 1e4, 2e5, 3000},   {SPW_KIND_BITS, 5e7, 5e7, 10},
		{SPW_KIND_BITS, 1e10, 1e9, 1},	    {SPW_KIND_BITS, 1e11, 1e10, 0.4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double rate = measured_rate(rows[i].kind, rows[i].rate, rows[i].burst, 1000, rows[i].seconds);
		/* Both ends of the time may be off by a jiffy, a burst by its last unit. */
		double slack = rows[i].rate * 0.01 +
			       (2 * rows[i].rate / HZ + 1 + 16000 * (rows[i].kind == SPW_KIND_BITS)) / rows[i].seconds;

		if (fabs(rate - rows[i].rate) > slack)
			fail_msg("row %zu: %.6g/s in place of %.6g/s", i, rate, rows[i].rate);
	}
}

static void bursts_are_exact(void **state)
{
	u32 passed = 0;

	(void)state;
	begin();
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 10, 30);
	for (u32 i = 0; i < 100; i++)
		passed += send(address(1), 60, true) == SPW_REASON_ADMITTED;
	assert_int_equal(passed, 30);
	assert_int_equal(send(address(1), 60, true), SPW_REASON_SOURCE_NEW);
	assert_int_equal(send(address(1), 60, false), SPW_REASON_ADMITTED);
	assert_int_equal(send(address(2), 60, true), SPW_REASON_ADMITTED);
	jiffy += HZ;
	passed = 0;
	for (u32 i = 0; i < 100; i++)
		passed += send(address(1), 60, true) == SPW_REASON_ADMITTED;
	assert_int_equal(passed, 10);
}

static void refused_is_not_charged(void **state)
{
	u32 passed = 0;

	(void)state;
	begin();
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 1, 1);
	set(SPW_SCOPE_PREFIX, SPW_KIND_NEW, 1, 20);
	for (u32 i = 0; i < 1000; i++)
		send(address(1), 60, true);
	for (u32 i = 2; i < 200; i++)
		passed += send(address(i), 60, true) == SPW_REASON_ADMITTED;
	assert_int_equal(passed, 19);
	assert_int_equal(send(address(201), 60, true), SPW_REASON_PREFIX_NEW);
}

/* Fault 15. */
/*
 * A CPU may stall between lookup and charge, as a virtual one that is descheduled. What others admitted meanwhile stays
 * charged: nobody gets a second burst (fault 17).
 */
static void who_was_late_forgets_nothing(void **state)
{
	static const u32 scopes[] = {SPW_SCOPE_SOURCE, SPW_SCOPE_PREFIX};

	(void)state;
	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
		u32 admitted = 1;
		struct spw_metering late;

		begin();
		set(scopes[i], SPW_KIND_NEW, 10, 50);
		late = (struct spw_metering){
			.now = jiffy << SPW_TICK_SHIFT, .active = limits.classes[0].active[SPW_GREEN], .length = 60};
		assert_int_equal(spw_limits_lookup(&limits, meters, address(1), 4, &late), SPW_REASON_ADMITTED);
		for (u32 n = 0; n < 200; n++)
			admitted += send(address(1), 60, true) == SPW_REASON_ADMITTED;
		spw_limits_charge(&limits, meters, &late);
		for (u32 n = 0; n < 200; n++)
			admitted += send(address(1), 60, true) == SPW_REASON_ADMITTED;
		assert_in_range(admitted, 50, 52);
	}
}

static void prefixes_catch_rotation(void **state)
{
	u32 passed = 0;

	(void)state;
	begin();
	set(SPW_SCOPE_SOURCE, SPW_KIND_PACKETS, 10, 10);
	set(SPW_SCOPE_PREFIX, SPW_KIND_PACKETS, 100, 100);
	for (u32 i = 0; i < 100000; i++)
		passed += send(address((u32)next_random() & 255), 60, false) == SPW_REASON_ADMITTED;
	assert_int_equal(passed, 100);
}

/*
 * Faults 14, 16, 18: @heavy sources are at their limit, four times as many have sent once; how many new sources are
 * refused? Compared with the meters' fill, which the agent exports.
 */
static void one_crowd(u32 heavy)
{
	struct spw_fill fill = {0};
	double expected, wrong = 0, sigma;
	u32 asked = 200000;

	begin();
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 0.001, 3);
	for (u32 i = 0; i < 4 * heavy; i++)
		send(next_random() & ~0xffffffffull, 60, true);
	for (u32 i = 0; i < heavy; i++) {
		u64 source = next_random() & ~0xffffffffull;

		for (u32 j = 0; j < 4; j++)
			send(source, 60, true);
	}
	for (u32 i = 0; i < SPW_SOURCE_PAGES; i += 128)
		spw_fill_scan(&fill, meters->source, SPW_SOURCE_PAGES, 128, jiffy << SPW_TICK_SHIFT,
			      spw_least_tolerance(&limits, SPW_SCOPE_SOURCE, SPW_GREEN));
	assert_int_equal(fill.scans, 1);
	expected = spw_fill_wrong(&fill, limits.warming);
	for (u32 i = 0; i < asked; i++) {
		struct spw_metering metering = {.now = jiffy << SPW_TICK_SHIFT,
						.active = limits.classes[0].active[SPW_GREEN]};

		wrong += spw_limits_lookup(&limits, meters, next_random() & ~0xffffffffull, 4, &metering) !=
			 SPW_REASON_ADMITTED;
	}
	wrong /= asked;
	sigma = sqrt(expected / asked) + 1.0 / asked;
	print_message(
		"%8u heavy sources, four times as many light: used %.4f, over %.5f %.5f, wrong expected %.6f measured %.6f\n",
		heavy, fill.rows[0].used, fill.rows[0].over, fill.rows[1].over, expected, wrong);
	assert_true(fabs(wrong - expected) < 5 * sigma);
}

static void crowds_limit_as_expected(void **state)
{
	static const u32 sizes[] = {1000, 10000, 65536, 1000000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		one_crowd(sizes[i]);
}

/* ---- seeds ---- */

/* A source spends its burst, is silent for @silent_s, and comes again, repeatedly; returns how much it gets in all. */
static u32 spend(u64 longest_ns, u32 silent_s, u32 seconds)
{
	struct spw_reseeding reseeding = {0};
	u32 passed = 0;

	begin();
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 1.0 / 60, 10);
	for (u64 tick = 0; tick < seconds * 10ull; tick++) {
		u64 now = SECOND + tick * (SECOND / 10);

		jiffy = BEGIN + tick * HZ / 10;
		spw_reseed(&reseeding, now, longest_ns, next_random(), &limits);
		for (u32 i = 0; i < 20 && !(tick % (10ull * silent_s)); i++)
			passed += send(address(1), 60, true) == SPW_REASON_ADMITTED;
	}
	assert_true(reseeding.count > 0);
	return passed;
}

static void seeds_forget_nobody(void **state)
{
	u64 longest_ns;

	(void)state;
	begin();
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 1.0 / 60, 10);
	longest_ns = (u64)((double)spw_limits_longest(&limits) / HZ / (1 << SPW_TICK_SHIFT) * 1e9);
	assert_true(longest_ns >= 600 * SECOND);
	assert_in_range(spend(longest_ns, 45, 7200), 120, 131);
	/* Why warming must be long: with 20 s there would be burst after burst. */
	assert_true(spend(20 * SECOND, 45, 7200) > 300);
}

static void seeds_come_in_turn(void **state)
{
	struct spw_reseeding reseeding = {0};
	u64 seeds[SPW_ROWS], random = 7;
	u32 changes = 0, warming = 0;

	(void)state;
	begin();
	memcpy(seeds, limits.seeds, sizeof(seeds));
	for (u64 tick = 0; tick < 3000; tick++) {
		u32 differ;

		spw_reseed(&reseeding, SECOND + tick * (SECOND / 10), 2 * SECOND, ++random, &limits);
		differ = (seeds[0] != limits.seeds[0]) + (seeds[1] != limits.seeds[1]);
		/* A seed changes only after the row has been warming for a tick, and never both at once. */
		assert_true(differ <= 1);
		if (differ)
			assert_true(limits.warming[seeds[1] != limits.seeds[1]] == SPW_WARMING);
		assert_true(!(limits.warming[0] && limits.warming[1]));
		changes += differ;
		warming += limits.warming[0] || limits.warming[1];
		memcpy(seeds, limits.seeds, sizeof(seeds));
	}
	assert_in_range(changes, 4, 5);
	assert_in_range(warming, changes * 20, changes * 22 + 1);
	/* The agent was killed in the middle: the next one repeats all of the warming. */
	limits.warming[0] = SPW_WARMING;
	reseeding = (struct spw_reseeding){0};
	assert_false(spw_reseed(&reseeding, 1000 * SECOND, 2 * SECOND, 1, &limits));
	assert_false(spw_reseed(&reseeding, 1001 * SECOND, 2 * SECOND, 1, &limits));
	assert_true(spw_reseed(&reseeding, 1002 * SECOND, 2 * SECOND, 1, &limits));
	assert_true(!limits.warming[0] && !limits.warming[1]);
}

/* ---- fair shares ---- */

static double served(const double *rates, size_t count, double level)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += level > 0 && rates[i] > level ? level : rates[i];
	return sum;
}

static void fair_levels_fill_the_budget(void **state)
{
	double rates[64], sum, budget, level, more;

	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		size_t count = 1 + next_random() % 64;

		sum = 0;
		for (size_t i = 0; i < count; i++) {
			rates[i] = (double)(next_random() % 1000) * (next_random() % 8 ? 1 : 1000);
			sum += rates[i];
		}
		budget = sum * (double)(next_random() % 1500) / 1000;
		level = spw_fair_level(rates, count, budget);
		assert_true(fabs(served(rates, count, level) - fmin(sum, budget)) < 1e-6 * (1 + sum) ||
			    (level <= 0 && !(budget > 0)));
		more = spw_fair_level(rates, count, budget * 1.1);
		assert_true(more <= 0 || more >= level);
	}
}

static void light_sources_are_left_alone(void **state)
{
	const struct spw_fair_claim claims[] = {
		{1, 4, 2, 5000}, {2, 4, 2, 100}, {3, 4, 2, 50}, {4, 4, 1, 9999}, {5, 4, 2, NAN}};
	struct spw_fair_need need = {6000, 1200};
	double scratch[5], level;

	(void)state;
	level = spw_fair_rate(claims, 5, 2, &need, scratch);
	assert_true(fabs(level - 200) < 1e-9); /* 850 go to the unknown ones, 150 to the light ones */
	need.budget_per_s = 900;
	assert_true(fabs(spw_fair_rate(claims, 5, 2, &need, scratch) - 50) < 1e-9);
	need.budget_per_s = 6000;
	assert_true(spw_fair_rate(claims, 5, 2, &need, scratch) <= 0);
	assert_true(spw_fair_rate(claims, 5, 7, &need, scratch) <= 0);
}

static void fair_shares_become_limits(void **state)
{
	const double fair[] = {20};
	const struct spw_class_limits *class = &limits.classes[0];

	(void)state;
	begin();
	policy.classes[0].fair = true;
	policy.classes[0].from[SPW_SCOPE_SOURCE] = SPW_RED;
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 100, 100);
	assert_int_equal(class->active[SPW_GREEN], 0);
	spw_limits_plan(&policy, fair, HZ, &limits);
	assert_int_equal(class->active[SPW_GREEN],
			 SPW_LIMIT_BIT(SPW_SCOPE_SOURCE, SPW_KIND_NEW) | SPW_LIMIT_BIT(SPW_SCOPE_PREFIX, SPW_KIND_NEW));
	assert_int_equal(class->limits[SPW_SCOPE_SOURCE][SPW_KIND_NEW].interval_ticks,
			 ((u64)HZ << SPW_TICK_SHIFT) / 20);
	policy.classes[0].rates[SPW_SCOPE_SOURCE][SPW_KIND_NEW].per_s = 5;
	spw_limits_plan(&policy, fair, HZ, &limits);
	assert_int_equal(class->limits[SPW_SCOPE_SOURCE][SPW_KIND_NEW].interval_ticks, ((u64)HZ << SPW_TICK_SHIFT) / 5);
}

/* 10/min: one at once, then one every six seconds; a burst is at least one jiffy's worth, which admits an eleventh. */
static void slow_rates_are_exact(void **state)
{
	u32 passed = 0;

	(void)state;
	begin();
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 10.0 / 60, 1);
	for (u32 i = 0; i < 60 * HZ - 1; i++, jiffy++)
		passed += send(address(1), 60, true) == SPW_REASON_ADMITTED;
	assert_int_equal(passed, 10);
	set(SPW_SCOPE_SOURCE, SPW_KIND_NEW, 1.0 / 86400, 1);
	assert_int_equal(limits.classes[0].limits[SPW_SCOPE_SOURCE][SPW_KIND_NEW].interval_ticks,
			 86400ull * HZ << SPW_TICK_SHIFT);
}

/* Recorded rates keep the unit in which they were written. */
static void rates_are_recorded(void **state)
{
	static const struct {
		double count, seconds;
		const char *unit;
	} rows[] = {{1, 1, "/s"},    {2500, 1, "/s"}, {1e12, 1, "/s"},	{10, 60, "/min"}, {59, 60, "/min"},
		    {3, 3600, "/h"}, {7, 3600, "/h"}, {1, 86400, "/d"}, {5, 86400, "/d"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double per_s = rows[i].count / rows[i].seconds, number;

		assert_string_equal(spw_rate_unit(per_s, &number), rows[i].unit);
		assert_true(fabs(number - rows[i].count) < 1e-6);
		assert_true(fabs(spw_rate_recorded(spw_rate_record(per_s)) - per_s) <= per_s * 1e-12);
	}
	assert_int_equal(spw_rate_record(0), 0);
	assert_int_equal(spw_rate_record(2500), 2500); /* as earlier versions recorded it */
	assert_true(spw_rate_recorded(0) <= 0);
}

static int make_meters(void **state)
{
	(void)state;
	meters = aligned_alloc(64, sizeof(*meters));
	return meters ? 0 : -1;
}

static int free_meters(void **state)
{
	(void)state;
	free(meters);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_exact),
		cmocka_unit_test(bursts_are_exact),
		cmocka_unit_test(refused_is_not_charged),
		cmocka_unit_test(who_was_late_forgets_nothing),
		cmocka_unit_test(prefixes_catch_rotation),
		cmocka_unit_test(crowds_limit_as_expected),
		cmocka_unit_test(seeds_forget_nobody),
		cmocka_unit_test(seeds_come_in_turn),
		cmocka_unit_test(fair_levels_fill_the_budget),
		cmocka_unit_test(light_sources_are_left_alone),
		cmocka_unit_test(fair_shares_become_limits),
		cmocka_unit_test(slow_rates_are_exact),
		cmocka_unit_test(rates_are_recorded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_meters, free_meters);
}
