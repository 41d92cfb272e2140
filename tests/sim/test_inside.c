/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Servers that read at once and queue inside (asyncio, Go, Node, Java NIO): only answer wait shows their queue. Random
 * plants of unknown capacity: overload is shed, calm is not, and neither is a pause of what they wait for.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner.h"

#define SURGE_BEGINS 8.0
#define SURGE_ENDS   23.0

static double pause_seconds;

static double surge(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= SURGE_BEGINS && time < SURGE_ENDS ? sim->setup.parameter : 0.5;
}

static double stands(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= SURGE_BEGINS && time < SURGE_BEGINS + pause_seconds ? 0 : 1;
}

/* Workers that wait for 5 to 105 ms in each request. */
static void set_up(struct sim_setup *setup, u64 seed)
{
	u64 state = seed * 0x9e3779b97f4a7c15ULL + 7;
	u32 workers = 2 + (u32)(sim_draw_from(&state) * 30);
	double takes = 0.005 + sim_draw_from(&state) * 0.1;

	while (workers / takes > 1500 || workers / takes < 100)
		takes = 0.005 + sim_draw_from(&state) * 0.1, workers = 2 + (u32)(sim_draw_from(&state) * 30);
	sim_defaults(setup);
	setup->seed = seed;
	setup->sites[0] = (struct sim_site_setup){.capacity_per_s = workers / takes,
						  .workers = workers,
						  .shape = sim_draw_from(&state) < 0.5 ? SIM_EXPONENTIAL : SIM_FIXED,
						  .queue_limit = 4096,
						  .inside = true};
	setup->patience_s = 1 + sim_draw_from(&state) * 4;
}

static u64 seeds_wanted(u64 usual)
{
	const char *wanted = getenv("SPILLWAY_SEEDS");

	return wanted ? strtoull(wanted, NULL, 10) : usual;
}

static void test_surges(void **state)
{
	static const double loads[] = {2, 5};
	u64 seeds = seeds_wanted(16);

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		double good = 0, top = 0, least = 2;

		for (u64 seed = 1; seed <= seeds; seed++) {
			struct sim_setup setup;
			struct sim_score score;
			struct sim *sim;

			set_up(&setup, seed);
			setup.load = surge;
			setup.parameter = loads[i];
			sim = sim_new(&setup);
			score = sim_score(sim, "inside", SURGE_BEGINS, SURGE_ENDS);
			good += score.good / (double)seeds;
			top += score.top_good / (double)seeds;
			least = fmin(score.good, least);
			if (score.good < 0.8)
				print_message(
					"# seed %llu, %.0f/s, %u workers, %s: good %.1f %%, highest class %.1f %%\n",
					(unsigned long long)seed, setup.sites[0].capacity_per_s, setup.sites[0].workers,
					setup.sites[0].shape == SIM_FIXED ? "fixed" : "exp", 100 * score.good,
					100 * score.top_good);
			sim_end(sim, "inside");
		}
		print_message("# queue inside, %gx: good %.1f %% of capacity, highest class %.2f %%\n", loads[i],
			      100 * good, 100 * top);
		assert_true(good >= 0.85);
		assert_true(least >= 0.70);
		assert_true(top >= 0.95);
	}
}

static void test_pauses(void **state)
{
	static const double lengths[] = {0, 0.2, 0.4, 1};
	u64 seeds = seeds_wanted(16);
	u32 bad = 0, runs = 0;

	(void)state;
	for (u32 i = 0; i < 4; i++)
		for (u64 seed = 1; seed <= seeds; seed++) {
			struct sim_setup setup;
			struct sim *sim;
			u64 refused;

			pause_seconds = lengths[i];
			set_up(&setup, seed);
			setup.load = sim_steady;
			setup.parameter = 0.65;
			setup.strength = stands;
			sim = sim_new(&setup);
			sim_run(sim, SURGE_BEGINS + 12);
			refused = sim_sum(sim, 0).refused;
			runs++;
			bad += refused > 0;
			if (refused)
				print_message("# seed %llu, %.0f/s, %u workers, pause of %.1f s: %llu refused\n",
					      (unsigned long long)seed, setup.sites[0].capacity_per_s,
					      setup.sites[0].workers, pause_seconds, (unsigned long long)refused);
			sim_end(sim, "pause");
		}
	print_message("# %u of %u runs with refusals\n", bad, runs);
	assert_true(bad * 30 <= runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_surges),
		cmocka_unit_test(test_pauses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("inside", tests, NULL, NULL);
}
