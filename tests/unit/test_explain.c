/* SPDX-License-Identifier: GPL-2.0-only */
/* Decisions in sentences: golden texts, and robustness against hostile or odd values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/core/control/rules.h"
#include "user/view/explain.h"

#define S  1000000000ull
#define MS 1000000ull

struct scene {
	struct spw_named_policy policy;
	struct spw_decision decision;
	struct spw_override override;
	struct spw_changes changes;
	struct spw_explanation explanation;
};

static struct scene scene;
static char text[1024];

/* The example of the manual: red, because three classes have to be shed. */
static void set_the_scene(void)
{
	static const char *const classes[] = {"partner", "domestic", "international", "unknown"};
	static const double demand[] = {600, 700, 2500, 1400};
	struct spw_service_decision *service = &scene.decision.services[0];

	memset(&scene, 0, sizeof(scene));
	spw_shedding_defaults(&scene.policy.policy.shedding);
	scene.policy.policy.classes_count = scene.decision.classes_count = 4;
	scene.policy.policy.services_count = scene.decision.services_count = 1;
	strcpy(scene.policy.services[0], "shop");
	for (u32 i = 0; i < 4; i++) {
		strcpy(scene.policy.classes[i], classes[i]);
		scene.policy.policy.classes[i].shed_from = i ? (u8)(4 - i) : SPW_LEVEL_NEVER;
		scene.policy.policy.classes[i].cut_from = SPW_LEVEL_NEVER;
		service->classes[i] =
			(struct spw_class_decision){demand[i], demand[i] / 4, demand[i], 0.25, i > 0, false};
	}
	scene.decision.level = scene.decision.former = service->level = SPW_RED;
	scene.decision.rule = service->rule = SPW_RULE_COVERS;
	scene.decision.pinned = SPW_LEVEL_NEVER;
	scene.decision.hold_left_ns = 3 * S;
	scene.decision.host[SPW_SIGNAL_CPU] = (struct spw_reading){0.984, true};
	scene.decision.host[SPW_SIGNAL_SOFTNET_DROPS] = (struct spw_reading){12, true};
	service->origin = SPW_CAPACITY_LEARNED;
	service->wait_source = SPW_WAIT_READ;
	service->saturated = true;
	service->demand_per_s = 5200;
	service->admitted_per_s = 940;
	service->served_per_s = 931.4;
	service->capacity_per_s = 1000;
	service->sustained_per_s = 950;
	service->budget_per_s = 930;
	service->excess_per_s = 4250;
	service->sheddable_per_s[SPW_YELLOW] = 1400;
	service->sheddable_per_s[SPW_ORANGE] = 3900;
	service->sheddable_per_s[SPW_RED] = 4600;
	service->wait_ns = 34 * MS;
	service->wait_p50_ns = 21 * MS;
	service->wait_p90_ns = 34 * MS;
	service->wait_p99_ns = 80 * MS;
	service->wait_target_ns = 20 * MS;
	scene.override = (struct spw_override){SPW_LEVEL_NEVER, SPW_GREEN, SPW_RED};
	scene.explanation = (struct spw_explanation){
		.policy = &scene.policy,
		.decision = &scene.decision,
		.override = &scene.override,
		.changes = &scene.changes,
		.wall_ns = 1700000000 * S,
		.since_wall_ns = (1700000000 - 250) * S,
		.utc = true,
	};
}

static const char *reason(void)
{
	return spw_reason(&scene.policy, &scene.decision, text, sizeof(text));
}

static char *explain(void)
{
	char *whole = NULL;
	size_t bytes;
	FILE *out = open_memstream(&whole, &bytes);

	spw_view_explain(out, &scene.explanation, (struct spw_style){false});
	fclose(out);
	return whole;
}

static void reasons_hold_their_arithmetic(void **state)
{
	struct spw_service_decision *service = &scene.decision.services[0];

	(void)state;
	set_the_scene();
	assert_string_equal(reason(),
			    "shop: demand 5,200/s exceeds sustainable 950/s by 4,250/s; unknown and international can "
			    "shed 3,900/s, domestic sheds 350/s; requests wait 34 ms, target 20 ms");
	service->wait_ns = 5 * MS;
	service->level = scene.decision.level = SPW_YELLOW;
	service->demand_per_s = 1500;
	service->excess_per_s = 550;
	assert_string_equal(reason(),
			    "shop: demand 1,500/s exceeds sustainable 950/s by 550/s; unknown can shed 1,400/s");
	service->level = scene.decision.level = SPW_RED;
	service->demand_per_s = 6000;
	service->excess_per_s = 5050;
	scene.decision.rule = SPW_RULE_NOT_ENOUGH;
	assert_string_equal(reason(),
			    "shop: demand 6,000/s exceeds sustainable 950/s by 5,050/s; unknown and international can "
			    "shed 3,900/s, domestic sheds 700/s, 450/s too little");
	for (u32 i = 0; i < 4; i++)
		scene.policy.policy.classes[i].shed_from = SPW_LEVEL_NEVER;
	memset(service->sheddable_per_s, 0, sizeof(service->sheddable_per_s));
	assert_string_equal(reason(),
			    "shop: demand 6,000/s exceeds sustainable 950/s by 5,050/s; no class may be shed");
}

static void a_cut_class_is_counted_too(void **state)
{
	(void)state;
	set_the_scene();
	scene.decision.services[0].wait_ns = 0;
	scene.policy.policy.classes[2].shed_from = SPW_LEVEL_NEVER;
	scene.policy.policy.classes[2].cut_from = SPW_ORANGE;
	assert_non_null(strstr(reason(), "unknown and international can shed 3,900/s"));
	/* A class of bans without traffic. */
	scene.policy.policy.classes[3].cut_from = SPW_GREEN;
	scene.decision.services[0].classes[3].fresh_per_s = 0;
	assert_non_null(strstr(reason(), "by 4,250/s; international can shed 3,900/s"));
	scene.decision.services[0].classes[3].fresh_per_s = 100;
	assert_non_null(strstr(reason(), "unknown and international can shed 3,900/s"));
}

static void what_is_not_usual_is_said(void **state)
{
	struct spw_service_decision *service = &scene.decision.services[0];
	char *whole;

	(void)state;
	set_the_scene();
	service->excess_per_s = 0;
	service->demand_per_s = 300;
	service->wait_ns = 0;
	scene.decision.rule = SPW_RULE_HOLD;
	assert_string_equal(
		reason(), "shop: demand 300/s is within sustainable 950/s; a lower level would be enough, but the hold "
			  "time is not over");
	scene.decision.rule = SPW_RULE_DOWN;
	assert_non_null(strstr(reason(), "a lower level was enough for the whole hold time"));
	scene.decision.rule = SPW_RULE_BOUNDED;
	assert_string_equal(reason(), "bounded by an operator; shop: demand 300/s is within sustainable 950/s");
	scene.decision.rule = SPW_RULE_PINNED;
	scene.decision.pinned = SPW_RED;
	assert_string_equal(reason(), "set to red by an operator; shop: demand 300/s is within sustainable 950/s");
	whole = explain();
	assert_non_null(strstr(whole, "until: spillway level auto"));
	assert_null(strstr(whole, "goes down"));
	free(whole);
	scene.decision.pinned = SPW_LEVEL_NEVER;
	scene.decision.rule = SPW_RULE_BLIND;
	scene.decision.blind = true;
	assert_string_equal(reason(),
			    "no service has a signal, so the load is not known and the level goes down to green");
	scene.decision.blind = false;
	service->helpless = true;
	service->wait_source = SPW_WAIT_NONE;
	whole = explain();
	assert_non_null(strstr(whole, "this service has no signal"));
	free(whole);
	service->wait_source = SPW_WAIT_READ;
	whole = explain();
	assert_non_null(strstr(whole, "shedding does not help"));
	free(whole);
	scene.decision.services_count = scene.policy.policy.services_count = 0;
	assert_string_equal(reason(), "no service is configured, so there is nothing to protect");
	free(explain());
}

/* A set capacity that is not believed: both numbers, and the reason. */
static void doubted_capacity(void **state)
{
	char *whole;

	(void)state;
	set_the_scene();
	scene.decision.services[0].origin = SPW_CAPACITY_SET;
	scene.policy.policy.services[0].capacity_per_s = 1600;
	whole = explain();
	assert_non_null(strstr(
		whole, "  capacity   1,000/s for now; 1,600/s is set, but less is served while requests wait, or "
		       "a probe or guard is above its limit\n"));
	free(whole);
	scene.policy.policy.services[0].capacity_per_s = 1001;
	whole = explain();
	assert_non_null(strstr(whole, "  capacity   1,000/s, set\n"));
	free(whole);
}

static void the_whole_text(void **state)
{
	static const char golden[] =
		"RED since 22:09:10 (4m10s): shop: demand 5,200/s exceeds sustainable 950/s by 4,250/s; unknown and "
		"international can shed 3,900/s, domestic sheds 350/s; requests wait 34 ms, target 20 ms.\n"
		"Rule 5: the lowest level at which shedding covers the excess.\n"
		"It goes down to orange in 3.0 s at the earliest, if shop's demand exceeds sustainable by no more than 3,900/s "
		"(now 4,250/s), which unknown and international can shed.\n"
		"\n"
		"service shop: asks for red (rule 5: the lowest level at which shedding covers the excess)\n"
		"  capacity   1,000/s, learned\n"
		"  sustained  950/s, the rate that can be admitted continuously\n"
		"  budget     930/s, 0.93 of the capacity\n"
		"  demand     5,200/s of new work, 940/s admitted, 5,200/s refused (including resent), 931/s served\n"
		"  wait       34 ms against a target of 20 ms, by read-wait (50 % 21 ms, 90 % 34 ms, 99 % 80 ms); saturated\n"
		"  class                      demand     admitted      refused    share\n"
		"  partner                     600/s        150/s        600/s        -\n"
		"  domestic                    700/s        175/s        700/s   25.0 %\n"
		"  international             2,500/s        625/s      2,500/s   25.0 %\n"
		"  unknown                   1,400/s        350/s      1,400/s   25.0 %\n"
		"\n"
		"signals     cpu 0.98, softnet_drops 12/s\n"
		"absent      softirq, listen_overflows, psi_cpu, psi_io, psi_memory\n"
		"\n"
		"last changes\n"
		"  22:09:10  orange -> red: because\n";
	struct spw_level_change change = {.wall_ns = (1700000000 - 250) * S,
					  .level = SPW_RED,
					  .former = SPW_ORANGE,
					  .rule = 5,
					  .reason = "because"};
	char *whole;

	(void)state;
	set_the_scene();
	spw_changes_add(&scene.changes, &change);
	whole = explain();
	assert_string_equal(whole, golden);
	free(whole);
}

static void json_says_the_same(void **state)
{
	json_t *object, *service;

	(void)state;
	set_the_scene();
	object = spw_view_explain_json(&scene.explanation);
	assert_non_null(object);
	service = json_array_get(json_object_get(object, "services"), 0);
	assert_string_equal(json_string_value(json_object_get(object, "level")), "red");
	assert_string_equal(json_string_value(json_object_get(object, "since")), "2023-11-14T22:09:10.000Z");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "rule"), "number")), 5);
	assert_true(json_number_value(json_object_get(service, "excess_per_s")) == 4250);
	assert_int_equal(json_array_size(json_object_get(service, "classes")), 4);
	assert_true(json_is_null(json_object_get(json_object_get(object, "signals"), "psi_io")));
	assert_string_equal(json_string_value(json_object_get(object, "reason")), reason());
	json_decref(object);
}

/* Whether packets for others are told apart, and why not. */
static void own_addresses(void **state)
{
	struct spw_own_state own = {.wanted = true, .in_use = true, .addresses = 7, .problem = ""};
	static const char *const lines[] = {
		"\naddresses   7 are its own; what is for other hosts is no demand, and passes\n",
		"\naddresses   7 are its own; what is for other hosts is no demand, and is judged by cuts and limits only\n",
		"\naddresses   not known (too many): every packet counts as for this host\n",
		"\naddresses   not asked for (forwarded: host): every packet counts as for this host\n",
	};

	(void)state;
	set_the_scene();
	scene.explanation.own = &own;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		json_t *object, *told;
		char *whole;

		own.judged = i == 1;
		own.in_use = i < 2;
		own.problem = i == 2 ? "too many" : "";
		own.wanted = i < 3;
		whole = explain();
		assert_non_null(strstr(whole, lines[i]));
		free(whole);
		object = spw_view_explain_json(&scene.explanation);
		told = json_object_get(object, "own");
		assert_int_equal(json_is_true(json_object_get(told, "in_use")), i < 2);
		assert_int_equal(json_is_true(json_object_get(told, "wanted")), i < 3);
		assert_int_equal(json_is_true(json_object_get(told, "judged")), i == 1);
		assert_int_equal(json_is_null(json_object_get(told, "problem")), i != 2);
		json_decref(object);
	}
	scene.explanation.own = NULL;
}

/* Each absent signal has its reason, present ones their source; a probe that is not configured is not reported. */
static void absent_signals_have_reasons(void **state)
{
	struct spw_signal_notes notes = {.services_count = 1};
	json_t *object, *service;
	char *whole;

	(void)state;
	set_the_scene();
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		notes.host[i] = (struct spw_signal_note){scene.decision.host[i].present, "/proc/thing: not there"};
	for (u32 i = 0; i < SPW_SERVICE_SIGNALS; i++)
		notes.services[0][i] = (struct spw_signal_note){false, "none"};
	notes.services[0][SPW_SIGNAL_READ_WAIT] = (struct spw_signal_note){true, "tracepoint sk_data_ready"};
	notes.services[0][SPW_SIGNAL_ACCEPT_QUEUE] = (struct spw_signal_note){false, "no socket \033 listens"};
	scene.explanation.notes = &notes;
	whole = explain();
	assert_non_null(strstr(whole, "  signal     read_wait: from tracepoint sk_data_ready\n"));
	assert_non_null(strstr(whole, "  absent     accept_queue: no socket \xef\xbf\xbd listens\n"));
	assert_non_null(strstr(whole, "absent      psi_io: /proc/thing: not there\n"));
	assert_null(strstr(whole, "probe"));
	free(whole);
	scene.policy.policy.services[0].probe_limit = 1;
	whole = explain();
	assert_non_null(strstr(whole, "  absent     probe: none\n"));
	free(whole);
	object = spw_view_explain_json(&scene.explanation);
	service = json_object_get(json_array_get(json_object_get(object, "services"), 0), "signals_about");
	assert_true(json_is_true(json_object_get(json_object_get(service, "read_wait"), "present")));
	service = json_object_get(json_object_get(object, "signals_about"), "psi_io");
	assert_true(json_is_false(json_object_get(service, "present")));
	assert_string_equal(json_string_value(json_object_get(service, "about")), "/proc/thing: not there");
	json_decref(object);
}

/* Faults 41, 44: names that would move the cursor, forge a line, or are invalid UTF-8. */
static void hostile_names_stay_text(void **state)
{
	json_t *object;
	char *whole;

	(void)state;
	set_the_scene();
	strcpy(scene.policy.classes[3], "x\n\033[31mRED\xff");
	strcpy(scene.policy.services[0], "\r\xc3\x28");
	whole = explain();
	assert_null(strchr(whole, '\033'));
	assert_null(strchr(whole, '\r'));
	assert_null(strstr(whole, "x\n"));
	free(whole);
	object = spw_view_explain_json(&scene.explanation);
	assert_non_null(object);
	json_decref(object);
}

static void changes_are_bounded(void **state)
{
	struct spw_changes changes = {0};

	(void)state;
	for (u32 i = 0; i < 50; i++)
		spw_changes_add(&changes, &(struct spw_level_change){.wall_ns = i});
	assert_int_equal(changes.count, SPW_CHANGES_KEPT);
	assert_int_equal(changes.changes[0].wall_ns, 49);
	assert_int_equal(changes.changes[SPW_CHANGES_KEPT - 1].wall_ns, 50 - SPW_CHANGES_KEPT);
}

static void each_rule_has_its_sentence(void **state)
{
	(void)state;
	for (u32 rule = SPW_RULE_NONE + 1; rule < SPW_RULES; rule++)
		assert_non_null(spw_rule_text(rule));
	assert_null(spw_rule_text(SPW_RULES));
	assert_null(spw_rule_text(SPW_RULE_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_hold_their_arithmetic),
		cmocka_unit_test(a_cut_class_is_counted_too),
		cmocka_unit_test(what_is_not_usual_is_said),
		cmocka_unit_test(doubted_capacity),
		cmocka_unit_test(the_whole_text),
		cmocka_unit_test(json_says_the_same),
		cmocka_unit_test(own_addresses),
		cmocka_unit_test(absent_signals_have_reasons),
		cmocka_unit_test(hostile_names_stay_text),
		cmocka_unit_test(changes_are_bounded),
		cmocka_unit_test(each_rule_has_its_sentence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
