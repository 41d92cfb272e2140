/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * No constant of the decision is finely tuned: half and twice its distance from "none" changes good answers by less
 * than five points of the capacity, averaged over the scenarios below. The code is included here with variables instead
 * of constants, so that the linker takes none of it from the archive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner.h"

#define SPW_CONSTANT(name, value, none) static double name = value;
/* NOLINTBEGIN(bugprone-suspicious-include): the constants become variables here */
#include "user/core/control/capacity.c"
#include "user/core/control/decide.c"
#include "user/core/control/level.c"
#include "user/core/control/share.c"
/* NOLINTEND(bugprone-suspicious-include) */
#undef SPW_CONSTANT

struct constant {
	const char *name;
	double *value;
	double none;
};

#define SPW_CONSTANTS_AGAIN
#define SPW_CONSTANT(name, value, none) {#name, &name, none},
static const struct constant constants[] = {
#include "user/core/control/constants.h"
};

#define BEGINS 3.0
#define ENDS   12.0

static double surge(const struct sim *sim, u32 site, double time)
{
	(void)site;
	return time >= BEGINS ? sim->setup.parameter : 0.5;
}

static double stall_at_2(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 2 && time < 2.3 ? 0 : 1;
}

static double stall_every_3(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return fmod(time, 3) >= 2 && fmod(time, 3) < 2.4 ? 0 : 1;
}

static double half_from_6(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 6 ? 0.5 : 1;
}

static double out_from_3_to_6(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 3 && time < 6 ? 0 : 1;
}

struct scenario {
	const char *name;
	struct sim_case its;
	double wrong; /* factor of a restored, wrong capacity; 0: not restored */
	double from;
};

static const struct scenario scenarios[] = {
	{"2x unknown", {.load = surge, .parameter = 2}, 0, BEGINS},
	{"5x known", {.load = surge, .parameter = 5, .known = true}, 0, BEGINS},
	{"10x unknown after a stall", {.load = surge, .parameter = 10, .strength = stall_at_2}, 0, BEGINS},
	{"0.65 with stalls", {.load = sim_steady, .parameter = 0.65, .strength = stall_every_3}, 0, BEGINS},
	{"halved at 2x", {.load = sim_steady, .parameter = 2, .strength = half_from_6}, 0, BEGINS},
	{"underestimate", {.load = sim_steady, .parameter = 1.5}, 0.3, 1},
	{"herd", {.load = sim_steady, .parameter = 0.8, .strength = out_from_3_to_6, .known = true}, 0, 8},
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static double good_of(const struct scenario *scenario)
{
	struct sim *sim = sim_begin(&scenario->its);
	double good;

	if (scenario->wrong > 0) {
		double capacity = scenario->wrong * sim->setup.sites[0].capacity_per_s;

		*spw_memory_learned(sim->memory, 0) =
			(struct spw_learned){.capacity_per_s = capacity, .served_peak_per_s = capacity};
	}
	good = sim_score(sim, scenario->name, scenario->from, ENDS).good;
	sim_free(sim);
	return good;
}

static double mean_good(double *goods)
{
	double sum = 0;

	for (size_t i = 0; i < SCENARIOS; i++) {
		goods[i] = good_of(&scenarios[i]);
		sum += goods[i] / SCENARIOS;
	}
	return sum;
}

static void test_halved_and_doubled(void **state)
{
	double as_it_is[SCENARIOS], now[SCENARIOS], usual = mean_good(as_it_is);
	u32 bad = 0;

	(void)state;
	print_message("# as they are: good %.1f %%\n", 100 * usual);
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		const struct constant *constant = &constants[i];
		double was = *constant->value;

		for (double times = 0.5; times <= 2; times *= 4) {
			double good, worst = 0;
			size_t where = 0;

			*constant->value = constant->none + (was - constant->none) * times;
			good = mean_good(now);
			for (size_t j = 0; j < SCENARIOS; j++)
				if (fabs(now[j] - as_it_is[j]) > fabs(worst)) {
					worst = now[j] - as_it_is[j];
					where = j;
				}
			print_message("# %-20s %5g -> %5g: %+5.1f, at most %+5.1f in %s\n", constant->name, was,
				      *constant->value, 100 * (good - usual), 100 * worst, scenarios[where].name);
			bad += fabs(good - usual) >= 0.05;
		}
		*constant->value = was;
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_halved_and_doubled)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("constants", tests, NULL, NULL);
}
