/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shops as they are, over random plants: pages of several connections, keep-alive beside new connections, and outages
 * whose queue is of visitors who have gone. Stalls have test_stalls, queues inside an application test_inside.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner.h"

#define BEGINS 8.0
#define ENDS   23.0

/* What is drawn, of one run: set before it. */
static double outage_seconds;

static double surge(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= BEGINS && time < ENDS ? sim->setup.parameter : 0.3;
}

static double stands(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= BEGINS && time < BEGINS + outage_seconds ? 0 : 1;
}

static double within(u64 *state, double least, double most)
{
	return least + sim_draw_from(state) * (most - least);
}

/* An event loop, workers, or workers behind a proxy; the capacity is known in every second run. */
static void set_up(struct sim_setup *setup, u64 seed, u64 *state)
{
	struct sim_site_setup *site = &setup->sites[0];
	u32 kind;

	*state = seed * 0x9e3779b97f4a7c15ULL + 7;
	kind = (u32)(sim_draw_from(state) * 3);
	sim_defaults(setup);
	setup->seed = seed;
	setup->patience_s = within(state, 3, 10);
	*site = (struct sim_site_setup){.capacity_per_s = within(state, 200, 1200),
					.workers = kind ? 2 + (u32)(sim_draw_from(state) * 30) : 1,
					.shape = sim_draw_from(state) < 0.5 ? SIM_EXPONENTIAL : SIM_FIXED,
					.queue_limit = 4096,
					.accepts_at_once = kind != 1,
					.requests = kind == 2 ? within(state, 0.8, 2) : 0};
	setup->policy.services[0].behind = kind == 2;
	if (seed % 2)
		setup->policy.services[0].capacity_per_s = site->capacity_per_s;
}

static u64 seeds_wanted(u64 usual)
{
	const char *wanted = getenv("SPILLWAY_SEEDS");

	return wanted ? strtoull(wanted, NULL, 10) : usual;
}

/* Mean, worst, and the highest class. */
struct figures {
	double good, least, top;
};

static void add(struct figures *figures, double good, double top, u64 seeds)
{
	figures->good += good / (double)seeds;
	figures->top += top / (double)seeds;
	figures->least = figures->least > 0 ? fmin(figures->least, good) : good;
}

static void judge(const char *what, const struct figures *figures, double good, double least, double top)
{
	print_message("# %s: good %.1f %%, at least %.1f %%, highest class %.2f %%\n", what, 100 * figures->good,
		      100 * figures->least, 100 * figures->top);
	assert_true(figures->good >= good);
	assert_true(figures->least >= least);
	assert_true(figures->top >= top);
}

/* A browser opens one connection and then the others: who is let in gets the whole page. */
static void test_pages(void **state)
{
	u64 seeds = seeds_wanted(24), random;
	struct figures figures = {0};

	(void)state;
	for (u64 seed = 1; seed <= seeds; seed++) {
		struct sim_setup setup;
		struct sim *sim;
		double good = 0;

		set_up(&setup, seed, &random);
		setup.page = 2 + (u32)(sim_draw_from(&random) * 9);
		setup.browsers = true;
		setup.load = surge;
		setup.parameter = within(&random, 1.5, 5);
		sim = sim_new(&setup);
		sim_score(sim, "pages", BEGINS, ENDS);
		for (u32 i = 0; i < setup.policy.classes_count; i++)
			good += (double)sim->sites[0].pages[i].good;
		good /= setup.sites[0].capacity_per_s / setup.page * (ENDS - BEGINS);
		add(&figures, good, (double)sim->sites[0].pages[0].good / (double)sim->sites[0].pages[0].offered,
		    seeds);
		if (good < 0.7)
			print_message("# seed %llu: %.1f %% of the pages of %u at %.1fx\n", (unsigned long long)seed,
				      100 * good, setup.page, setup.parameter);
		sim_end(sim, "pages");
	}
	judge("pages", &figures, 0.82, 0.60, 0.98);
}

static double surge_at_2(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= 2 ? sim->setup.parameter : 0.5;
}

/*
 * The shop of tests/loop from the first second of a surge, before the number of connections of a page is learned. A
 * retry of one of them makes the whole page late, so the budget is for first attempts.
 */
static void test_pages_from_the_start(void **state)
{
	static const double shares[] = {0.07, 0.43, 0.35, 0.15};
	u64 seeds = seeds_wanted(24);
	struct figures figures = {0};

	(void)state;
	for (u64 i = 0; i < 4 * seeds; i++) {
		bool behind = i % 2, five = i % 4 > 1;
		struct sim_setup setup;
		struct sim *sim;
		double good = 0;

		sim_defaults(&setup);
		memcpy(setup.shares, shares, sizeof(shares));
		setup.seed = 1 + i / 4;
		setup.sites[0] = (struct sim_site_setup){.capacity_per_s = 300,
							 .workers = behind ? 12 : 1,
							 .shape = SIM_FIXED,
							 .queue_limit = 4096,
							 .accepts_at_once = true,
							 .requests = behind,
							 .packet_ns = behind ? 0 : 20000};
		setup.policy.services[0].behind = behind;
		setup.policy.services[0].capacity_per_s = 300;
		setup.sources = 4096;
		setup.patience_s = 10;
		setup.page = 8;
		setup.browsers = true;
		setup.load = surge_at_2;
		setup.parameter = five ? 5 : 2;
		sim = sim_new(&setup);
		sim_score(sim, "pages from the start", 2, 14);
		for (u32 rank = 0; rank < 4; rank++)
			good += (double)sim->sites[0].pages[rank].good * setup.page / (300 * 12);
		add(&figures, good, (double)sim->sites[0].pages[0].good / (double)sim->sites[0].pages[0].offered,
		    4 * seeds);
		sim_end(sim, "pages from the start");
	}
	judge("pages from the start", &figures, 0.80, 0.65, 0.985);
}

/* Part of the work comes on connections that stand and pass every rule: the others get what it leaves. */
static void test_keep_alive(void **state)
{
	u64 seeds = seeds_wanted(24), random;
	struct figures figures = {0};

	(void)state;
	for (u64 seed = 1; seed <= seeds; seed++) {
		struct sim_setup setup;
		struct sim_score score;
		struct sim *sim;
		double kept;

		set_up(&setup, seed, &random);
		setup.sites[0].requests = 0;
		setup.policy.services[0].behind = false;
		kept = within(&random, 0.1, 0.4);
		setup.sites[0].kept_per_s = kept * setup.sites[0].capacity_per_s;
		setup.load = surge;
		setup.parameter = within(&random, 1.5, 5);
		sim = sim_new(&setup);
		score = sim_score(sim, "keep-alive", BEGINS, ENDS);
		add(&figures, score.good / (1 - kept), score.top_good, seeds);
		if (score.good / (1 - kept) < 0.7)
			print_message("# seed %llu: %.1f %% of what %.0f %% of kept work leaves, at %.1fx\n",
				      (unsigned long long)seed, 100 * score.good / (1 - kept), 100 * kept,
				      setup.parameter);
		sim_end(sim, "keep-alive");
	}
	judge("beside keep-alive, of what that leaves", &figures, 0.92, 0.80, 0.99);
}

/* From 2 s after an outage of some seconds for 6 s, of what comes: with or without connections that are ended. */
static struct figures outages(double ends_after_s)
{
	u64 seeds = seeds_wanted(24), random;
	struct figures figures = {0};

	for (u64 seed = 1; seed <= seeds; seed++) {
		struct sim_setup setup;
		struct sim_score score;
		struct sim *sim;
		double back;

		set_up(&setup, seed, &random);
		outage_seconds = within(&random, 1, 6);
		back = BEGINS + outage_seconds;
		setup.sites[0].ends_after_s = ends_after_s;
		setup.strength = stands;
		setup.load = sim_steady;
		setup.parameter = within(&random, 0.5, 0.8);
		sim = sim_new(&setup);
		score = sim_score(sim, "outage", back + 2, back + 8);
		add(&figures, score.good / setup.parameter, score.top_good, seeds);
		if (ends_after_s > 0 && score.good / setup.parameter < 0.7)
			print_message("# seed %llu: %.1f %% after %.1f s at %.2f\n", (unsigned long long)seed,
				      100 * score.good / setup.parameter, outage_seconds, setup.parameter);
		sim_end(sim, "outage");
	}
	return figures;
}

static void test_outages(void **state)
{
	struct figures without, with;

	(void)state;
	without = outages(0);
	with = outages(1);
	judge("after outages, of what comes", &without, 0.80, 0.25, 0.97);
	judge("the same with a patience of 1 s", &with, 0.96, 0.90, 0.98);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_pages_from_the_start),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_outages),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("shoppers", tests, NULL, NULL);
}
