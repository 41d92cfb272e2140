/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The closed loop in named scenarios: how much of the capacity is served, to whom, and how calm the level is. Each test
 * prints its figures.
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

#define SURGE_BEGINS 10.0
#define SURGE_ENDS   25.0

static double surge(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= SURGE_BEGINS && time < SURGE_ENDS ? sim->setup.parameter : 0.5;
}

static double sawtooth(const struct sim *sim, u32 site, double time)
{
	double phase = fmod(time, 10) / 5;

	(void)sim;
	(void)site;
	return 0.8 + 0.4 * (phase < 1 ? phase : 2 - phase);
}

static double ramp(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return fmin(0.5 + 0.02 * time, 1.5);
}

static double half_from_30(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time < 30 ? 1 : 0.5;
}

static double outage(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 20 && time < 28 ? 0 : 1;
}

/* Run until @to, count from @from on, and print the results. */
static struct sim_score score_of(struct sim *sim, const char *name, double from, double to)
{
	struct sim_score score = sim_score(sim, name, from, to);

	print_message("# %-24s good %5.1f %% of capacity, highest class %6.2f %% (under 250 ms %6.2f %%), "
		      "refused %6.3f %%, %u level changes\n",
		      name, 100 * score.good, 100 * score.top_good, 100 * score.top_prompt, 100 * score.refused,
		      sim_changes(sim, from, to));
	return score;
}

struct surge_case {
	double load;
	bool known; /* of the capacity */
	bool hides_crowded;
	double requests; /* that a proxy makes of a connection, accepting everything at once; 0: no proxy */
};

/* Means over a few seeds, as one run of 15 s has 2 % of noise. */
static void surges(const struct surge_case *how, double least, double least_top)
{
	double good = 0, top = 0, prompt = 0;
	const int seeds = 6;
	char name[64];

	snprintf(name, sizeof(name), "%gx %s%s%s", how->load, how->known ? "known" : "unknown",
		 how->hides_crowded ? ", totals only" : "", how->requests > 0 ? ", proxy" : "");
	for (int seed = 1; seed <= seeds; seed++) {
		struct sim *sim = sim_begin(&(struct sim_case){
			.seed = (u64)seed, .load = surge, .parameter = how->load, .known = how->known});
		struct sim_score score;

		sim->setup.sites[0].hides_crowded = how->hides_crowded;
		if (how->requests > 0) {
			sim->setup.sites[0].accepts_at_once = true;
			sim->setup.sites[0].requests = how->requests;
			sim->setup.policy.services[0].behind = true;
		}
		score = score_of(sim, name, SURGE_BEGINS, SURGE_ENDS);
		good += score.good / seeds;
		top += score.top_good / seeds;
		prompt += score.top_prompt / seeds;
		/* Hold plus 10 s; behind a proxy the served rate is noisier, and one seed in 54 takes 17 s. */
		sim_run(sim, SURGE_ENDS + (how->requests > 0 ? 20 : 15));
		assert_int_equal(sim->decision.level, SPW_GREEN);
		sim_end(sim, name);
	}
	if (good < least || top < least_top || (how->known && prompt < least_top))
		fail_msg("%s, %g requests each: good %.3f, highest class %.4f, under 250 ms %.4f", name, how->requests,
			 good, top, prompt);
}

static void test_surge_known(void **state)
{
	(void)state;
	surges(&(struct surge_case){.load = 2, .known = true}, 0.88, 0.99);
	surges(&(struct surge_case){.load = 5, .known = true}, 0.88, 0.99);
	surges(&(struct surge_case){.load = 10, .known = true}, 0.88, 0.99);
}

static void test_surge_unknown(void **state)
{
	(void)state;
	surges(&(struct surge_case){.load = 2}, 0.85, 0.99);
	surges(&(struct surge_case){.load = 5}, 0.85, 0.99);
	surges(&(struct surge_case){.load = 10}, 0.85, 0.99);
}

static void test_surge_by_totals(void **state)
{
	(void)state;
	surges(&(struct surge_case){.load = 2, .known = true, .hides_crowded = true}, 0.85, 0.99);
	surges(&(struct surge_case){.load = 5, .known = true, .hides_crowded = true}, 0.85, 0.99);
	surges(&(struct surge_case){.load = 10, .known = true, .hides_crowded = true}, 0.85, 0.99);
}

/* Behind a proxy that makes more or fewer requests than one per connection. */
static void test_proxy(void **state)
{
	static const double requests[] = {1, 3.5, 0.4};

	(void)state;
	for (double load = 2; load <= 10; load *= 2.236)
		for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
			surges(&(struct surge_case){.load = load, .requests = requests[i]}, 0.85, 0.99);
}

/*
 * The shop of tests/loop: one worker, 300/s, visitors with patience, classes that at 2x bring just the capacity without
 * those that orange sheds, and packets that cost the server's CPU. Good answers as a share of what the flood leaves.
 */
static void one_worker(double load, double least)
{
	static const double shares[] = {0.07, 0.43, 0.35, 0.15};
	double good = 0, prompt = 0;
	const int seeds = 8;

	for (int seed = 1; seed <= seeds; seed++) {
		struct sim_setup setup;
		struct sim_score score;
		double seconds_beneath;
		struct sim *sim;

		sim_defaults(&setup);
		memcpy(setup.shares, shares, sizeof(shares));
		setup.sites[0] = (struct sim_site_setup){.capacity_per_s = 300,
							 .workers = 1,
							 .shape = SIM_FIXED,
							 .queue_limit = 4096,
							 .accepts_at_once = true,
							 .packet_ns = 20000};
		setup.policy.services[0].capacity_per_s = setup.sites[0].capacity_per_s;
		setup.sources = 4096;
		setup.patience_s = 10;
		setup.seed = (u64)seed;
		setup.load = surge;
		setup.parameter = load;
		sim = sim_new(&setup);
		score = score_of(sim, "one worker", SURGE_BEGINS, SURGE_ENDS);
		seconds_beneath =
			SURGE_ENDS - SURGE_BEGINS - (double)(sim->sites[0].syns * setup.sites[0].packet_ns) / 1e9;
		good += (double)sim_sum(sim, 0).good / (setup.sites[0].capacity_per_s * seconds_beneath) / seeds;
		prompt += score.top_prompt / seeds;
		sim_free(sim);
	}
	print_message(
		"# one worker, %gx: %.1f %% of the capacity beneath the flood, highest class %.2f %% under 250 ms\n",
		load, 100 * good, 100 * prompt);
	assert_true(good >= least);
	assert_true(prompt >= 0.99);
}

static void test_one_worker(void **state)
{
	(void)state;
	one_worker(2, 0.90);
	one_worker(3, 0.90);
	one_worker(5, 0.90);
}

/*
 * Browsers at the same shop: a visit is a page of eight connections, one and then seven, good if all are answered
 * within a second. An admitted visitor must get all of them, or the service is wasted.
 */
static void pages(double load, bool known, double least, double least_top)
{
	static const double shares[] = {0.07, 0.43, 0.35, 0.15};
	double good = 0, top = 0, offered = 0;
	const int seeds = 6;

	for (int seed = 1; seed <= seeds; seed++) {
		struct sim_setup setup;
		struct sim *sim;

		sim_defaults(&setup);
		memcpy(setup.shares, shares, sizeof(shares));
		setup.sites[0] = (struct sim_site_setup){.capacity_per_s = 300,
							 .workers = 1,
							 .shape = SIM_FIXED,
							 .queue_limit = 4096,
							 .accepts_at_once = true,
							 .packet_ns = 20000};
		setup.policy.services[0].capacity_per_s = known ? setup.sites[0].capacity_per_s : 0;
		setup.sources = 4096;
		setup.patience_s = 10;
		setup.page = 8;
		setup.browsers = true;
		setup.seed = (u64)seed;
		setup.load = surge;
		setup.parameter = load;
		sim = sim_new(&setup);
		score_of(sim, "pages", SURGE_BEGINS, SURGE_ENDS);
		for (u32 i = 0; i < 4; i++)
			good += (double)sim->sites[0].pages[i].good / (SURGE_ENDS - SURGE_BEGINS) / seeds;
		top += (double)sim->sites[0].pages[0].good;
		offered += (double)sim->sites[0].pages[0].offered;
		sim_free(sim);
	}
	print_message("# pages of 8, %gx, %s: %.1f of 37.5 pages/s, highest class %.2f %%\n", load,
		      known ? "known" : "unknown", good, 100 * top / offered);
	assert_true(good >= least);
	assert_true(top / offered >= least_top);
}

static void test_pages(void **state)
{
	(void)state;
	pages(2, true, 31, 0.99);
	pages(5, true, 30, 0.99);
	pages(2, false, 29.5, 0.985);
}

/* Steady 0.9 of the capacity for ten minutes: at most a thousandth is refused. */
static void test_steady(void **state)
{
	(void)state;
	for (int known = 0; known <= 1; known++) {
		const char *name = known ? "0.9 known, 600 s" : "0.9 unknown, 600 s";
		struct sim *sim = sim_begin(&(struct sim_case){.load = sim_steady, .parameter = 0.9, .known = known});

		assert_true(score_of(sim, name, 0, 600).refused <= 0.001);
		sim_end(sim, name);
	}
}

/* A page opens eight connections at once. Chance bursts of that are no overload, and teach no capacity. */
static void test_bursts(void **state)
{
	const u32 seeds = 8;

	(void)state;
	for (int known = 0; known <= 1; known++) {
		const char *name = known ? "0.7 known, bursts of 8" : "0.7 unknown, bursts of 8";
		u32 changes = 0;

		for (u64 seed = 1; seed <= seeds; seed++) {
			struct sim *sim = sim_begin(
				&(struct sim_case){.load = sim_steady, .parameter = 0.7, .known = known, .seed = seed});

			sim->setup.page = 8;
			assert_true(score_of(sim, name, 0, 300).refused <= 0.002);
			changes += sim_changes(sim, 0, 300);
			sim_end(sim, name);
		}
		/* One level up and back in five minutes: eight at once sometimes look like a step. */
		assert_true(changes <= 2 * seeds);
	}
}

/* The level under a steady overload: at most one change in any ten seconds, once settled. */
static void test_calm(void **state)
{
	static const double loads[] = {1.3, 2, 3, 5, 10};

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct sim *sim =
			sim_begin(&(struct sim_case){.load = sim_steady, .parameter = loads[i], .known = true});

		score_of(sim, "steady overload, 90 s", 1, 90);
		for (double from = 1; from < 80; from += 0.5)
			if (sim_changes(sim, from, from + 10) > 1)
				fail_msg("load %g: %u level changes from %.1f s", loads[i],
					 sim_changes(sim, from, from + 10), from);
		sim_end(sim, "steady overload");
	}
}

static void test_ramp_and_sawtooth(void **state)
{
	struct sim *sim = sim_begin(&(struct sim_case){.load = ramp, .known = true});
	struct sim_score score = score_of(sim, "ramp to 1.5", 0, 60);

	(void)state;
	assert_true(score.good > 0.80);
	assert_true(score.top_good > 0.999);
	assert_true(sim_changes(sim, 0, 60) <= 4);
	sim_end(sim, "ramp to 1.5");
	sim = sim_begin(&(struct sim_case){.load = sawtooth, .known = true});
	score = score_of(sim, "sawtooth around 1.0", 0, 120);
	assert_true(score.good > 0.80);
	assert_true(score.top_good > 0.999);
	assert_true(sim_changes(sim, 0, 120) <= 12);
	sim_end(sim, "sawtooth around 1.0");
}

/* A halved capacity is found within 5 s, even if it was set; the highest class hardly notices. */
static void halved(bool known)
{
	const char *name = known ? "set capacity halved" : "capacity halved";
	struct sim *sim = sim_begin(
		&(struct sim_case){.load = sim_steady, .parameter = 2, .strength = half_from_30, .known = known});
	double before, after, whole = sim->setup.sites[0].capacity_per_s;
	struct sim_score score;

	sim_run(sim, 30);
	before = sim->decision.services[0].capacity_per_s / whole;
	score = score_of(sim, name, 30, 35);
	after = sim->decision.services[0].capacity_per_s / whole;
	print_message("# %s: taken for %.2f before, %.2f five seconds after\n", name, before, after);
	assert_true(before > 0.85 && before < 1.25);
	assert_true(after < (known ? 0.7 : 0.6) && after > 0.3);
	assert_true(score.good > 0.4);
	assert_true(score.top_good > 0.95);
	sim_end(sim, name);
}

static void test_halved(void **state)
{
	(void)state;
	halved(false);
	halved(true);
}

/* The servers are gone for 8 s; then all waiting clients come at once. */
static void test_outage(void **state)
{
	struct sim *sim =
		sim_begin(&(struct sim_case){.load = sim_steady, .parameter = 0.8, .strength = outage, .known = true});
	struct sim_score score = score_of(sim, "herd after an outage", 30, 50);

	(void)state;
	assert_true(score.good > 0.73);
	assert_true(score.top_good > 0.99);
	sim_run(sim, 60);
	assert_int_equal(sim->decision.level, SPW_GREEN);
	sim_end(sim, "herd after an outage");
}

/* Shedding cannot help against keep-alive overload: report it, and don't shed everything in vain. */
static void test_helpless(void **state)
{
	struct sim *sim = sim_begin(&(struct sim_case){.load = sim_steady, .parameter = 0.4, .known = true});

	(void)state;
	sim->setup.sites[0].kept_per_s = 1200;
	sim->setup.sites[0].queue_limit = 100000;
	sim_run(sim, 20);
	assert_true(sim->decision.services[0].helpless);
	assert_true(sim->decision.services[0].saturated);
	assert_true(sim->least_floor >= sim->setup.policy.floor - 1e-9);
	sim_end(sim, "helpless");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_surge_known),
		cmocka_unit_test(test_surge_unknown),
		cmocka_unit_test(test_surge_by_totals),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_one_worker),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_calm),
		cmocka_unit_test(test_ramp_and_sawtooth),
		cmocka_unit_test(test_halved),
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_helpless),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
