/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Golden traces: level and rule of every half second in named scenarios, run-length coded, compared with
 * tests/sim/golden/NAME.txt. A change of the decision shows as a change of traces. To rewrite them:
 *   SPILLWAY_GOLDEN=write build/tests/sim/test_golden
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner.h"

#define TRACE_BYTES 16384

static double step_2x(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 5 && time < 35 ? 2 : 0.5;
}

static double step_5x(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time >= 5 && time < 20 ? 5 : 0.5;
}

static double up_and_down(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time < 40 ? 0.5 + time / 40 : time < 80 ? 1.5 - (time - 40) / 40 : 0.5;
}

static double waves(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	return (u32)(time / 8) % 2 == site % 2 ? 1.6 : 0.4;
}

static double halves_at_15(const struct sim *sim, u32 site, double time)
{
	(void)sim;
	(void)site;
	return time < 15 ? 1 : 0.5;
}

static bool blind_from_20(struct sim *sim, struct spw_facts *facts)
{
	if (sim->time >= 20) {
		memset(facts->host, 0, sizeof(facts->host));
		facts->services[0].waits_present = facts->services[0].queue_present = false;
	}
	return true;
}

struct scenario {
	const char *name;
	double seconds;
	struct sim_case its;
};

static const struct scenario scenarios[] = {
	{"step-2x-known", 60, {.load = step_2x, .known = true}},
	{"step-2x-unknown", 60, {.load = step_2x}},
	{"step-5x-known", 45, {.load = step_5x, .known = true}},
	{"step-5x-unknown", 45, {.load = step_5x}},
	{"up-and-down", 110, {.load = up_and_down, .known = true}},
	{"waves-of-two-services", 90, {.load = waves, .known = true, .sites = 2}},
	{"halved-capacity", 60, {.load = step_2x, .strength = halves_at_15}},
	{"blind-in-the-surge", 50, {.load = step_2x, .tamper = blind_from_20, .known = true}},
};

/* "from - to  level N  rule N", a line per run of equal ones. */
static void trace(const struct scenario *scenario, char *text)
{
	struct sim *sim = sim_begin(&scenario->its);
	size_t used = 0;
	double from = 0;
	u8 level = 0, rule = 0;

	text[0] = '\0';
	for (double time = 0.5; time <= scenario->seconds + 0.25; time += 0.5) {
		bool last = time >= scenario->seconds;

		sim_run(sim, time);
		if (time > 0.5 && (last || sim->decision.level != level || sim->decision.rule != rule)) {
			used += (size_t)snprintf(text + used, TRACE_BYTES - used, "%5.1f - %5.1f  level %u  rule %u\n",
						 from, time, level, rule);
			assert_true(used < TRACE_BYTES);
			from = time;
		}
		level = sim->decision.level;
		rule = sim->decision.rule;
	}
	sim_end(sim, scenario->name);
}

static void read_golden(const char *path, char *text)
{
	FILE *file = fopen(path, "r");
	size_t bytes;

	if (!file)
		fail_msg("%s is missing: write it with SPILLWAY_GOLDEN=write", path);
	bytes = fread(text, 1, TRACE_BYTES - 1, file);
	text[bytes] = '\0';
	fclose(file);
}

static void test_traces(void **state)
{
	static char now[TRACE_BYTES], golden[TRACE_BYTES];
	const char *wanted = getenv("SPILLWAY_GOLDEN");
	u32 differ = 0;
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		snprintf(path, sizeof(path), "tests/sim/golden/%s.txt", scenarios[i].name);
		trace(&scenarios[i], now);
		if (wanted && !strcmp(wanted, "write")) {
			FILE *file = fopen(path, "w");

			assert_non_null(file);
			fputs(now, file);
			fclose(file);
		}
		read_golden(path, golden);
		if (strcmp(now, golden)) {
			print_message("# %s differs; it is now:\n%s", scenarios[i].name, now);
			differ++;
		}
	}
	assert_int_equal(differ, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_traces)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
