/* SPDX-License-Identifier: GPL-2.0-only */
/* The last 15 minutes of each service: means, gaps, the end of the window, services that move in the policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/core/control/timeline.h"

#define SLOT SPW_TIMELINE_SLOT_NS

static struct spw_timeline *timeline;
static struct spw_policy policy;
static struct spw_decision decision;

static int set_up(void **state)
{
	(void)state;
	timeline = calloc(1, sizeof(*timeline));
	policy = (struct spw_policy){.services_count = 2, .services = {{.id = 3}, {.id = SPW_SERVICES_MAX}}};
	decision = (struct spw_decision){.services_count = 2};
	return timeline ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(timeline);
	return 0;
}

static void add(u64 at_ns, double demand, double wait_s)
{
	struct spw_service_decision *service = &decision.services[0];

	decision.at_ns = at_ns;
	service->demand_per_s = demand;
	service->admitted_per_s = demand / 2;
	service->capacity_per_s = 100;
	service->budget_per_s = demand;
	service->wait_source = wait_s < 0 ? SPW_WAIT_NONE : SPW_WAIT_READ;
	service->wait_ns = wait_s < 0 ? 0 : (u64)(wait_s * 1e9);
	spw_timeline_add(timeline, &policy, &decision);
}

static void slots_have_means(void **state)
{
	const struct spw_timeline_point *point;

	(void)state;
	add(100 * SLOT, 10, 0.1);
	add(100 * SLOT + 1, 20, -1);
	add(101 * SLOT - 1, 60, 0.5);
	point = spw_timeline_point(timeline, 3, 0);
	assert_int_equal(point->ticks, 3);
	assert_int_equal(point->waits, 2);
	assert_float_equal(point->demand_per_s, 30, 1e-4);
	assert_float_equal(point->admitted_per_s, 15, 1e-4);
	assert_float_equal(point->budget_per_s, 60, 1e-4);
	assert_float_equal(point->wait_s, 0.3, 1e-4);
	assert_float_equal(point->wait_s_worst, 0.5, 1e-4);
	assert_int_equal(spw_timeline_point(timeline, 4, 0)->ticks, 0);
	assert_int_equal(spw_timeline_point(timeline, SPW_SERVICES_MAX, 0)->ticks, 3);
	assert_null(spw_timeline_point(timeline, SPW_SERVICE_IDENTITIES, 0));
	assert_null(spw_timeline_point(timeline, 3, SPW_TIMELINE_SLOTS));
}

/* A slot without a decision is empty, not a copy of one that was there a window before. */
static void gaps_are_empty(void **state)
{
	(void)state;
	for (u64 slot = 100; slot < 100 + 2 * SPW_TIMELINE_SLOTS; slot++)
		add(slot * SLOT, (double)slot, 0);
	for (u32 age = 0; age < SPW_TIMELINE_SLOTS; age++)
		assert_float_equal(spw_timeline_point(timeline, 3, age)->demand_per_s,
				   99 + 2 * SPW_TIMELINE_SLOTS - age, 1e-3);
	add((104 + 2 * SPW_TIMELINE_SLOTS) * SLOT, 7, 0);
	for (u32 age = 1; age < 5; age++) {
		assert_int_equal(spw_timeline_point(timeline, 3, age)->ticks, 0);
		assert_int_equal(spw_timeline_level(timeline, age), SPW_LEVEL_NEVER);
	}
	assert_int_equal(spw_timeline_point(timeline, 3, 0)->ticks, 1);
	assert_int_equal(spw_timeline_point(timeline, 3, 5)->ticks, 1);
	/* A gap of more than the window leaves nothing, whatever its length. */
	add(1000 * SPW_TIMELINE_SLOTS * SLOT + 17 * SLOT, 8, 0);
	for (u32 age = 1; age < SPW_TIMELINE_SLOTS; age++)
		assert_int_equal(spw_timeline_point(timeline, 3, age)->ticks, 0);
}

static void levels_are_the_highest(void **state)
{
	(void)state;
	decision.level = SPW_ORANGE;
	add(50 * SLOT, 1, 0);
	decision.level = SPW_GREEN;
	add(50 * SLOT + 1, 1, 0);
	add(51 * SLOT, 1, 0);
	assert_int_equal(spw_timeline_level(timeline, 1), SPW_ORANGE);
	assert_int_equal(spw_timeline_level(timeline, 0), SPW_GREEN);
	assert_int_equal(spw_timeline_level(timeline, 2), SPW_LEVEL_NEVER);
	assert_int_equal(spw_timeline_level(timeline, SPW_TIMELINE_SLOTS), SPW_LEVEL_NEVER);
	/* A time before the newest slot changes nothing. */
	decision.level = SPW_RED;
	add(50 * SLOT, 1000, 0);
	assert_int_equal(spw_timeline_level(timeline, 1), SPW_ORANGE);
	assert_int_equal(spw_timeline_point(timeline, 3, 1)->ticks, 2);
}

/* A reload that puts another service first: each keeps its own slots. */
static void services_keep_their_slots_over_a_reload(void **state)
{
	(void)state;
	add(10 * SLOT, 10, 0);
	policy.services[0].id = 5;
	policy.services[1].id = 3;
	decision.services[1].demand_per_s = 30;
	add(11 * SLOT, 50, 0);
	assert_float_equal(spw_timeline_point(timeline, 3, 1)->demand_per_s, 10, 1e-4);
	assert_float_equal(spw_timeline_point(timeline, 3, 0)->demand_per_s, 30, 1e-4);
	assert_float_equal(spw_timeline_point(timeline, 5, 0)->demand_per_s, 50, 1e-4);
	assert_int_equal(spw_timeline_point(timeline, 5, 1)->ticks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slots_have_means, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gaps_are_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(levels_are_the_highest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(services_keep_their_slots_over_a_reload, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
