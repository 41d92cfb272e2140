/* SPDX-License-Identifier: GPL-2.0-only */
/* Announced steps of demand: syntax and effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/config.h"
#include "core/control/expect.h"

#define REST	  "{interfaces: [e], classes: [{name: all}],\n"
#define SECOND_NS 1000000000ull

static int parse(const char *text, struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	memset(config, 0, sizeof(*config));
	memset(diagnostics, 0, sizeof(*diagnostics));
	return spw_config_parse(text, strlen(text), "f", config, diagnostics);
}

static void test_written(void **state)
{
	struct spw_diagnostics diagnostics;
	struct spw_config config;

	(void)state;
	setenv("TZ", "UTC-2", 1);
	tzset();
	assert_int_equal(parse(REST "expect: [{at: '2026-11-27T12:00', for: 30m, demand: 5x},\n"
				    "{at: '2026-11-27T12:00:30', for: 1h, level: orange},\n"
				    "{at: '2026-11-27T12:00Z', for: 1s}]}",
			       &config, &diagnostics),
			 0);
	assert_int_equal(config.expectations_count, 3);
	assert_int_equal(config.expectations[0].at_ns, 1795773600 * SECOND_NS); /* two hours east of UTC */
	assert_int_equal(config.expectations[0].for_ns, 1800 * SECOND_NS);
	assert_float_equal(config.expectations[0].demand, 5, 1e-9);
	assert_int_equal(config.expectations[0].level, SPW_GREEN);
	assert_int_equal(config.expectations[1].at_ns, 1795773630 * SECOND_NS);
	assert_int_equal(config.expectations[1].level, SPW_ORANGE);
	assert_int_equal(config.expectations[2].at_ns, 1795780800 * SECOND_NS);
	spw_config_free(&config);
	spw_diagnostics_free(&diagnostics);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {
		"expect: {at: x}}",
		"expect: [{for: 30m}]}",
		"expect: [{at: '2026-11-27T12:00'}]}",
		"expect: [{at: noon, for: 30m}]}",
		"expect: [{at: '2026-13-27T12:00', for: 30m}]}",
		"expect: [{at: '2026-11-27T12:00+1', for: 30m}]}",
		"expect: [{at: '2026-11-27T12:00', for: 0s}]}",
		"expect: [{at: '2026-11-27T12:00', for: 200h}]}",
		"expect: [{at: '2026-11-27T12:00', for: 1h, demand: 5}]}",
		"expect: [{at: '2026-11-27T12:00', for: 1h, demand: 1x}]}",
		"expect: [{at: '2026-11-27T12:00', for: 1h, demand: nanx}]}",
		"expect: [{at: '2026-11-27T12:00', for: 1h, level: blue}]}",
		"expect: [{at: '2026-11-27T12:00', for: 1h, until: x}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[512] = REST;
		struct spw_diagnostics diagnostics;
		struct spw_config config;

		strcat(text, wrong[i]);
		if (!parse(text, &config, &diagnostics))
			fail_msg("taken: %s", wrong[i]);
		assert_int_equal(diagnostics.errors, 1);
		spw_config_free(&config);
		spw_diagnostics_free(&diagnostics);
	}
}

static void test_asked_for(void **state)
{
	static const struct spw_expectation its[] = {
		{.at_ns = 1000 * SECOND_NS, .for_ns = 60 * SECOND_NS, .level = SPW_YELLOW},
		{.at_ns = 1030 * SECOND_NS, .for_ns = 10 * SECOND_NS, .level = SPW_RED},
	};
	static const struct {
		u64 now_s;
		bool hurry;
		u8 least;
	} rows[] = {{994, false, SPW_GREEN},  {995, true, SPW_GREEN},	 {1000, true, SPW_YELLOW},
		    {1009, true, SPW_YELLOW}, {1010, false, SPW_YELLOW}, {1025, true, SPW_YELLOW},
		    {1035, true, SPW_RED},    {1040, false, SPW_YELLOW}, {1060, false, SPW_GREEN}};
	struct spw_override override;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		override = (struct spw_override){.pinned = SPW_LEVEL_NEVER, .least = SPW_GREEN, .most = SPW_RED};
		assert_int_equal(spw_expect(its, 2, rows[i].now_s * SECOND_NS, &override), rows[i].hurry);
		assert_int_equal(override.least, rows[i].least);
	}
	/* An operator's upper bound takes precedence. */
	override = (struct spw_override){.pinned = SPW_LEVEL_NEVER, .least = SPW_GREEN, .most = SPW_YELLOW};
	spw_expect(its, 2, 1035 * SECOND_NS, &override);
	assert_int_equal(override.least, SPW_YELLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_asked_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("expect", tests, NULL, NULL);
}
