/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals that are wrong, absent, stuck or no numbers (fault 36), an agent that is stopped (23), clocks that jump (34),
 * counters that wrap (35) and loads on a threshold (47): the budget keeps within floor and ceiling, the level is calm,
 * and what nobody commands passes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plant.h"

static double steady(const struct sim *sim, u32 site, double time)
{
	(void)site;
	(void)time;
	return sim->setup.parameter;
}

/* Overload from 10 to 20 s, a third of the capacity otherwise. */
static double surge(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= 10 && time < 20 ? sim->setup.parameter : 0.33;
}

static double healthy(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	(void)time;
	return 1;
}

static double stands_from_15_to_17(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 15 && time < 17 ? 0 : 1;
}

static void check(const struct sim *sim, const char *what)
{
	if (sim->broken)
		fail_msg("%s: %s, at %.1f s", what, sim->broken, sim->broken_at);
}

/* One wrong number after the other, each for a second. */
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

/* The signals stand still, at what they were in the worst of the surge. */
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

static bool stops_for_30s(struct sim *sim, struct spw_facts *facts)
{
	(void)facts;
	return sim->time < 30 || sim->time > 60;
}

static bool slow_clock(struct sim *sim, struct spw_facts *facts)
{
	/* The same moment again, and moments before: CLOCK_MONOTONIC never does so, and it must not matter. */
	if ((u32)(sim->time * 10) % 7 == 3)
		facts->now_ns -= 500000000;
	return true;
}

static void survive(const char *what, bool (*tamper)(struct sim *, struct spw_facts *))
{
	for (int known = 0; known <= 1; known++) {
		struct sim_setup setup;
		struct sim *sim;

		sim_defaults(&setup);
		setup.load = surge;
		setup.parameter = 3;
		setup.tamper = tamper;
		setup.policy.services[0].probe_limit = 100;
		if (known)
			setup.policy.services[0].capacity_per_s = 950;
		sim = sim_new(&setup);
		sim_run(sim, 60);
		check(sim, what);
		assert_true(sim->least_floor >= setup.policy.floor - 1e-9);
		assert_true(sim->most_ceiling <= setup.policy.ceiling + 1e-9);
		sim_free(sim);
	}
}

static void test_wrong_signals(void **state) /* fault 36, fault 35 */
{
	(void)state;
	survive("garbled", garble);
	survive("stuck", stuck);
	survive("time stands", slow_clock);
}

/* Stuck signals never let a learned capacity fall without end. */
static void test_stuck_capacity(void **state) /* fault 36 */
{
	struct sim_setup setup;
	struct sim *sim;
	double before;

	(void)state;
	sim_defaults(&setup);
	setup.load = surge;
	setup.parameter = 2;
	setup.tamper = stuck;
	sim = sim_new(&setup);
	spw_memory_learned(sim->memory, 0)->capacity_per_s = 950;
	spw_memory_learned(sim->memory, 0)->served_peak_per_s = 950;
	sim_run(sim, 10.4);
	before = spw_memory_learned(sim->memory, 0)->capacity_per_s;
	sim_run(sim, 70);
	check(sim, "stuck");
	assert_true(spw_memory_learned(sim->memory, 0)->capacity_per_s >= setup.policy.floor * before - 1);
	sim_free(sim);
}

/* All signals disappear: the level decays to green, and it is said. */
static void test_blind(void **state) /* fault 36 */
{
	struct sim_setup setup;
	struct sim *sim;

	(void)state;
	sim_defaults(&setup);
	setup.load = steady;
	setup.parameter = 3;
	setup.tamper = absent;
	sim = sim_new(&setup);
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
	sim_free(sim);
}

/* The agent is stopped in a calm time: nothing is dropped while its lease is over, and no level is raised by the gap. */
static void test_stopped(void **state) /* fault 23, fault 34 */
{
	struct sim_setup setup;
	struct sim *sim;
	u64 drops;

	(void)state;
	sim_defaults(&setup);
	setup.load = steady;
	setup.parameter = 0.7;
	setup.tamper = stops_for_30s;
	setup.policy.services[0].capacity_per_s = 950;
	sim = sim_new(&setup);
	sim_run(sim, 90);
	check(sim, "stopped");
	assert_int_equal(sim->changes_count, 0);
	sim_free(sim);
	/* And under overload: once the lease is over nothing is dropped; afterwards shedding goes on. */
	setup.parameter = 2;
	sim = sim_new(&setup);
	sim_run(sim, 34);
	drops = sim->sites[0].drops;
	sim_run(sim, 59.9);
	assert_int_equal(sim->sites[0].drops, drops);
	assert_true(drops > 0);
	sim_run(sim, 65);
	assert_true(sim->sites[0].drops > drops);
	assert_true(sim->decision.level > SPW_GREEN);
	check(sim, "stopped in overload");
	sim_free(sim);
}

/* Exactly on and around a threshold for an hour: no more than three level changes in any minute, once it has begun. */
static void test_on_the_threshold(void **state) /* fault 47 */
{
	static const double loads[] = {0.93, 0.95, 0.97, 1.0, 1.1};

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct sim_setup setup;
		struct sim *sim;
		u32 most = 0;

		sim_defaults(&setup);
		setup.load = steady;
		setup.strength = healthy;
		setup.parameter = loads[i];
		setup.sites[0].capacity_per_s = 100;
		setup.policy.services[0].capacity_per_s = 100;
		sim = sim_new(&setup);
		sim_run(sim, 3600);
		check(sim, "threshold");
		for (double from = 0; from < 3540; from += 10)
			if (sim_changes(sim, from, from + 60) > most)
				most = sim_changes(sim, from, from + 60);
		print_message("# load %.2f for an hour: %u level changes, %u in a minute at the most\n", loads[i],
			      sim->changes_count, most);
		assert_true(most <= 6);
		assert_true(sim->changes_count <= 240);
		sim_free(sim);
	}
}

/* A server that stands still for two seconds counts as the age of what waits, never as zero; its capacity survives. */
static void test_stalled(void **state)
{
	struct sim_setup setup;
	struct sim *sim;

	(void)state;
	sim_defaults(&setup);
	setup.load = steady;
	setup.parameter = 0.5;
	setup.strength = stands_from_15_to_17;
	sim = sim_new(&setup);
	spw_memory_learned(sim->memory, 0)->capacity_per_s = 950;
	sim_run(sim, 16.9);
	assert_int_equal(sim->decision.services[0].wait_source, SPW_WAIT_READ);
	assert_true(sim->decision.services[0].wait_ns > 1500000000);
	assert_true(sim->decision.services[0].saturated);
	sim_run(sim, 30);
	assert_true(spw_memory_learned(sim->memory, 0)->capacity_per_s > 700);
	sim_free(sim);
}

/* What was learned is clamped: damaged numbers are forgotten, and it is never more than was seen, and a quarter. */
static void test_learned_clamped(void **state)
{
	struct sim_setup setup;
	struct sim *sim;

	(void)state;
	sim_defaults(&setup);
	setup.load = steady;
	setup.parameter = 0.5;
	sim = sim_new(&setup);
	*spw_memory_learned(sim->memory, 0) = (struct spw_learned){.capacity_per_s = 1e6, .served_peak_per_s = 1000};
	sim_run(sim, 5);
	assert_true(sim->decision.services[0].capacity_per_s <= 1250);
	*spw_memory_learned(sim->memory, 0) = (struct spw_learned){.capacity_per_s = NAN, .served_peak_per_s = -1};
	sim_run(sim, 6);
	assert_int_equal(sim->decision.services[0].origin, SPW_CAPACITY_UNKNOWN);
	assert_true(sim->decision.services[0].budget_per_s == 0);
	check(sim, "clamped");
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_signals),	 cmocka_unit_test(test_stuck_capacity),
		cmocka_unit_test(test_blind),		 cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_on_the_threshold), cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_learned_clamped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
