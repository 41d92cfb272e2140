/* SPDX-License-Identifier: GPL-2.0-only */
/* The documents of the status page with hostile names and numbers, and which parts of events they show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/agent/recent_events.h"
#include "user/view/status_page.h"

static json_t *history_of(const struct spw_named_policy *policy, const struct spw_timeline *timeline)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	json_error_t error;
	json_t *document;

	spw_view_page_history(out, policy, timeline);
	fclose(out);
	document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!document)
		fail_msg("%s at byte %d of %s", error.text, error.position, text);
	free(text);
	return document;
}

static double last_of(const json_t *service, const char *key)
{
	const json_t *values = json_object_get(service, key);

	assert_int_equal(json_array_size(values), SPW_TIMELINE_SLOTS);
	return json_number_value(json_array_get(values, SPW_TIMELINE_SLOTS - 1));
}

static void history_is_valid_json(void **state)
{
	static const char name[] = "<b>\"\\\n\t\x01\xc3\xa9 \xff</script>";
	struct spw_timeline *timeline = calloc(1, sizeof(*timeline));
	struct spw_named_policy *policy = calloc(1, sizeof(*policy));
	struct spw_decision decision = {.at_ns = 1000 * SPW_TIMELINE_SLOT_NS, .level = SPW_RED, .services_count = 2};
	const json_t *service;
	json_t *document;

	(void)state;
	policy->policy.services_count = 2;
	policy->policy.services[0].id = 1;
	policy->policy.services[1].id = 2;
	memcpy(policy->services[0], name, sizeof(name));
	decision.services[0] = (struct spw_service_decision){
		.demand_per_s = 1234.5, .capacity_per_s = 1e30, .wait_ns = 20000000, .wait_source = SPW_WAIT_READ};
	decision.services[1] = (struct spw_service_decision){.demand_per_s = NAN, .admitted_per_s = INFINITY};
	spw_timeline_add(timeline, &policy->policy, &decision);
	document = history_of(policy, timeline);
	service = json_array_get(json_object_get(document, "services"), 0);
	assert_string_equal(json_string_value(json_object_get(service, "name")),
			    "<b>\"\\\n\t\x01\xc3\xa9 \xef\xbf\xbd</script>");
	assert_float_equal(last_of(service, "demand_per_s"), 1234.5, 0.01);
	assert_float_equal(last_of(service, "wait_s"), 0.02, 1e-6);
	assert_true(json_is_null(json_array_get(json_object_get(service, "budget_per_s"), SPW_TIMELINE_SLOTS - 1)));
	assert_true(json_is_null(json_array_get(json_object_get(service, "demand_per_s"), 0)));
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(document, "level"), SPW_TIMELINE_SLOTS - 1)), "red");
	service = json_array_get(json_object_get(document, "services"), 1);
	assert_true(json_is_null(json_array_get(json_object_get(service, "demand_per_s"), SPW_TIMELINE_SLOTS - 1)));
	assert_true(json_is_null(json_array_get(json_object_get(service, "wait_s"), SPW_TIMELINE_SLOTS - 1)));
	json_decref(document);
	free(policy);
	free(timeline);
}

static void events_leave_out_what_may_hold_addresses(void **state)
{
	struct recent_events recent = {0};
	json_t *fields = json_pack("{s:b,s:i,s:s,s:s,s:s}", "ok", 0, "generation", 7, "error", "198.51.100.7 twice",
				   "output", "192.0.2.1", "refused", "192.0.2.2");
	json_t *shown;

	(void)state;
	recent_events_add(&recent, 1000000000, "reload", fields);
	shown = recent_events_json(&recent);
	assert_int_equal(json_array_size(shown), 1);
	assert_int_equal(json_object_size(json_array_get(shown, 0)), 4); /* at, event, ok, generation */
	assert_int_equal(json_integer_value(json_object_get(json_array_get(shown, 0), "generation")), 7);
	json_decref(shown);
	json_decref(fields);
	recent_events_free(&recent);
}

static void events_are_bounded_and_newest_first(void **state)
{
	struct recent_events recent = {0};
	json_t *shown;

	(void)state;
	for (int i = 0; i < 3 * RECENT_EVENTS_MAX; i++) {
		json_t *fields = json_pack("{s:i}", "generation", i);

		recent_events_add(&recent, 1000000000, "reload", fields);
		json_decref(fields);
	}
	recent_events_add(&recent, 1000000000, "stop", NULL);
	shown = recent_events_json(&recent);
	assert_int_equal(json_array_size(shown), RECENT_EVENTS_MAX);
	assert_string_equal(json_string_value(json_object_get(json_array_get(shown, 0), "event")), "stop");
	for (int i = 1; i < RECENT_EVENTS_MAX; i++)
		assert_int_equal(json_integer_value(json_object_get(json_array_get(shown, (size_t)i), "generation")),
				 3 * RECENT_EVENTS_MAX - i);
	json_decref(shown);
	recent_events_free(&recent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(history_is_valid_json),
		cmocka_unit_test(events_leave_out_what_may_hold_addresses),
		cmocka_unit_test(events_are_bounded_and_newest_first),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
