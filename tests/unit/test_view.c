/* SPDX-License-Identifier: GPL-2.0-only */
/* Renderers: structure of JSON and the Prometheus page, hostile names (fault 44), edge cases of text. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/core/words.h"
#include "user/view/text.h"
#include "user/view/numbers.h"
#include "user/view/talkers.h"
#include "user/view/governance.h"
#include "user/view/light.h"
#include "user/view/own.h"
#include "user/view/downloads.h"
#include "user/view/view.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define S	     1000000000ull

/* ---- input of the renderers ---- */

static const struct spw_list_snapshot some_lists[] = {
	{0, {"none", SPW_RECORD_ACTIVE, 3, 0, 0, 0, 0}, {{100, 0}, {10000, 0}}, {0}},
	{1, {"partners", SPW_RECORD_ACTIVE, 0, 12, 0, 3, 0}, {{40, 0}, {4000, 0}}, {0}},
	{2, {"home", SPW_RECORD_ACTIVE, 1, 123456, 0, 7890, 0}, {{5000, 0}, {500000, 0}}, {0}},
	{3, {"abroad", SPW_RECORD_ACTIVE, 2, 262144, 1234, 268756, 0}, {{300, 1234567}, {30000, 74074020}}, {0}},
	{7, {"blocked", SPW_RECORD_ACTIVE, 2, 5, 0, 0, 0}, {{1, 2}, {3, 4}}, {0}},
	{9, {"old", SPW_RECORD_RETIRED, 9, 77, 0, 0, 0}, {{8, 0}, {800, 0}}, {0}},
};

static const struct spw_class_snapshot some_classes[] = {
	{0,
	 {"partner", SPW_RECORD_ACTIVE, 0, SPW_LEVEL_NEVER, SPW_LEVEL_NEVER, SPW_LEVEL_NEVER, 0, {0}, 0, {{{0, 0}}}},
	 {{0}, {0}},
	 {4, 0}},
	{1,
	 {"domestic", SPW_RECORD_ACTIVE, 1, SPW_RED, SPW_RED, SPW_LEVEL_NEVER, 0, {0}, 0, {{{0, 0}}}},
	 {{0, 33}, {0, 22}},
	 {500, 0}},
	{2,
	 {"international", SPW_RECORD_ACTIVE, 2, SPW_ORANGE, SPW_ORANGE, SPW_ORANGE, 0, {0}, 0, {{{0, 0}}}},
	 {{11, 9}, {5, 4}},
	 {30, 123456}},
	{3,
	 {"unknown", SPW_RECORD_ACTIVE, 3, SPW_YELLOW, SPW_LEVEL_NEVER, SPW_LEVEL_NEVER, 1, {0}, 0, {{{0, 0}}}},
	 {{0}, {0}},
	 {10, 0}},
	{9,
	 {"gone", SPW_RECORD_RETIRED, 1, SPW_RED, SPW_RED, SPW_LEVEL_NEVER, 0, {0}, 0, {{{0, 0}}}},
	 {{0}, {0}},
	 {2, 0}},
};

/* A host at orange, an hour after its start. */
struct scene {
	struct spw_snapshot snapshot;
	struct spw_list_snapshot lists[COUNT(some_lists)];
	struct spw_service_snapshot services[2];
};

static void set_the_scene(struct scene *scene)
{
	struct spw_snapshot *snapshot = &scene->snapshot;

	memset(scene, 0, sizeof(*scene));
	memcpy(scene->lists, some_lists, sizeof(some_lists));
	memcpy(snapshot->classes, some_classes, sizeof(some_classes));
	snapshot->lists = scene->lists;
	snapshot->lists_count = COUNT(some_lists);
	snapshot->classes_count = COUNT(some_classes);
	scene->services[0] = (struct spw_service_snapshot){.record = {.name = "none", .state = SPW_RECORD_ACTIVE}};
	scene->services[1] =
		(struct spw_service_snapshot){.id = 1, .record = {.name = "shop", .state = SPW_RECORD_ACTIVE}};
	scene->services[1].classes[1] = (struct spw_work_counter){{1, 2}, {3, 4}, 3, 5};
	scene->services[1].light[1] = (struct spw_light_counter){9, 4, 0, 0};
	scene->services[0].light[2] = (struct spw_light_counter){0, 0, 21, 3};
	snapshot->services = scene->services;
	snapshot->services_count = COUNT(scene->services);
	snapshot->now_ns = 10000 * S;
	snapshot->wall_s = 1800000000;
	snapshot->agent_alive = true;
	snapshot->control = (struct spw_control){
		.lease_until_ns = 10002 * S + S / 2,
		.level = SPW_ORANGE,
		.mode = SPW_ENFORCE,
		.pinned_level = SPW_ORANGE,
		.pinned_until_ns = 10570 * S,
		.most_level = SPW_RED,
	};
	snapshot->agent = (struct spw_agent_record){
		.pid = 4711,
		.version = "0.1.0",
		.config = "/etc/spillway/spillway.yaml",
		.started_ns = 6400 * S,
		.published_ns = 9900 * S,
		.generation = 7,
		.ruleset_prefixes4 = 385617,
		.ruleset_prefixes6 = 276649,
		.ruleset_bytes = 22400000,
		.compile_ns = 210000000,
		.publish_ns = 4000000,
		.reloads_done = 6,
		.reloads_failed = 1,
		.interfaces = {{"eth0", 2, 1, 1, 0}, {"eth1", 3, 1, 0, 0}, {"eth2", 4, 0, 0, 0}},
	};
	snapshot->limited[3][SPW_SCOPE_PREFIX][SPW_KIND_NEW] = 17;
	snapshot->reasons[SPW_REASON_ARP] = (struct spw_sum){{3, 0}, {180, 0}};
	snapshot->reasons[SPW_REASON_CUT] = (struct spw_sum){{0, 1234569}, {0, 74074024}};
	snapshot->reasons[SPW_REASON_ESTABLISHED] = (struct spw_sum){{5403, 0}, {544003, 0}};
	snapshot->reasons[SPW_REASON_MALFORMED] = (struct spw_sum){{6, 7}, {60, 70}};
	snapshot->anomalies[SPW_ANOMALY_FRAGMENT].packets = 12;
}

/* Output of a renderer. */
struct page {
	char *text;
	size_t length;
	FILE *out;
};

static FILE *open_page(struct page *page)
{
	*page = (struct page){0};
	page->out = open_memstream(&page->text, &page->length);
	assert_non_null(page->out);
	return page->out;
}

static char *close_page(struct page *page)
{
	assert_int_equal(fclose(page->out), 0);
	return page->text;
}

static char *status_text(const struct spw_snapshot *snapshot, bool colour)
{
	struct page page;

	spw_view_status(open_page(&page), snapshot, (struct spw_style){colour});
	return close_page(&page);
}

/* State of an agent that sheds for one service. */
static const struct spw_governance *the_governance(void)
{
	static struct spw_named_policy policy;
	static struct spw_facts facts;
	static struct spw_decision decision;
	static const struct spw_deciding_pace pace = {36000, 3600 * S / 1000, 700000, {1, 2, 3, 1}};
	static struct spw_meter_state meters;
	static struct spw_established established[SPW_SERVICES_MAX];
	static const struct spw_governance governance = {
		&policy, &facts, &decision, &pace, {true, 36000, 4, 5 << 20}, &meters, established};
	struct spw_service_decision *service = &decision.services[0];

	policy.policy.classes_count = 4;
	policy.policy.services_count = decision.services_count = facts.services_count = 1;
	policy.policy.services[0].probe_limit = 80;
	established[0].present = established[0].added = true;
	established[0].classes[1].requests = 71;
	established[0].classes[1].withheld_per_s = 2.5;
	established[0].classes[1].endings[SPW_ENDING_PATIENCE] = 6;
	snprintf(policy.services[0], SPW_NAME_MAX, "shop \"1\"");
	for (u32 i = 0; i < 4; i++)
		snprintf(policy.classes[i], SPW_NAME_MAX, "%s", some_classes[i].record.name);
	facts.services[0].waits_present = true;
	facts.services[0].waits[0] = 7;
	facts.services[0].waits[SPW_WAIT_BUCKETS - 1] = 2;
	facts.services[0].queue_present = true;
	facts.services[0].queue = 31;
	facts.services[0].probe = (struct spw_reading){81.5, true};
	decision.host[SPW_SIGNAL_CPU] = (struct spw_reading){0.75, true};
	service->level = SPW_ORANGE;
	service->origin = SPW_CAPACITY_LEARNED;
	service->demand_per_s = 5200;
	service->capacity_per_s = 1000;
	service->budget_per_s = 950;
	service->hosts_known = true;
	service->hosts_wanted = 7.25;
	service->served_per_s = HUGE_VAL; /* the page must stay valid */
	service->wait_ns = 12 * S / 1000;
	service->wait_target_ns = 20 * S / 1000;
	service->helpless = true;
	meters.fill[SPW_SCOPE_SOURCE] =
		(struct spw_fill){.scans = 1, .rows = {{0.5, 0.25}, {0.4, 0.5}}, .over_in_both = 0.125};
	meters.warming[0] = SPW_WARMING;
	meters.sessions = (struct spw_session_count){.known = true, .sessions = 8};
	meters.classes_count = 4;
	meters.fair_per_s[2] = 12.5;
	service->classes[1].share = 0.25;
	return &governance;
}

/* Tables with one source; never freed. */
static const struct spw_talkers_view *the_talkers(void)
{
	static struct spw_sampling_choice choices[SPW_VERDICTS] = {{.shift = 4}, {.shift = 0}};
	static const u64 kinds[SPW_SOURCE_KINDS] = {0, 1, 2, 3, 4};
	static struct spw_talkers_view view = {.choices = choices, .kinds = kinds};
	static struct spw_talkers *talkers;

	if (!talkers) {
		talkers = spw_talkers_new(4, 4);
		spw_talkers_offer(talkers, &(struct spw_offer){.source_hi = 1ull << 63, .family = 4, .weight = 16});
		spw_talkers_tick(talkers, 1);
	}
	view.talkers = view.origins = talkers;
	return &view;
}

/* A list that is fresh, one whose server is gone, one that was never fetched. */
static struct spw_downloads_view the_downloads(void)
{
	static struct spw_download_view items[] = {
		{.list = "drop",
		 .url = "https://l.example/drop",
		 .held = true,
		 .age_ns = 330000000000,
		 .max_age_ns = 86400000000000,
		 .every_ns = 3600000000000,
		 .next_ns = 3270000000000,
		 .counts = {2, 7, 1},
		 .failed_ns = 7200000000000,
		 .failure = "status 503"},
		{.list = "q\"uoted",
		 .url = "https://l.example/\033[1m",
		 .held = true,
		 .age_ns = 2 * 86400000000000,
		 .max_age_ns = 86400000000000,
		 .counts = {1, 0, 3},
		 .failures = 3,
		 .failed_ns = 20000000000,
		 .failure = "timed out"},
		{.list = "new",
		 .url = "https://l.example/new",
		 .running = true,
		 .age_ns = 5000000000,
		 .max_age_ns = 86400000000000,
		 .failure = ""},
	};

	return (struct spw_downloads_view){items, COUNT(items)};
}

static const u16 light_ports[] = {8080, 8443};
static const struct spw_light_state the_light = {
	.count = 1,
	.services = {{.service = "shop",
		      .ports = light_ports,
		      .ports_count = COUNT(light_ports),
		      .per_s = 2000,
		      .ready = SPW_LIGHT_IPV4,
		      .answered = 12345,
		      .over = 6}},
	.orphans = 8,
	.problem = "",
};

static char *metrics_text(const struct spw_snapshot *snapshot)
{
	const struct spw_downloads_view downloads = the_downloads();
	const struct spw_own_state own = {.wanted = true, .in_use = true, .addresses = 7, .stations = 2, .problem = ""};
	struct page page;

	spw_view_metrics(open_page(&page), snapshot);
	spw_view_talkers_metrics(page.out, the_talkers());
	spw_view_governance_metrics(page.out, the_governance());
	spw_view_own_metrics(page.out, &own);
	spw_view_downloads_metrics(page.out, &downloads);
	spw_view_light_metrics(page.out, &the_light);
	return close_page(&page);
}

static char *lists_text(const struct spw_snapshot *snapshot, const char *name, bool expected)
{
	struct page page;

	assert_int_equal(spw_view_lists(open_page(&page), snapshot, name, (struct spw_style){false}), expected);
	return close_page(&page);
}

#define assert_has(text, piece) assert_has_at(text, piece, __LINE__)
static void assert_has_at(const char *text, const char *piece, int line)
{
	if (!strstr(text, piece))
		fail_msg("line %d: no '%s' in:\n%s", line, piece, text);
}

#define assert_has_not(text, piece) assert_has_not_at(text, piece, __LINE__)
static void assert_has_not_at(const char *text, const char *piece, int line)
{
	if (strstr(text, piece))
		fail_msg("line %d: '%s' in:\n%s", line, piece, text);
}

/* ---- JSON ---- */

/* The keys of an object, in sequence. */
static void assert_keys(const json_t *object, const char *expected)
{
	char keys[1000] = "";
	void *at;

	assert_true(json_is_object(object));
	for (at = json_object_iter((json_t *)object); at; at = json_object_iter_next((json_t *)object, at)) {
		strcat(keys, *keys ? " " : "");
		strcat(keys, json_object_iter_key(at));
	}
	assert_string_equal(keys, expected);
}

/* A value by its path: "classes.2.packets.drop". */
static json_t *get(json_t *value, const char *path)
{
	char copy[200], *rest = copy, *step;

	snprintf(copy, sizeof(copy), "%s", path);
	while (value && (step = strsep(&rest, ".")))
		value = isdigit((unsigned char)*step) ? json_array_get(value, (size_t)atoi(step))
						      : json_object_get(value, step);
	if (!value)
		fail_msg("no %s", path);
	return value;
}

static void assert_integer(json_t *value, const char *path, json_int_t expected)
{
	assert_true(json_is_integer(get(value, path)));
	assert_int_equal(json_integer_value(get(value, path)), expected);
}

static void assert_real(json_t *value, const char *path, double expected)
{
	double difference = json_number_value(get(value, path)) - expected;

	assert_true(json_is_real(get(value, path)));
	assert_true(difference > -1e-9 && difference < 1e-9);
}

static void assert_text(json_t *value, const char *path, const char *expected)
{
	assert_true(json_is_string(get(value, path)));
	assert_string_equal(json_string_value(get(value, path)), expected);
}

static void status_json_has_its_shape(void **state)
{
	struct scene scene;
	json_t *status;

	(void)state;
	set_the_scene(&scene);
	status = spw_view_status_json(&scene.snapshot);
	assert_keys(
		status,
		"level mode lease_remaining_s enforcing pinned_level pinned_for_s least_level most_level agent ruleset reloads "
		"interfaces classes services lists reasons anomalies");
	assert_keys(get(status, "agent"), "pid alive version config uptime_s");
	assert_keys(
		get(status, "ruleset"),
		"generation prefixes4 prefixes6 bytes compile_seconds publish_seconds unconfirmed_for_s taken_back last_good_age_s age_s");
	assert_keys(get(status, "reloads"), "done failed");
	assert_keys(get(status, "interfaces.0"), "name ifindex attached mode");
	assert_keys(get(status, "classes.0"),
		    "name rank shed_from cut_from cut active limits limited_packets new_work shadow packets bytes");
	assert_keys(get(status, "classes.0.shadow"), "enforced next_level");
	assert_keys(get(status, "classes.0.shadow.enforced"), "packets new_work");
	assert_keys(get(status, "lists.0"),
		    "name class active prefixes4 prefixes6 skipped_lines last_good_age_s packets bytes");
	assert_keys(get(status, "lists.0.packets"), "pass drop");
	assert_keys(get(status, "reasons.0"), "reason rule packets bytes");
	assert_keys(get(status, "anomalies"), "malformed fragment ext_limit vlan_limit exempt_limit");
	json_decref(status);
}

static void status_json_has_its_values(void **state)
{
	struct scene scene;
	json_t *status;

	(void)state;
	set_the_scene(&scene);
	status = spw_view_status_json(&scene.snapshot);
	assert_text(status, "level", "orange");
	assert_text(status, "mode", "enforce");
	assert_real(status, "lease_remaining_s", 2.5);
	assert_true(json_is_true(get(status, "enforcing")));
	assert_text(status, "pinned_level", "orange");
	assert_real(status, "pinned_for_s", 570);
	assert_integer(status, "agent.pid", 4711);
	assert_real(status, "agent.uptime_s", 3600);
	assert_integer(status, "ruleset.generation", 7);
	assert_real(status, "ruleset.age_s", 100);
	assert_real(status, "ruleset.compile_seconds", 0.21);
	assert_text(status, "interfaces.0.mode", "native");
	assert_text(status, "interfaces.1.mode", "generic");
	assert_true(json_is_null(get(status, "interfaces.2.mode")));
	assert_true(json_is_false(get(status, "interfaces.2.attached")));
	assert_int_equal(json_array_size(get(status, "interfaces")), 3);
	assert_text(status, "lists.5.class", "gone");
	assert_true(json_is_false(get(status, "lists.5.active")));
	assert_integer(status, "anomalies.fragment", 12);
	json_decref(status);
}

static void a_class_is_the_sum_of_its_lists(void **state)
{
	struct scene scene;
	json_t *status;

	(void)state;
	set_the_scene(&scene);
	status = spw_view_status_json(&scene.snapshot);
	assert_text(status, "classes.2.name", "international");
	assert_integer(status, "classes.2.packets.pass", 301);
	assert_integer(status, "classes.2.packets.drop", 1234569);
	assert_integer(status, "classes.2.bytes.drop", 74074024);
	assert_integer(status, "classes.3.packets.pass", 100); /* list 0: sources that no list names */
	assert_integer(status, "classes.4.packets.pass", 8);   /* of a retired list */
	assert_integer(status, "classes.2.new_work.drop", 123456);
	assert_integer(status, "classes.1.shadow.next_level.packets", 33);
	assert_integer(status, "classes.1.shadow.next_level.new_work", 22);
	assert_text(status, "classes.2.cut", "all");
	assert_text(status, "classes.2.cut_from", "orange");
	assert_text(status, "classes.1.cut", "new");
	assert_text(status, "classes.1.shed_from", "red");
	assert_true(json_is_null(get(status, "classes.0.shed_from"))); /* never */
	assert_true(json_is_null(get(status, "classes.0.cut_from")));
	assert_true(json_is_null(get(status, "classes.0.cut")));
	assert_true(json_is_false(get(status, "classes.4.active")));
	json_decref(status);
}

static void reasons_come_in_the_order_of_rules(void **state)
{
	struct scene scene;
	json_t *reasons, *reason;
	json_int_t rule = 0;
	size_t i, found = 0;

	(void)state;
	set_the_scene(&scene);
	reasons = spw_view_status_json(&scene.snapshot);
	for (i = 0; (reason = json_array_get(get(reasons, "reasons"), i)); i++) {
		/* Sorted by rule, whatever the numbers. */
		assert_true(json_integer_value(get(reason, "rule")) >= rule);
		rule = json_integer_value(get(reason, "rule"));
		if (!strcmp(json_string_value(get(reason, "reason")), "cut")) {
			assert_integer(reason, "rule", 5);
			assert_integer(reason, "packets.drop", 1234569);
			found++;
		}
	}
	assert_int_equal(found, 1);
	assert_int_equal(i, SPW_REASONS - 1);
	json_decref(reasons);
}

static void without_an_agent_the_json_says_so(void **state)
{
	struct scene scene;
	json_t *status;

	(void)state;
	set_the_scene(&scene);
	scene.snapshot.agent_alive = false;
	scene.snapshot.agent.pid = 0;
	scene.snapshot.agent.generation = 0;
	scene.snapshot.control.lease_until_ns = 1;
	scene.snapshot.control.pinned_until_ns = 9999 * S;
	status = spw_view_status_json(&scene.snapshot);
	assert_text(status, "level", "orange");
	assert_real(status, "lease_remaining_s", 0);
	assert_true(json_is_false(get(status, "enforcing")));
	assert_true(json_is_null(get(status, "pinned_level")));
	assert_true(json_is_null(get(status, "pinned_for_s")));
	assert_true(json_is_null(get(status, "agent.pid")));
	assert_true(json_is_false(get(status, "agent.alive")));
	assert_true(json_is_null(get(status, "agent.uptime_s")));
	assert_true(json_is_null(get(status, "ruleset.age_s")));
	json_decref(status);

	set_the_scene(&scene);
	scene.snapshot.control.mode = SPW_OBSERVE;
	scene.snapshot.control.pinned_until_ns = UINT64_MAX;
	status = spw_view_status_json(&scene.snapshot);
	assert_true(json_is_false(get(status, "enforcing")));
	assert_text(status, "pinned_level", "orange");
	assert_true(json_is_null(get(status, "pinned_for_s")));
	json_decref(status);
}

static void nothing_at_all_can_be_rendered(void **state)
{
	struct spw_snapshot empty = {0};
	json_t *status = spw_view_status_json(&empty);
	char *text = status_text(&empty, true), *metrics = metrics_text(&empty),
	     *lists = lists_text(&empty, NULL, true);

	(void)state;
	assert_non_null(status);
	assert_has(text, "none was published");
	assert_has(metrics, "spillway_level 0\n");
	assert_has_not(metrics, "spillway_ruleset_age_seconds");
	assert_has_not(metrics, "spillway_interface_attached");
	json_decref(status);
	free(text);
	free(metrics);
	free(lists);
}

/* Fault 35. */
static void counters_near_their_end_stay_exact(void **state)
{
	struct scene scene;
	json_t *status;
	char *metrics, *text;

	(void)state;
	set_the_scene(&scene);
	scene.lists[1].counter.packets[SPW_PASS] = UINT64_MAX;
	scene.lists[1].counter.bytes[SPW_PASS] = (1ull << 53) + 1;
	status = spw_view_status_json(&scene.snapshot);
	assert_integer(status, "lists.1.bytes.pass", (1ll << 53) + 1);
	assert_integer(status, "lists.1.packets.pass", INT64_MAX); /* jansson's integers end here */
	json_decref(status);
	metrics = metrics_text(&scene.snapshot);
	assert_has(metrics, "{list=\"partners\",class=\"partner\",verdict=\"pass\"} 18446744073709551615\n");
	assert_has(metrics, "{list=\"partners\",class=\"partner\",verdict=\"pass\"} 9007199254740993\n");
	free(metrics);
	text = lists_text(&scene.snapshot, "partners", true);
	assert_has(text, "18,446,744,073,709,551,615 packets, 9,007,199,254,740,993 bytes");
	free(text);
}

/* ---- lists ---- */

static void lists_are_found_by_name(void **state)
{
	struct scene scene;
	json_t *lists;
	char *text;

	(void)state;
	set_the_scene(&scene);
	text = lists_text(&scene.snapshot, NULL, true);
	assert_has(text, "abroad");
	assert_has(text, "1.2M");
	assert_has(text, "retired");
	free(text);
	text = lists_text(&scene.snapshot, "abroad", true);
	assert_has(text, "1,234,567 packets, 74,074,020 bytes");
	assert_has(text, "262,144 IPv4, 268,756 IPv6");
	assert_has(text, "1,234 lines of its files, which could not be read");
	assert_has_not(text, "home");
	free(text);
	free(lists_text(&scene.snapshot, "abroa", false));

	lists = spw_view_lists_json(&scene.snapshot, NULL);
	assert_int_equal(json_array_size(lists), COUNT(some_lists));
	json_decref(lists);
	lists = spw_view_lists_json(&scene.snapshot, "blocked");
	assert_int_equal(json_array_size(lists), 1);
	assert_text(lists, "0.name", "blocked");
	assert_text(lists, "0.class", "international");
	assert_integer(lists, "0.prefixes4", 5);
	json_decref(lists);
	assert_null(spw_view_lists_json(&scene.snapshot, "nosuch"));
}

/* What a start fell back to is said everywhere: the content of a list, or the whole ruleset. */
static void last_good_is_told(void **state)
{
	struct scene scene;
	json_t *status;
	char *text;

	(void)state;
	set_the_scene(&scene);
	scene.lists[2].record.kept_s = 1800000000 - 7200;
	text = status_text(&scene.snapshot, false);
	assert_has(text, "list home has its last good content, 2h00m old: its source cannot be used now");
	free(text);
	text = lists_text(&scene.snapshot, "home", true);
	assert_has(text, "the last good one, 2h00m old");
	free(text);
	text = metrics_text(&scene.snapshot);
	assert_has(text, "\nspillway_list_last_good{list=\"home\"} 1\n");
	assert_has(text, "\nspillway_list_last_good{list=\"abroad\"} 0\n");
	assert_has(text, "\nspillway_ruleset_last_good 0\n");
	free(text);
	status = spw_view_status_json(&scene.snapshot);
	assert_real(status, "lists.2.last_good_age_s", 7200);
	assert_true(json_is_null(get(status, "ruleset.last_good_age_s")));
	json_decref(status);

	scene.snapshot.agent.ruleset_kept_s = 1800000000 - 60;
	text = status_text(&scene.snapshot, false);
	assert_has(text, "the last good ruleset, 60 s old: the configuration or a list cannot be used");
	assert_has_not(text, "list home has");
	free(text);
	text = metrics_text(&scene.snapshot);
	assert_has(text, "\nspillway_ruleset_last_good 1\n");
	assert_has(text, "\nspillway_ruleset_last_good_age_seconds 60.000000000\n");
	free(text);
	status = spw_view_status_json(&scene.snapshot);
	assert_real(status, "ruleset.last_good_age_s", 60);
	json_decref(status);
}

/* ---- the Prometheus page ---- */

/* A strict checker of the text format 0.0.4, as far as the page uses it. Returns the error, or NULL. */
struct checker {
	char family[128]; /* of the current block */
	char families[96][128];
	size_t families_count;
	bool typed;
	bool histogram; /* its samples have a suffix */
	bool sampled;
	char *series[4096]; /* name and labels */
	size_t series_count;
};

static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalpha((unsigned char)text[i]) && text[i] != '_' && !(i && isdigit((unsigned char)text[i])))
			return false;
	return length > 0;
}

/* A dotted quad, or two colons among hexadecimal digits: addresses must not be labels. */
static bool has_address(const char *value, size_t length)
{
	size_t dots = 0, colons = 0;

	for (size_t i = 0; i < length; i++) {
		bool between = i && i + 1 < length && isxdigit((unsigned char)value[i - 1]);

		dots += value[i] == '.' && between && isdigit((unsigned char)value[i + 1]);
		colons += value[i] == ':' && between;
	}
	return dots >= 3 || colons >= 2;
}

/* Returns the position after the closing quote, NULL if it is not a label value. */
static const char *check_label_value(const char *at)
{
	const char *start = at;

	for (; *at != '"'; at++) {
		if (!*at || *at == '\n')
			return NULL;
		if (*at == '\\' && !strchr("\\\"n", *++at))
			return NULL;
		if (!*at)
			return NULL;
	}
	return has_address(start, (size_t)(at - start)) ? NULL : at + 1;
}

static const char *check_labels(const char *at)
{
	do {
		size_t length = strcspn(++at, "=");

		if (!is_name(at, length) || strncmp(at + length, "=\"", 2))
			return NULL;
		at = check_label_value(at + length + 2);
	} while (at && *at == ',');
	return at && *at == '}' ? at + 1 : NULL;
}

static const char *check_sample(struct checker *checker, const char *line)
{
	size_t length = strcspn(line, "{ ");
	const char *at = line + length;
	char *end;

	if (!is_name(line, length))
		return "not a metric name";
	if (checker->histogram && length > 7 && !strncmp(line + length - 7, "_bucket", 7))
		length -= 7;
	else if (checker->histogram && length > 6 && !strncmp(line + length - 6, "_count", 6))
		length -= 6;
	else if (checker->histogram && length > 4 && !strncmp(line + length - 4, "_sum", 4))
		length -= 4;
	else if (checker->histogram)
		return "sample of a histogram without a suffix";
	if (!checker->typed || strlen(checker->family) != length || strncmp(checker->family, line, length))
		return "sample outside the block of its family";
	if (*at == '{')
		at = check_labels(at);
	if (!at || *at != ' ')
		return "bad labels";
	for (size_t i = 0; i < checker->series_count; i++)
		if (!strncmp(checker->series[i], line, (size_t)(at - line)) && !checker->series[i][at - line])
			return "series twice";
	if (checker->series_count == COUNT(checker->series))
		return "too many series for this checker";
	checker->series[checker->series_count++] = strndup(line, (size_t)(at - line));
	checker->sampled = true;
	if (!isdigit((unsigned char)at[1]))
		return "not a number";
	strtod(at + 1, &end);
	return *end ? "rubbish behind the number" : NULL;
}

static const char *check_comment(struct checker *checker, const char *line)
{
	char name[128], type[32];

	if (sscanf(line, "# HELP %127s %31s", name, type) == 2) {
		for (size_t i = 0; i < checker->families_count; i++)
			if (!strcmp(checker->families[i], name))
				return "family twice";
		if (checker->families_count && !checker->sampled)
			return "family without a sample";
		checker->sampled = false;
		strcpy(checker->families[checker->families_count++], name);
		strcpy(checker->family, name);
		checker->typed = false;
		return NULL;
	}
	if (sscanf(line, "# TYPE %127s %31s", name, type) != 2)
		return "neither HELP nor TYPE";
	if (strcmp(name, checker->family) || checker->typed)
		return "TYPE not right behind HELP";
	checker->typed = true;
	checker->histogram = !strcmp(type, "histogram");
	if (checker->histogram)
		return NULL;
	if (!strcmp(type, "counter"))
		return strlen(name) > 6 && !strcmp(name + strlen(name) - 6, "_total") ? NULL : "counter without _total";
	return !strcmp(type, "gauge") ? NULL : "unknown type";
}

static const char *check_page(struct checker *checker, const char *page)
{
	char *copy = strdup(page), *rest = copy, *line;
	const char *wrong = NULL;
	json_t *valid = json_string(page); /* NULL if it is not UTF-8 */

	memset(checker, 0, sizeof(*checker));
	if (!valid)
		wrong = "not UTF-8";
	else if (!*page || page[strlen(page) - 1] != '\n')
		wrong = "does not end in a newline";
	while (!wrong && (line = strsep(&rest, "\n")) && rest)
		wrong = *line == '#' ? check_comment(checker, line) : check_sample(checker, line);
	if (!wrong && !checker->sampled)
		wrong = "family without a sample";
	for (size_t i = 0; i < checker->series_count; i++)
		free(checker->series[i]);
	json_decref(valid);
	free(copy);
	return wrong;
}

static void assert_page(const char *page)
{
	static struct checker checker;
	const char *wrong = check_page(&checker, page);

	if (wrong)
		fail_msg("%s in:\n%s", wrong, page);
}

static void the_checker_sees_what_is_wrong(void **state)
{
#define HEAD "# HELP a_total b c\n# TYPE a_total counter\n"
	static const char *const wrong[] = {
		"",
		"a_total 1\n",
		HEAD "a_total 1",
		HEAD "b_total 1\n",
		HEAD "a_total\n",
		HEAD "a_total x\n",
		HEAD "a_total 1 \n",
		HEAD "a_total{} 1\n",
		HEAD "a_total{l=\"a\"b\"} 1\n",
		HEAD "a_total{l=\"a\nb\"} 1\n",
		HEAD "a_total{l=\"a\\x\"} 1\n",
		HEAD "a_total{l=\"\\\"} 1\n",
		HEAD "a_total{l=\"\xff\"} 1\n",
		HEAD "a_total{l=\"1\"} 1\na_total{l=\"1\"} 2\n",
		HEAD "a_total 1\n" HEAD,
		HEAD,
		HEAD "a_total{1=\"\"} 1\n",
		HEAD "a_total{l=\"192.0.2.7\"} 1\n",
		HEAD "a_total{l=\"2001:db8::7\"} 1\n",
		HEAD "\na_total 1\n",
		"# TYPE a_total counter\na_total 1\n",
		"# HELP a b\n# TYPE a counter\na 1\n",
		"# HELP a b\n# TYPE a foo\na 1\n",
	};
	static const char *const right[] = {HEAD "a_total 1\n",
					    HEAD "a_total{l=\"1\",m=\"\\\"\\\\\\n\"} 1.5\na_total{l=\"2\",m=\"\"} 0\n"};
	static struct checker checker;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (!check_page(&checker, wrong[i]))
			fail_msg("nothing wrong in:\n%s", wrong[i]);
	for (size_t i = 0; i < COUNT(right); i++)
		assert_page(right[i]);
}

static void metrics_keep_the_format(void **state)
{
	struct scene scene;
	char *page;

	(void)state;
	set_the_scene(&scene);
	page = metrics_text(&scene.snapshot);
	assert_page(page);
	free(page);
	memset(&scene.snapshot.agent, 0, sizeof(scene.snapshot.agent));
	scene.snapshot.lists_count = 1;
	page = metrics_text(&scene.snapshot);
	assert_page(page);
	free(page);
}

static void metrics_have_their_values(void **state)
{
	static const char *const expected[] = {
		"\nspillway_list_packets_total{list=\"abroad\",class=\"international\",verdict=\"drop\"} 1234567\n",
		"\nspillway_list_bytes_total{list=\"home\",class=\"domestic\",verdict=\"pass\"} 500000\n",
		"\nspillway_list_packets_total{list=\"old\",class=\"gone\",verdict=\"pass\"} 8\n", /* retired */
		"\nspillway_class_new_work_total{class=\"gone\",verdict=\"pass\"} 2\n",
		"\nspillway_class_limited_packets_total{class=\"unknown\",scope=\"prefix\",kind=\"new\"} 17\n",
		"\nspillway_light_answers_total{service=\"shop\",class=\"domestic\",result=\"answered\"} 9\n",
		"\nspillway_light_answers_total{service=\"shop\",class=\"domestic\",result=\"over\"} 4\n",
		"\nspillway_light_ready{service=\"shop\",family=\"4\"} 1\n",
		"\nspillway_light_ready{service=\"shop\",family=\"6\"} 0\n",
		"\nspillway_light_orphans_total 8\n",
		"\nspillway_resets_total{class=\"international\",result=\"sent\"} 21\n",
		"\nspillway_resets_total{class=\"international\",result=\"over\"} 3\n",
		"\nspillway_meter_wrong_ratio{table=\"source\"} 0.5\n",
		"\nspillway_class_fair_per_second{class=\"international\"} 12.5\n",
		"\nspillway_class_new_work_total{class=\"international\",verdict=\"drop\"} 123456\n",
		"\nspillway_class_shadow_packets_total{class=\"domestic\",shadow=\"next_level\"} 33\n",
		"\nspillway_class_shadow_new_work_total{class=\"international\",shadow=\"enforced\"} 5\n",
		"\nspillway_packets_total{reason=\"cut\",verdict=\"drop\"} 1234569\n",
		"\nspillway_packets_total{reason=\"malformed\",verdict=\"drop\"} 7\n",
		"\nspillway_packets_total{reason=\"malformed\",verdict=\"pass\"} 6\n",
		"\nspillway_bytes_total{reason=\"established\",verdict=\"pass\"} 544003\n",
		"\nspillway_anomalies_total{kind=\"fragment\"} 12\n",
		"\nspillway_level 2\n",
		"\nspillway_level_pinned 1\n",
		"\nspillway_mode_observe 0\n",
		"\nspillway_enforcing 1\n",
		"\nspillway_lease_remaining_seconds 2.500000000\n",
		"\nspillway_interface_attached{interface=\"eth0\",mode=\"native\"} 1\n",
		"\nspillway_interface_attached{interface=\"eth1\",mode=\"generic\"} 1\n",
		"\nspillway_interface_attached{interface=\"eth2\",mode=\"none\"} 0\n",
		"\nspillway_ruleset_generation 7\n",
		"\nspillway_ruleset_prefixes{list=\"partners\",family=\"6\"} 3\n",
		"\nspillway_list_skipped_lines{list=\"abroad\"} 1234\n",
		"\nspillway_list_skipped_lines{list=\"home\"} 0\n",
		"\nspillway_list_last_good{list=\"home\"} 0\n",
		"\nspillway_ruleset_last_good 0\n",
		"\nspillway_ruleset_bytes 22400000\n",
		"\nspillway_ruleset_compile_seconds 0.210000000\n",
		"\nspillway_ruleset_publish_seconds 0.004000000\n",
		"\nspillway_ruleset_age_seconds 100.000000000\n",
		"\nspillway_reloads_total{result=\"failed\"} 1\n",
		"\nspillway_build_info{version=\"0.1.0\"} 1\n",
		"\nspillway_agent_uptime_seconds 3600.000000000\n",
		"\nspillway_service_new_work_total{service=\"shop\",class=\"domestic\",kind=\"resent\",verdict=\"drop\"} 4\n",
		"\nspillway_service_new_work_total{service=\"shop\",class=\"domestic\",kind=\"limited\",verdict=\"drop\"} 5\n",
		"\nspillway_service_level{service=\"shop \\\"1\\\"\"} 2\n",
		"\nspillway_service_demand_per_second{service=\"shop \\\"1\\\"\"} 5200\n",
		"\nspillway_service_served_per_second{service=\"shop \\\"1\\\"\"} 0\n",
		"\nspillway_service_capacity_origin{service=\"shop \\\"1\\\"\",origin=\"learned\"} 1\n",
		"\nspillway_service_capacity_origin{service=\"shop \\\"1\\\"\",origin=\"set\"} 0\n",
		"\nspillway_service_wait_seconds{service=\"shop \\\"1\\\"\"} 0.012000000\n",
		"\nspillway_service_shedding_does_not_help{service=\"shop \\\"1\\\"\"} 1\n",
		"\nspillway_class_share_ratio{service=\"shop \\\"1\\\"\",class=\"domestic\"} 0.25\n",
		"\nspillway_established_requests_total{service=\"shop \\\"1\\\"\",class=\"domestic\"} 71\n",
		"\nspillway_established_withheld_per_second{service=\"shop \\\"1\\\"\",class=\"domestic\"} 2.5\n",
		"\nspillway_connections_ended_total{service=\"shop \\\"1\\\"\",class=\"domestic\",reason=\"share\"} 0\n",
		"\nspillway_connections_ended_total{service=\"shop \\\"1\\\"\",class=\"domestic\",reason=\"patience\"} 6\n",
		"\nspillway_read_wait_seconds_bucket{service=\"shop \\\"1\\\"\",le=\"2.048e-06\"} 7\n",
		"\nspillway_read_wait_seconds_bucket{service=\"shop \\\"1\\\"\",le=\"+Inf\"} 9\n",
		"\nspillway_read_wait_seconds_count{service=\"shop \\\"1\\\"\"} 9\n",
		"\nspillway_accept_queue_connections{service=\"shop \\\"1\\\"\"} 31\n",
		"\nspillway_signal_present{signal=\"read_wait\",service=\"shop \\\"1\\\"\"} 1\n",
		"\nspillway_signal_present{signal=\"probe\",service=\"shop \\\"1\\\"\"} 1\n",
		"\nspillway_signal_value{signal=\"probe\",service=\"shop \\\"1\\\"\"} 81.5\n",
		"\nspillway_blind 0\n",
		"\nspillway_level_changes_total{level=\"orange\"} 3\n",
		"\nspillway_decisions_total 36000\n",
		"\nspillway_decision_seconds_total 3.600000000\n",
		"\nspillway_decision_longest_seconds 0.000700000\n",
		"\nspillway_history_ticks_total{result=\"lost\"} 4\n",
	};
	static const char *const absent[] = {
		"reason=\"cut\",verdict=\"pass\"",
		"reason=\"arp\",verdict=\"drop\"",
		"reason=\"source_new\",verdict=\"pass\"",
		"reason=\"budget\",verdict=\"pass\"",
		"prefixes{list=\"old\"",
		"skipped_lines{list=\"old\"",
		"spillway_ruleset_last_good_age_seconds ",
		"prefixes{list=\"none\"",
	};
	struct scene scene;
	char *page;

	(void)state;
	set_the_scene(&scene);
	page = metrics_text(&scene.snapshot);
	for (size_t i = 0; i < COUNT(expected); i++)
		assert_has(page, expected[i]);
	for (size_t i = 0; i < COUNT(absent); i++)
		assert_has_not(page, absent[i]);
	free(page);
}

static char *read_whole(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (!file)
		fail_msg("%s cannot be read; run tests from the top of the tree", path);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

/* Every family has a row in docs/metrics.md that begins "| `name`", and vice versa. */
static void every_metric_is_documented(void **state)
{
	static struct checker checker;
	struct scene scene;
	char *page, *document = read_whole("docs/metrics.md"), row[200];
	size_t rows = 0;

	(void)state;
	set_the_scene(&scene);
	scene.snapshot.agent.ruleset_kept_s = 1;
	page = metrics_text(&scene.snapshot);
	assert_null(check_page(&checker, page));
	for (size_t i = 0; i < checker.families_count; i++) {
		snprintf(row, sizeof(row), "\n| `%s` |", checker.families[i]);
		assert_has(document, row);
	}
	for (const char *at = document; (at = strstr(at, "\n| `spillway_")); at++)
		rows++;
	assert_int_equal(rows, checker.families_count);
	free(page);
	free(document);
}

/* ---- hostile names (fault 44) ---- */

static const char *const hostile_names[] = {
	"a\"b",
	"a\\b",
	"a\nspillway_level 3",
	"\"} 1\n# HELP x y",
	"\\\"",
	"\\",
	"tab\tbell\a",
	"\033[2J\033[31mred",
	"\xff\xfe\xfd",
	"cut \xe2\x82",	    /* an incomplete character */
	"\xc0\xaf",	    /* overlong */
	"\xed\xa0\x80",	    /* a surrogate */
	"\xf4\x90\x80\x80", /* beyond Unicode */
	"\xc2\x9bm",	    /* C1: another escape */
	"\xe2\x80\xaegnp",  /* changes the direction */
	"Z\xc3\xbcrich \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x8c\x8a",
	"{}[]<>&'`$(reboot)",
	"0123456789012345678901234567890123456789012345678901234567890ab",
};

/* Safe for a terminal: valid UTF-8, and no control character except the line end. */
static void assert_for_terminal(const char *text)
{
	json_t *valid = json_string(text);

	assert_non_null(valid);
	json_decref(valid);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if ((*at < ' ' && *at != '\n') || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0))
			fail_msg("control character %u in:\n%s", *at, text);
	assert_has_not(text, "\xe2\x80\xae");
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* Hostile names must not change the number of lines. */
static void render_with_names(const char *list, const char *class, const char *interface)
{
	struct scene scene;
	char *tame[3], *wild[3];
	json_t *status, *again;
	char *dumped;

	set_the_scene(&scene);
	tame[0] = metrics_text(&scene.snapshot);
	tame[1] = status_text(&scene.snapshot, false);
	tame[2] = lists_text(&scene.snapshot, NULL, true);
	snprintf(scene.lists[3].record.name, SPW_NAME_MAX, "%s", list);
	snprintf(scene.snapshot.classes[2].record.name, SPW_NAME_MAX, "%s", class);
	memset(scene.snapshot.agent.interfaces[0].name, 0, 16);
	strncpy(scene.snapshot.agent.interfaces[0].name, interface, 15);
	snprintf(scene.snapshot.agent.version, 32, "%s", class);
	snprintf(scene.snapshot.agent.config, 256, "%s", list);
	wild[0] = metrics_text(&scene.snapshot);
	wild[1] = status_text(&scene.snapshot, false);
	wild[2] = lists_text(&scene.snapshot, NULL, true);
	assert_page(wild[0]);
	assert_for_terminal(wild[1]);
	assert_for_terminal(wild[2]);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(count_lines(wild[i]), count_lines(tame[i]));
		free(wild[i]);
		free(tame[i]);
	}
	status = spw_view_status_json(&scene.snapshot);
	assert_non_null(status);
	dumped = json_dumps(status, 0);
	again = json_loads(dumped, 0, NULL);
	assert_true(json_equal(status, again));
	json_decref(status);
	json_decref(again);
	free(dumped);
}

static void hostile_names_break_no_page(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hostile_names); i++)
		render_with_names(hostile_names[i], hostile_names[i], hostile_names[i]);
}

static void random_names_break_no_page(void **state)
{
	u64 seed = 20180716; /* an arbitrary seed */

	(void)state;
	for (int round = 0; round < 300; round++) {
		char names[3][SPW_NAME_MAX];

		for (size_t i = 0; i < sizeof(names); i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			names[i / SPW_NAME_MAX][i % SPW_NAME_MAX] = (char)(seed >> 56 | 1);
		}
		names[0][SPW_NAME_MAX - 1] = names[1][SPW_NAME_MAX - 1] = names[2][SPW_NAME_MAX - 1] = '\0';
		/* Byte 1 starts no name of the scene, so that names stay unique. */
		names[0][0] = names[1][0] = names[2][0] = 1;
		render_with_names(names[0], names[1], names[2]);
	}
}

static void labels_are_escaped_as_prometheus_reads_them(void **state)
{
	struct scene scene;
	char *page;

	(void)state;
	set_the_scene(&scene);
	strcpy(scene.lists[3].record.name, "a\"b\\c\nd\xff_\xc3\xbc");
	page = metrics_text(&scene.snapshot);
	assert_has(
		page,
		"{list=\"a\\\"b\\\\c\\nd\xef\xbf\xbd_\xc3\xbc\",class=\"international\",verdict=\"drop\"} 1234567\n");
	free(page);
}

/* ---- status as text ---- */

static void the_headline_says_what_matters(void **state)
{
	struct scene scene;
	char *text;

	(void)state;
	set_the_scene(&scene);
	text = status_text(&scene.snapshot, false);
	assert_true(!strncmp(text, "ORANGE: mode enforce; agent 4711 alive, lease 2.5 s\n", 52));
	assert_has(text, "set by hand, for another 9m30s\n");
	assert_has(text, "eth0 native, eth1 generic, eth2 NOT ATTACHED\n");
	assert_has_not(text, "everything passes");
	free(text);

	scene.snapshot.control.mode = SPW_OBSERVE;
	scene.snapshot.control.pinned_until_ns = UINT64_MAX;
	text = status_text(&scene.snapshot, false);
	assert_true(!strncmp(text, "ORANGE: everything passes, mode observe; agent 4711 alive", 57));
	assert_has(text, "set by hand, until 'spillway level auto'\n");
	free(text);

	scene.snapshot.control.lease_until_ns = scene.snapshot.now_ns;
	scene.snapshot.agent_alive = false;
	text = status_text(&scene.snapshot, false);
	assert_true(!strncmp(text, "ORANGE: everything passes, there is no lease; agent 4711 is dead or hangs\n", 74));
	free(text);

	scene.snapshot.agent.pid = 0;
	text = status_text(&scene.snapshot, false);
	assert_has(text, "; agent was stopped\n");
	free(text);
}

static void classes_say_what_becomes_of_them(void **state)
{
	struct scene scene;
	char *text;

	(void)state;
	set_the_scene(&scene);
	text = status_text(&scene.snapshot, false);
	assert_has(text, "domestic           131k      5000         0       500         0  served    cut new\n");
	assert_has(text, "international      531k       301      1.2M        30      123k  cut all   cut all\n");
	assert_has(text, "gone                  0         8         0         2         0  retired\n");
	assert_has(text,
		   "11 packets that passed, 5 of them new work, would have been dropped had the level been enforced\n");
	assert_has(text, "42 packets that passed, 26 of them new work, would have been dropped one level further up\n");
	assert_has(text, "\n5     cut");
	assert_has(text, "12 fragment\n");
	assert_has_not(text, "source_new");
	assert_has(text, "\n2     malformed              6         7        60        70\n");
	assert_has_not(text, "lldp");
	free(text);
	scene.snapshot.control.level = SPW_RED;
	text = status_text(&scene.snapshot, false);
	assert_has_not(text, "next");
	free(text);
}

static void colour_is_for_those_who_want_it(void **state)
{
	struct scene scene;
	char *text;

	(void)state;
	set_the_scene(&scene);
	text = status_text(&scene.snapshot, false);
	assert_has_not(text, "\033");
	free(text);
	text = status_text(&scene.snapshot, true);
	assert_has(text, "\033[1;38;5;208mORANGE\033[0m");
	free(text);
}

static void the_page_stays_as_wide_as_a_terminal(void **state)
{
	struct scene scene;
	char *text, *rest, *line;

	(void)state;
	set_the_scene(&scene);
	for (u32 i = 0; i < SPW_INTERFACES_MAX; i++) {
		snprintf(scene.snapshot.agent.interfaces[i].name, 16, "enp%02us0f1np1", i);
		scene.snapshot.agent.interfaces[i].attached = i % 2;
	}
	memset(scene.lists[1].record.name, 'l', SPW_NAME_MAX - 1);
	memset(scene.snapshot.classes[0].record.name, 'c', SPW_NAME_MAX - 1);
	for (size_t i = 0; i < COUNT(some_lists); i++)
		scene.lists[i].counter.packets[SPW_PASS] = scene.lists[i].counter.bytes[SPW_DROP] = UINT64_MAX / 8;
	rest = text = status_text(&scene.snapshot, false);
	while ((line = strsep(&rest, "\n")))
		if (spw_text_width(line) > 100)
			fail_msg("%d columns: %s", spw_text_width(line), line);
	free(text);
}

/* ---- simulate ---- */

static void assert_packet(const struct spw_packet_view *view, const char *expected)
{
	struct page page;
	json_t *object;

	spw_view_packet_json(open_page(&page), view);
	assert_string_equal(close_page(&page), expected);
	object = json_loads(page.text, 0, NULL);
	assert_keys(object, "n len vlan src proto sport dport fragment new class list verdict reason");
	json_decref(object);
	free(page.text);
}

static void a_whole_packet(void **state)
{
	const struct spw_trace trace = {
		.packet = {.source_hi = 0xc0000207ull << 32,
			   .length = 74,
			   .family = 4,
			   .protocol = 6,
			   .sport = 40000,
			   .dport = 443,
			   .found = SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN},
		.classified = 1,
		.new_work = 1,
		.verdict = SPW_DROP,
		.reason = SPW_REASON_CUT,
	};
	const struct spw_trace tagged = {
		.packet = {.source_hi = 0x20010db800000000ull,
			   .source_lo = 1,
			   .length = 1514,
			   .family = 6,
			   .protocol = 17,
			   .sport = 1,
			   .dport = 65535,
			   .vlan = {100, 4094},
			   .vlans = 2,
			   .found = SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_FRAGMENT},
		.classified = 1,
		.reason = SPW_REASON_ESTABLISHED,
	};

	(void)state;
	assert_packet(
		&(struct spw_packet_view){1, &trace, 74, "international", "abroad"},
		"{\"n\":1,\"len\":74,\"vlan\":[],\"src\":\"192.0.2.7\",\"proto\":6,\"sport\":40000,\"dport\":443,"
		"\"fragment\":false,\"new\":true,\"class\":\"international\",\"list\":\"abroad\",\"verdict\":\"drop\","
		"\"reason\":\"cut\"}\n");
	assert_packet(
		&(struct spw_packet_view){9007199254740993ull, &tagged, 1514, "un\"known", NULL},
		"{\"n\":9007199254740993,\"len\":1514,\"vlan\":[100,4094],\"src\":\"2001:db8::1\",\"proto\":17,"
		"\"sport\":1,\"dport\":65535,\"fragment\":true,\"new\":false,\"class\":\"un\\\"known\",\"list\":null,"
		"\"verdict\":\"pass\",\"reason\":\"established\"}\n");
}

static void what_was_not_parsed_is_null(void **state)
{
	const struct spw_trace no_ports = {
		.packet = {.source_hi = 0xc6336401ull << 32,
			   .family = 4,
			   .protocol = 1,
			   .found = SPW_FOUND_IP,
			   .vlans = 1,
			   .vlan = {7}},
		.classified = 1,
		.reason = SPW_REASON_ESTABLISHED,
	};
	/* A frame without an IP header has no ports; fields that were not found must not show. */
	const struct spw_trace arp = {
		.packet = {.family = 4,
			   .source_hi = ~0ull,
			   .sport = 9,
			   .dport = 9,
			   .protocol = 9,
			   .found = SPW_FOUND_ARP},
		.reason = SPW_REASON_ARP,
	};

	(void)state;
	assert_packet(
		&(struct spw_packet_view){2, &no_ports, 98, "partner", "p"},
		"{\"n\":2,\"len\":98,\"vlan\":[7],\"src\":\"198.51.100.1\",\"proto\":1,\"sport\":null,\"dport\":null,"
		"\"fragment\":false,\"new\":false,\"class\":\"partner\",\"list\":\"p\",\"verdict\":\"pass\","
		"\"reason\":\"established\"}\n");
	assert_packet(&(struct spw_packet_view){3, &arp, 60, NULL, NULL},
		      "{\"n\":3,\"len\":60,\"vlan\":[],\"src\":null,\"proto\":null,\"sport\":null,\"dport\":null,"
		      "\"fragment\":false,\"new\":false,\"class\":null,\"list\":null,\"verdict\":\"pass\",\"reason\":"
		      "\"arp\"}\n");
	assert_packet(&(struct spw_packet_view){4, NULL, 9, NULL, NULL},
		      "{\"n\":4,\"len\":9,\"vlan\":[],\"src\":null,\"proto\":null,\"sport\":null,\"dport\":null,"
		      "\"fragment\":false,\"new\":false,\"class\":null,\"list\":null,\"verdict\":\"pass\","
		      "\"reason\":\"malformed\"}\n");
}

/* Fault 44. */
static void packets_survive_hostile_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hostile_names); i++) {
		const struct spw_packet_view view = {i + 1, NULL, 60, hostile_names[i], hostile_names[i]};
		struct page page;
		json_t *object;

		spw_view_packet_json(open_page(&page), &view);
		assert_int_equal(count_lines(close_page(&page)), 1);
		object = json_loads(page.text, 0, NULL);
		assert_non_null(object);
		assert_string_equal(json_string_value(json_object_get(object, "class")),
				    json_string_value(json_object_get(object, "list")));
		json_decref(object);
		free(page.text);
		spw_view_packet(open_page(&page), &view, (struct spw_style){false});
		assert_for_terminal(close_page(&page));
		assert_int_equal(count_lines(page.text), 1);
		free(page.text);
	}
}

static void a_packet_as_text(void **state)
{
	const struct spw_trace trace = {
		.packet = {.source_hi = 0xc0000207ull << 32,
			   .family = 4,
			   .protocol = 6,
			   .sport = 40000,
			   .dport = 443,
			   .vlans = 1,
			   .vlan = {12},
			   .found = SPW_FOUND_IP | SPW_FOUND_PORTS},
		.verdict = SPW_DROP,
		.reason = SPW_REASON_CUT,
		.new_work = 1,
	};
	const struct spw_packet_view view = {1, &trace, 74, "international", "abroad"};
	struct page page;

	(void)state;
	spw_view_packet(open_page(&page), &view, (struct spw_style){false});
	assert_string_equal(
		close_page(&page),
		"       1    74  192.0.2.7             40000 > 443   tcp    new  international  abroad         "
		"drop cut vlan 12\n");
	free(page.text);
}

/* ---- check ---- */

static struct spw_config_list config_lists[] = {
	{.name = "partners", .kind = SPW_LIST_FILE},
	{.name = "home", .kind = SPW_LIST_GEO},
	{.name = "abroad", .kind = SPW_LIST_GEO},
	{.name = "spare", .kind = SPW_LIST_INLINE},
};
static size_t use_partners[] = {0}, use_home[] = {1}, use_abroad[] = {2};
static struct spw_config_class config_classes[] = {
	{.name = "partner",
	 .lists = use_partners,
	 .lists_count = 1,
	 .shed_from = SPW_LEVEL_NEVER,
	 .cut_from = SPW_LEVEL_NEVER},
	{.name = "domestic", .lists = use_home, .lists_count = 1, .shed_from = SPW_RED, .cut_from = SPW_LEVEL_NEVER},
	{.name = "international", .lists = use_abroad, .lists_count = 1, .shed_from = SPW_ORANGE, .cut_from = SPW_RED},
	{.name = "unknown", .shed_from = SPW_YELLOW, .cut_from = SPW_ORANGE, .cut_all = true, .light = true},
};
static u16 config_light_ports[] = {8022, 8443, 8080, 8444};
static u16 config_management_ports[] = {22};
static struct spw_local config_locals[] = {{0, 0xffffc0000201}, {0x20010db800000000, 2}};
static struct spw_config_port config_tcp[] = {{22, 0}, {443, 0}, {80, 1}, {443, 2}};
static struct spw_config_service config_services[] = {{.name = "shop",
						       .tcp = config_tcp,
						       .tcp_count = 4,
						       .quic = config_tcp + 1,
						       .quic_count = 1,
						       .light_ports = config_light_ports,
						       .light_ports_count = COUNT(config_light_ports),
						       .light_per_s = 2000}};
static struct spw_config_prefix config_management[] = {{.prefix = {{0xc0000200ull << 32, 0}, 4, 28}}};
static const u64 config_prefixes4[] = {12, 123456, 262144, 1}, config_prefixes6[] = {0, 7, 8, 9},
		 config_skipped[] = {0, 1, 1234, 0};

static const char *const config_formats[] = {"AWS ranges", NULL, NULL, NULL};

static struct spw_config_balancer config_balancers[] = {
	{{{0xc6336400ull << 32, 0}, 4, 28}, SPW_TUNNEL_GUE | SPW_TUNNEL_VXLAN}};

static const struct spw_config a_config = {
	.mode = SPW_OBSERVE,
	.management_prefixes = config_management,
	.management_prefixes_count = 1,
	.management_ports = config_management_ports,
	.management_ports_count = 1,
	.services = config_services,
	.services_count = 1,
	.locals = config_locals,
	.locals_count = COUNT(config_locals),
	.balancers = config_balancers,
	.balancers_count = 1,
	.lists = config_lists,
	.lists_count = COUNT(config_lists),
	.classes = config_classes,
	.classes_count = COUNT(config_classes),
};

static const struct spw_diagnostics config_warnings = {
	.items = {{SPW_WARNING, "f:4:3: list 'spare' is in no class", 4, 3, false},
		  {SPW_WARNING, "f: all", 0, 0, true}},
	.count = 2,
	.warnings = 2,
};

static const struct spw_meaning a_meaning = {
	.config = &a_config,
	.prefixes4 = config_prefixes4,
	.prefixes6 = config_prefixes6,
	.skipped = config_skipped,
	.formats = config_formats,
	.ruleset_bytes = 22400000,
	.intervals4 = 385602,
	.intervals6 = 276646,
	.read_seconds = 0.5,
	.compile_seconds = 0.25,
	.warnings = &config_warnings,
};

static void a_meaning_as_text(void **state)
{
	struct page page;

	(void)state;
	spw_view_meaning(open_page(&page), &a_meaning, (struct spw_style){false});
	close_page(&page);
	assert_has(page.text, "  1  partner        partners (12 prefixes, AWS ranges)\n");
	assert_has(page.text, "  2  domestic       home (123,463 prefixes, 1 line skipped)\n");
	assert_has(page.text, "abroad (262,152 prefixes, 1,234 lines skipped)\n");
	assert_has(page.text, "  4  unknown        everything that no list names\n");
	assert_has(page.text, "in no class, so without effect: spare\n");
	assert_has(page.text, "     partner        served    served    served    served    never\n");
	assert_has(page.text, "     international  served    served    sheds     cut new   orange\n");
	assert_has(page.text, "     unknown        served    sheds     cut all   cut all   yellow\n");
	assert_has(page.text, "192.0.2.0/28 to port 22: passes at every level\n");
	assert_has(page.text, "198.51.100.0/28 gue vxlan: tunnels from there are judged by their inner source\n");
	assert_has(
		page.text,
		"shop: tcp 22, tcp 443, tcp 192.0.2.1:80, tcp [2001:db8::2]:443, quic 443; light listeners on 8022, ..., up to 2,000/s\n");
	assert_has(page.text, "385,602 IPv4 and 276,646 IPv6 intervals in 22.4MB");
	assert_has(page.text, "observe: everything passes");
	free(page.text);
}

static void a_light_listener(void **state)
{
	struct page page;
	json_t *json = spw_view_light_json(&the_light, "shop");

	(void)state;
	spw_view_light(open_page(&page), &the_light, "shop", 11);
	spw_view_light(page.out, &the_light, "other", 11);
	spw_view_light(page.out, NULL, "shop", 11);
	assert_string_equal(
		close_page(&page),
		"  light      a listener for IPv4 only on 8080, 8443; up to 2,000/s; 12,345 answered, 6 beyond "
		"that and dropped\n");
	free(page.text);
	assert_keys(json, "tcp per_second ready_ipv4 ready_ipv6 answered over problem");
	assert_integer(json, "answered", 12345);
	assert_true(json_is_true(get(json, "ready_ipv4")) && json_is_false(get(json, "ready_ipv6")));
	json_decref(json);
	assert_true(json_is_null(spw_view_light_json(&the_light, "other")));
}

static void a_meaning_as_json(void **state)
{
	json_t *meaning = spw_view_meaning_json(&a_meaning);

	(void)state;
	assert_keys(meaning, "mode interfaces classes lists management services decap ruleset warnings");
	assert_keys(get(meaning, "warnings.0"), "line column text");
	assert_text(meaning, "warnings.0.text", "f:4:3: list 'spare' is in no class");
	assert_integer(meaning, "warnings.0.line", 4);
	assert_integer(meaning, "warnings.0.column", 3);
	assert_integer(meaning, "warnings.1.line", 0);
	assert_keys(get(meaning, "classes.0"),
		    "name rank shed_from cut_from cut established refuse takes_the_rest lists limits levels");
	assert_keys(get(meaning, "lists.0"), "name class kind format prefixes4 prefixes6 skipped_lines");
	assert_keys(get(meaning, "lists.1"), "name class kind prefixes4 prefixes6 skipped_lines");
	assert_text(meaning, "lists.0.format", "AWS ranges");
	assert_text(meaning, "classes.2.levels.orange", "sheds");
	assert_text(meaning, "classes.2.levels.red", "cut_new");
	assert_text(meaning, "classes.3.levels.red", "cut_all");
	assert_true(json_is_null(get(meaning, "classes.0.cut_from")));
	assert_text(meaning, "classes.1.lists.0", "home");
	assert_true(json_is_true(get(meaning, "classes.3.takes_the_rest")));
	assert_text(meaning, "lists.2.kind", "geo");
	assert_text(meaning, "lists.2.class", "international");
	assert_true(json_is_null(get(meaning, "lists.3.class")));
	assert_integer(meaning, "lists.1.prefixes4", 123456);
	assert_integer(meaning, "lists.2.skipped_lines", 1234);
	assert_text(meaning, "management.prefixes.0", "192.0.2.0/28");
	assert_integer(meaning, "management.ports.0", 22);
	assert_integer(meaning, "services.0.tcp.1", 443);
	assert_text(meaning, "services.0.tcp.2", "192.0.2.1:80");
	assert_text(meaning, "services.0.tcp.3", "[2001:db8::2]:443");
	assert_integer(meaning, "services.0.quic.0", 443);
	assert_text(meaning, "decap.0.from", "198.51.100.0/28");
	assert_text(meaning, "decap.0.kinds.1", "vxlan");
	assert_integer(meaning, "services.0.light.tcp.1", 8443);
	assert_integer(meaning, "services.0.light.per_second", 2000);
	assert_text(meaning, "classes.3.refuse", "light");
	assert_text(meaning, "classes.2.refuse", "drop");
	assert_integer(meaning, "ruleset.intervals4", 385602);
	assert_real(meaning, "ruleset.compile_seconds", 0.25);
	json_decref(meaning);
}

/* ---- numbers for people ---- */

static void lists_by_url(void **state)
{
	static const char *const texts[] = {
		"url       https://l.example/drop\nfetched   confirmed by its server 5m30s ago; next in 54m30s; the last failure was "
		"2h00m ago\n",
		"url       https://l.example/\xef\xbf\xbd[1m\nfetched   confirmed by its server 2d0h ago, which is too old; the last 3 "
		"failed, 20 s ago: timed out\n",
		"url       https://l.example/new\nfetched   not fetched for 5.0 s; is being fetched\n",
	};
	const struct spw_downloads_view downloads = the_downloads();
	json_t *all = spw_view_downloads_json(&downloads);
	const json_t *drop = json_object_get(all, "drop");
	struct spw_snapshot empty = {0};
	char *metrics = metrics_text(&empty);

	(void)state;
	assert_has(metrics, "spillway_list_fetches_total{list=\"drop\",result=\"unchanged\"} 7\n");
	assert_has(metrics, "spillway_list_fetches_total{list=\"q\\\"uoted\",result=\"failed\"} 3\n");
	assert_has(metrics, "spillway_list_failures{list=\"drop\"} 0\n");
	assert_has(metrics, "spillway_list_age_seconds{list=\"drop\"} 330.");
	assert_has(metrics, "spillway_list_max_age_seconds{list=\"new\"} 86400.");
	assert_keys(drop, "url held running age_s max_age_s every_s next_s fetches failures failure failed_ago_s");
	assert_keys(json_object_get(drop, "fetches"), "changed unchanged failed");
	assert_true(json_is_null(json_object_get(json_object_get(all, "new"), "failure")));
	for (size_t i = 0; i < downloads.count; i++) {
		const json_t *download = json_object_get(all, downloads.items[i].list);
		struct page page;
		char *text;

		spw_view_download(open_page(&page), download);
		text = close_page(&page);
		assert_string_equal(text, texts[i]);
		free(text);
		assert_int_equal(spw_view_download_is_bad(download), i > 0);
	}
	free(metrics);
	json_decref(all);
}

static void numbers_are_short(void **state)
{
	static const struct {
		u64 count;
		const char *text;
	} counts[] = {
		{0, "0"},	   {9999, "9999"},	{10000, "10.0k"},      {12345, "12.3k"},
		{99949, "99.9k"},  {99950, "100k"},	{999499, "999k"},      {999500, "1.0M"},
		{1234567, "1.2M"}, {999999999, "1.0G"}, {UINT64_MAX, "18.4E"},
	};
	static const struct {
		u64 ns;
		const char *text;
	} times[] = {
		{0, "0 us"},
		{350999, "350 us"},
		{12 * S / 1000, "12 ms"},
		{2 * S + S / 2, "2.5 s"},
		{119 * S, "119 s"},
		{570 * S, "9m30s"},
		{11520 * S, "3h12m"},
		{190000 * S, "2d4h"},
		{UINT64_MAX, "213503d23h"},
	};
	char text[SPW_SHORT_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++)
		assert_string_equal(spw_short_count(counts[i].count, text), counts[i].text);
	for (size_t i = 0; i < COUNT(times); i++)
		assert_string_equal(spw_short_time(times[i].ns, text), times[i].text);
	assert_string_equal(spw_long_count(1234567, text), "1,234,567");
	assert_string_equal(spw_long_count(999, text), "999");
}

static void cells_keep_their_width(void **state)
{
	static const struct {
		const char *text;
		const char *cell;
	} cells[] = {
		{"", "      "},
		{"abc", "abc   "},
		{"abcdef", "abcdef"},
		{"abcdefg", "abcde~"},
		{"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc",
		 "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc~"},
		{"a\tb", "a\xef\xbf\xbd"
			 "b   "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cells); i++) {
		struct page page;

		spw_put_cell(open_page(&page), cells[i].text, 6);
		assert_string_equal(close_page(&page), cells[i].cell);
		free(page.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_json_has_its_shape),
		cmocka_unit_test(status_json_has_its_values),
		cmocka_unit_test(a_class_is_the_sum_of_its_lists),
		cmocka_unit_test(reasons_come_in_the_order_of_rules),
		cmocka_unit_test(without_an_agent_the_json_says_so),
		cmocka_unit_test(nothing_at_all_can_be_rendered),
		cmocka_unit_test(counters_near_their_end_stay_exact),
		cmocka_unit_test(lists_are_found_by_name),
		cmocka_unit_test(the_checker_sees_what_is_wrong),
		cmocka_unit_test(metrics_keep_the_format),
		cmocka_unit_test(metrics_have_their_values),
		cmocka_unit_test(last_good_is_told),
		cmocka_unit_test(every_metric_is_documented),
		cmocka_unit_test(hostile_names_break_no_page),
		cmocka_unit_test(random_names_break_no_page),
		cmocka_unit_test(labels_are_escaped_as_prometheus_reads_them),
		cmocka_unit_test(the_headline_says_what_matters),
		cmocka_unit_test(classes_say_what_becomes_of_them),
		cmocka_unit_test(colour_is_for_those_who_want_it),
		cmocka_unit_test(the_page_stays_as_wide_as_a_terminal),
		cmocka_unit_test(a_whole_packet),
		cmocka_unit_test(what_was_not_parsed_is_null),
		cmocka_unit_test(packets_survive_hostile_names),
		cmocka_unit_test(a_packet_as_text),
		cmocka_unit_test(a_meaning_as_text),
		cmocka_unit_test(a_meaning_as_json),
		cmocka_unit_test(lists_by_url),
		cmocka_unit_test(a_light_listener),
		cmocka_unit_test(numbers_are_short),
		cmocka_unit_test(cells_keep_their_width),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
