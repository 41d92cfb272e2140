/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Invariants over random plants and loads, seeded. The plant checks at every packet and tick that priority is never
 * inverted, that no more is admitted than budget x time + depth, and that budgets stay within floor and ceiling.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runner.h"

#define ROUNDS 24

static double surge(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= 5 && time < 20 ? sim->setup.parameter : 0.3;
}

/* Loads that change every second, independently for each site. */
static double restless(const struct sim *sim, u32 site, double time)
{
	u64 mixed = (sim->setup.seed * 31 + site) * 1000003 + (u64)time;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
	return (double)((mixed ^ mixed >> 27) % 1000) / 1000 * sim->setup.parameter;
}

static void draw_classes(struct sim_setup *setup, u64 *state)
{
	u32 count = 2 + (u32)(sim_draw_from(state) * (SIM_CLASSES_MAX - 1));
	u8 shed_from = SPW_LEVEL_NEVER;
	double sum = 0;

	setup->policy.classes_count = count;
	for (u32 i = 0; i < count; i++) {
		struct spw_class_policy *class = &setup->policy.classes[i];

		/* The highest never; the others no later than the class above, and the lowest at yellow. */
		if (i == 1)
			shed_from = SPW_RED;
		else if (i && sim_draw_from(state) < 0.6 && shed_from > SPW_YELLOW)
			shed_from--;
		class->id = (u8)(i + 1);
		class->shed_from = i + 1 == count ? SPW_YELLOW : shed_from;
		class->cut_from = SPW_LEVEL_NEVER;
		class->reserve = spw_default_reserve(i, count);
		setup->shares[i] = (i ? 0.2 : 0.05) + sim_draw_from(state) * (i ? 1 : 0.1);
		sum += setup->shares[i];
	}
	for (u32 i = 0; i < count; i++)
		setup->shares[i] /= sum;
}

static void draw_site(struct sim_site_setup *site, u64 *state)
{
	site->capacity_per_s = 150 + sim_draw_from(state) * 1200;
	site->workers = 1 + (u32)(sim_draw_from(state) * 31);
	site->shape = sim_draw_from(state) < 0.5 ? SIM_EXPONENTIAL : SIM_FIXED;
	site->queue_limit = 64 + (u64)(sim_draw_from(state) * 1000);
	site->accepts_at_once = sim_draw_from(state) < 0.3;
	site->hides_reads = !site->accepts_at_once && sim_draw_from(state) < 0.3;
	site->hides_crowded = sim_draw_from(state) < 0.5;
}

static void draw_setup(struct sim_setup *setup, u64 seed, bool known)
{
	u64 state = seed * 0x9e3779b97f4a7c15ULL + 7;

	sim_defaults(setup);
	setup->seed = seed;
	draw_classes(setup, &state);
	draw_site(&setup->sites[0], &state);
	setup->page = sim_draw_from(&state) < 0.5 ? 1 : 3;
	setup->patience_s = 1 + sim_draw_from(&state) * 4;
	if (known)
		setup->policy.services[0].capacity_per_s = setup->sites[0].capacity_per_s;
}

/* Several services under random loads: the invariants hold, and each has its own budget. */
static void test_restless(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= ROUNDS; seed++) {
		struct sim_setup setup;
		struct sim *sim;
		u64 draws = seed;

		draw_setup(&setup, seed, seed % 2);
		setup.sites_count = setup.policy.services_count = 1 + (u32)seed % 3;
		for (u32 i = 1; i < setup.sites_count; i++) {
			draw_site(&setup.sites[i], &draws);
			setup.policy.services[i] =
				(struct spw_service_policy){.id = (u8)(i + 1), .wait_target_ns = 20000000};
		}
		if (seed % 4 == 3)
			setup.policy.classes[setup.policy.classes_count - 1].cut_from = SPW_RED;
		setup.load = restless;
		setup.parameter = 1 + (double)(seed % 7);
		sim = sim_new(&setup);
		sim_run(sim, 20);
		sim_end(sim, "restless");
	}
}

/* Below 0.8 of the capacity nothing is refused, whether it was learned or not. */
static void test_no_drops_below(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= ROUNDS; seed++) {
		struct sim_setup setup;
		struct sim *sim;

		draw_setup(&setup, seed, seed % 2);
		setup.page = 1;
		setup.load = sim_steady;
		setup.parameter = 0.75;
		sim = sim_new(&setup);
		sim_run(sim, 60);
		if (sim->sites[0].drops)
			fail_msg("seed %llu (%s capacity of %.0f/s): %llu dropped at 0.75 of it",
				 (unsigned long long)seed, seed % 2 ? "known" : "unknown",
				 setup.sites[0].capacity_per_s, (unsigned long long)sim->sites[0].drops);
		sim_end(sim, "calm");
	}
}

/* Time of the last retry of clients refused before @time: the end of the load. */
static double herd_gone(const struct sim_setup *setup, double time)
{
	return time + fmin(1.8 * setup->patience_s, 7);
}

/* After a load the level is green within the hold plus 10 s; at most one change in 10 s while it is steady. */
static void test_return(void **state)
{
	u32 restless_runs = 0;

	(void)state;
	for (u64 seed = 1; seed <= ROUNDS; seed++) {
		struct sim_setup setup;
		struct sim *sim;

		draw_setup(&setup, seed, seed % 2);
		setup.load = surge;
		setup.parameter = 1.5 + (double)(seed % 6);
		sim = sim_new(&setup);
		sim_run(sim, 20);
		restless_runs += sim_changes(sim, 8, 18) > 1;
		sim_run(sim, herd_gone(&setup, 20) + (double)setup.policy.hold_ns / 1e9 + 10);
		if (sim->decision.level != SPW_GREEN)
			fail_msg("seed %llu: level %u a hold and 10 s after the load", (unsigned long long)seed,
				 sim->decision.level);
		sim_end(sim, "surge");
	}
	print_message("# %u of %u surges with more than one level change in 10 s\n", restless_runs, ROUNDS);
	assert_int_equal(restless_runs, 0);
}

/* Good answers over random plants: the highest class is served, and the server is kept busy. */
static void test_goodput(void **state)
{
	double sum = 0, least = 2, top_sum = 0;
	u32 rounds = 0;

	(void)state;
	for (u64 seed = 1; seed <= ROUNDS; seed++, rounds++) {
		struct sim_setup setup;
		struct sim_score score;
		struct sim *sim;

		draw_setup(&setup, seed, true);
		setup.sites[0].hides_reads = false;
		setup.page = 1;
		setup.load = surge;
		setup.parameter = seed % 3 == 0 ? 2 : seed % 3 == 1 ? 5 : 10;
		setup.shares[0] = 0.05;
		sim = sim_new(&setup);
		score = sim_score(sim, "goodput", 5, 20);
		sum += score.good;
		least = fmin(score.good, least);
		top_sum += score.top_good;
		sim_end(sim, "goodput");
	}
	print_message(
		"# known capacity, 2x to 10x: good %.1f %% of capacity, at least %.1f %%; highest class %.2f %%\n",
		100 * sum / rounds, 100 * least, 100 * top_sum / rounds);
	assert_true(sum / rounds >= 0.85);
	assert_true(top_sum / rounds >= 0.99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restless),
		cmocka_unit_test(test_no_drops_below),
		cmocka_unit_test(test_return),
		cmocka_unit_test(test_goodput),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("properties", tests, NULL, NULL);
}
