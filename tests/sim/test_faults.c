/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals that are wrong, absent, stuck or NaN (fault 36), a stopped agent (23), clocks that jump (34), counters that
 * wrap (35) and loads at a threshold (47): the budget stays within floor and ceiling, the level is calm, and without a
 * lease everything passes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runner.h"

/* Overload from 10 to 20 s, a third of the capacity otherwise. */
static double surge(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= 10 && time < 20 ? sim->setup.parameter : 0.33;
}

static double stands_from_15_to_17(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 15 && time < 17 ? 0 : 1;
}

/* One wrong number after the other, a second each. */
static bool garble(struct sim *sim, struct spw_facts *facts)
{
	static const double odd[] = {NAN, INFINITY, -INFINITY, -1, 1e300, 0};
	struct spw_service_facts *its = &facts->services[0];
	u32 kind = (u32)sim->time % 12;
	double value = odd[(u32)(sim->time * 10) % 6];

	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		facts->host[i] = (struct spw_reading){.value = value, .present = true};
	its->probe = (struct spw_reading){.value = value, .present = true};
	if (kind == 1)
		memset(its->waits, 0xff, sizeof(its->waits));
	else if (kind == 2)
		its->first_reads = UINT64_MAX / 3;
	else if (kind == 3)
		its->oldest_unread_ns = UINT64_MAX;
	else if (kind == 4)
		its->queue = UINT64_MAX;
	else if (kind == 5)
		its->fresh[0][SPW_PASS] -= 1000000;
	else if (kind == 6)
		its->waits_present = its->queue_present = false;
	else if (kind == 7)
		its->crowded[1] = UINT64_MAX;
	else if (kind == 8)
		its->queue = its->queue_limit;
	return true;
}

static bool absent(struct sim *sim, struct spw_facts *facts)
{
	if (sim->time < 15)
		return true;
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		facts->host[i].present = false;
	facts->services[0].waits_present = facts->services[0].queue_present = false;
	return true;
}

/* The signals are stuck at their worst of the surge. */
static bool stuck(struct sim *sim, struct spw_facts *facts)
{
	static struct spw_service_facts kept;
	struct spw_service_facts *its = &facts->services[0];

	if (sim->time < 10.5)
		kept = *its;
	else {
		memcpy(its->waits, kept.waits, sizeof(kept.waits));
		its->first_reads = kept.first_reads;
		its->oldest_unread_ns = 1000000000;
		its->queue = its->queue_limit;
	}
	return true;
}

/* Every read seems to have waited for a second, whatever is done; the surge goes on. */
static bool slow_reads(struct sim *sim, struct spw_facts *facts)
{
	struct spw_service_facts *its = &facts->services[0];
	u64 reads = 0;

	if (sim->time < 10.5)
		return true;
	for (u32 i = 0; i < SPW_WAIT_BUCKETS; i++) {
		reads += its->waits[i];
		its->waits[i] = 0;
	}
	its->waits[spw_wait_bucket(1000000000)] = reads;
	return true;
}

static bool stops_for_30s(struct sim *sim, struct spw_facts *facts)
{
	(void)facts;
	return sim->time < 30 || sim->time > 60;
}

static bool slow_clock(struct sim *sim, struct spw_facts *facts)
{
	/* Repeated and earlier times: CLOCK_MONOTONIC never does so, and it must not matter. */
	if ((u32)(sim->time * 10) % 7 == 3)
		facts->now_ns -= 500000000;
	return true;
}

static void survive(const char *what, bool (*tamper)(struct sim *, struct spw_facts *))
{
	for (int known = 0; known <= 1; known++) {
		struct sim *sim =
			sim_begin(&(struct sim_case){.load = surge, .parameter = 3, .tamper = tamper, .known = known});

		sim->setup.policy.services[0].probe_limit = 100;
		sim_run(sim, 60);
		assert_true(sim->least_floor >= sim->setup.policy.floor - 1e-9);
		assert_true(sim->most_ceiling <= sim->setup.policy.ceiling + 1e-9);
		sim_end(sim, what);
	}
}

static void test_wrong_signals(void **state) /* fault 36, fault 35 */
{
	(void)state;
	survive("garbled", garble);
	survive("stuck", stuck);
	survive("time stands", slow_clock);
}

/* Wrong signals never make a learned capacity fall without end. */
static void keep_capacity(bool (*tamper)(struct sim *, struct spw_facts *))
{
	struct sim *sim = sim_begin(&(struct sim_case){.load = sim_steady, .parameter = 2, .tamper = tamper});
	double before, least = 1e9;

	spw_memory_learned(sim->memory, 0)->capacity_per_s = 950;
	spw_memory_learned(sim->memory, 0)->served_peak_per_s = 950;
	sim_run(sim, 10.4);
	before = spw_memory_learned(sim->memory, 0)->capacity_per_s;
	for (double time = 10.5; time < 70; time += 0.5) {
		sim_run(sim, time);
		least = fmin(least, spw_memory_learned(sim->memory, 0)->capacity_per_s);
	}
	assert_true(least >= sim->setup.policy.floor * before - 1);
	sim_end(sim, "stuck");
}

static void test_stuck_capacity(void **state) /* fault 36 */
{
	(void)state;
	keep_capacity(stuck);
	keep_capacity(slow_reads);
}

/* All signals disappear: the level goes down to green, and this is reported. */
static void test_blind(void **state) /* fault 36 */
{
	struct sim *sim = sim_begin(&(struct sim_case){.load = sim_steady, .parameter = 3, .tamper = absent});

	(void)state;
	sim_run(sim, 14);
	assert_true(sim->decision.level > SPW_GREEN);
	assert_false(sim->decision.blind);
	sim_run(sim, 15.5);
	assert_true(sim->decision.blind);
	assert_int_equal(sim->decision.rule, SPW_RULE_HOLD);
	sim_run(sim, 15 + 5 + 10);
	assert_int_equal(sim->decision.level, SPW_GREEN);
	assert_int_equal(sim->decision.rule, SPW_RULE_BLIND);
	assert_true(sim->decision.services[0].budget_per_s == 0);
	sim_end(sim, "absent");
}

/* The agent is stopped in a calm time: nothing is dropped without the lease, and the gap raises no level. */
static void test_stopped(void **state) /* fault 23, fault 34 */
{
	struct sim_case its = {.load = sim_steady, .parameter = 0.7, .tamper = stops_for_30s, .known = true};
	struct sim *sim = sim_begin(&its);
	u64 drops;

	(void)state;
	sim_run(sim, 90);
	assert_int_equal(sim->changes_count, 0);
	sim_end(sim, "stopped");
	/* And under overload: without the lease nothing is dropped; afterwards shedding continues. */
	its.parameter = 2;
	sim = sim_begin(&its);
	sim_run(sim, 34);
	drops = sim->sites[0].drops;
	sim_run(sim, 59.9);
	assert_int_equal(sim->sites[0].drops, drops);
	assert_true(drops > 0);
	sim_run(sim, 65);
	assert_true(sim->sites[0].drops > drops);
	assert_true(sim->decision.level > SPW_GREEN);
	sim_end(sim, "stopped in overload");
}

/* At and around a threshold for an hour: at most three level changes in any minute, after the start. */
static void test_on_the_threshold(void **state) /* fault 47 */
{
	static const double loads[] = {0.93, 0.95, 0.97, 1.0, 1.1};

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct sim *sim = sim_begin(&(struct sim_case){.load = sim_steady, .parameter = loads[i]});
		u32 most = 0;

		sim->setup.sites[0].capacity_per_s = 100;
		sim->setup.policy.services[0].capacity_per_s = 100;
		sim_run(sim, 3600);
		for (double from = 0; from < 3540; from += 10)
			if (sim_changes(sim, from, from + 60) > most)
				most = sim_changes(sim, from, from + 60);
		print_message("# load %.2f for an hour: %u level changes, %u in a minute at the most\n", loads[i],
			      sim->changes_count, most);
		assert_true(most <= 3);
		assert_true(sim->changes_count <= 60);
		sim_end(sim, "threshold");
	}
}

/* A server stalled for two seconds: the wait is the age of what waits, never zero; its capacity survives. */
static void test_stalled(void **state)
{
	struct sim *sim =
		sim_begin(&(struct sim_case){.load = sim_steady, .parameter = 0.5, .strength = stands_from_15_to_17});

	(void)state;
	spw_memory_learned(sim->memory, 0)->capacity_per_s = 950;
	sim_run(sim, 16.9);
	assert_int_equal(sim->decision.services[0].wait_source, SPW_WAIT_READ);
	assert_true(sim->decision.services[0].wait_ns > 1500000000);
	assert_true(sim->decision.services[0].saturated);
	sim_run(sim, 30);
	assert_true(spw_memory_learned(sim->memory, 0)->capacity_per_s > 700);
	sim_end(sim, "stalled");
}

/* Learned values are clamped: damaged numbers are forgotten, and it is at most 1.25 times what was seen. */
static void test_learned_clamped(void **state)
{
	struct sim *sim = sim_begin(&(struct sim_case){.load = sim_steady, .parameter = 0.5});

	(void)state;
	*spw_memory_learned(sim->memory, 0) = (struct spw_learned){.capacity_per_s = 1e6, .served_peak_per_s = 1000};
	sim_run(sim, 5);
	assert_true(sim->decision.services[0].capacity_per_s <= 1250);
	*spw_memory_learned(sim->memory, 0) = (struct spw_learned){.capacity_per_s = NAN, .served_peak_per_s = -1};
	sim_run(sim, 6);
	assert_int_equal(sim->decision.services[0].origin, SPW_CAPACITY_UNKNOWN);
	assert_true(sim->decision.services[0].budget_per_s == 0);
	sim_end(sim, "clamped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_signals),
		cmocka_unit_test(test_stuck_capacity),
		cmocka_unit_test(test_blind),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_on_the_threshold),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_learned_clamped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
