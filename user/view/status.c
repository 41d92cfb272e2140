/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole state on one screen, or as JSON, for `status`. The text rounds, the JSON does not. */
#include <ctype.h>
#include <string.h>

#include "core/words.h"
#include "json.h"
#include "limits.h"
#include "numbers.h"
#include "row.h"
#include "state.h"
#include "text.h"

#define NAME_COLUMNS_MIN  10
#define NAME_COLUMNS_MAX  24
#define TREATMENT_COLUMNS 8

/* ---- text ---- */

static void put_level(FILE *out, u32 level, struct spw_style style)
{
	char word[SPW_SHORT_TEXT];

	snprintf(word, sizeof(word), "%s", spw_level_name(level));
	for (char *at = word; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	spw_put_coloured(out, style, spw_level_colour(level), word);
}

static void put_agent(FILE *out, const struct spw_snapshot *snapshot, struct spw_style style)
{
	char text[64];

	fputs("; agent ", out);
	if (snapshot->agent_alive) {
		fprintf(out, "%u alive", snapshot->agent.pid);
		return;
	}
	if (snapshot->agent.pid)
		snprintf(text, sizeof(text), "%u is dead or hangs", snapshot->agent.pid);
	else
		snprintf(text, sizeof(text), "was stopped");
	spw_put_coloured(out, style, SPW_COLOUR_RED, text);
}

/* The essentials: is anything refused now, by whose decision, and for how long. */
static void put_headline(FILE *out, const struct spw_snapshot *snapshot, struct spw_style style)
{
	u64 lease_ns = spw_lease_left_ns(snapshot);
	char text[SPW_SHORT_TEXT];

	put_level(out, snapshot->control.level, style);
	fputs(": ", out);
	if (!lease_ns)
		spw_put_coloured(out, style, SPW_COLOUR_YELLOW, "everything passes, there is no lease");
	else if (snapshot->control.mode == SPW_OBSERVE)
		spw_put_coloured(out, style, SPW_COLOUR_YELLOW, "everything passes, mode observe");
	else
		fprintf(out, "mode %s", spw_mode_name(snapshot->control.mode));
	put_agent(out, snapshot, style);
	if (lease_ns)
		fprintf(out, ", lease %s", spw_short_time(lease_ns, text));
	putc('\n', out);
	if (snapshot->control.least_level > SPW_GREEN || snapshot->control.most_level < SPW_RED)
		fprintf(out, "%-*sbounded by hand: %s to %s\n", SPW_LABEL_COLUMNS, "level",
			spw_level_name(snapshot->control.least_level), spw_level_name(snapshot->control.most_level));
	if (snapshot->agent_alive && !spw_level_pinned(snapshot) && snapshot->control.level > SPW_GREEN)
		fprintf(out, "%-*s'spillway explain' says why\n", SPW_LABEL_COLUMNS, "level");
	if (!spw_level_pinned(snapshot))
		return;
	fprintf(out, "%-*s%s, set by hand, ", SPW_LABEL_COLUMNS, "level",
		spw_level_name(snapshot->control.pinned_level));
	if (snapshot->control.pinned_until_ns == UINT64_MAX)
		fputs("until 'spillway level auto'\n", out);
	else
		fprintf(out, "for another %s\n",
			spw_short_time(snapshot->control.pinned_until_ns - snapshot->now_ns, text));
}

static void put_interfaces(FILE *out, const struct spw_snapshot *snapshot, struct spw_style style)
{
	struct spw_row row = spw_row_begin(out, "interfaces", SPW_LABEL_COLUMNS);
	char name[SPW_SHORT_TEXT];

	for (size_t i = 0; i < SPW_INTERFACES_MAX && snapshot->agent.interfaces[i].name[0]; i++) {
		const struct spw_interface_record *interface = &snapshot->agent.interfaces[i];
		const char *mode = spw_interface_mode(interface);
		static const char lost[] = "NOT ATTACHED";

		spw_interface_name(interface, name);
		spw_row_next(&row, spw_text_width(name) + 1 + (int)strlen(mode ? mode : lost));
		spw_put_text(out, name, SPW_FOR_TERMINAL);
		putc(' ', out);
		if (mode)
			fputs(mode, out);
		else
			spw_put_coloured(out, style, SPW_COLOUR_RED, lost);
	}
	if (!row.begun)
		spw_put_coloured(out, style, SPW_COLOUR_RED, "none");
	putc('\n', out);
}

static int class_columns(const struct spw_snapshot *snapshot)
{
	int columns = NAME_COLUMNS_MIN;

	for (size_t i = 0; i < snapshot->classes_count; i++) {
		int width = spw_text_width(snapshot->classes[i].record.name);

		columns = width > columns ? width : columns;
	}
	return columns < NAME_COLUMNS_MAX ? columns : NAME_COLUMNS_MAX;
}

static void put_treatment(FILE *out, const struct spw_class_record *class, u32 level, int columns,
			  struct spw_style style)
{
	enum spw_treatment treatment = spw_treatment(class->shed_from, class->cut_new_from, class->cut_all_from, level);
	char text[SPW_SHORT_TEXT];

	snprintf(text, sizeof(text), "  %-*s", columns, spw_treatment_text(treatment));
	if (treatment == SPW_SERVED)
		fputs(text, out);
	else
		spw_put_coloured(out, style, SPW_COLOUR_STRONG, text);
}

static void put_number(FILE *out, u64 number)
{
	char text[SPW_SHORT_TEXT];

	fprintf(out, "%10s", spw_short_count(number, text));
}

static void put_class(FILE *out, const struct spw_snapshot *snapshot, const struct spw_class_snapshot *class,
		      int columns, struct spw_style style)
{
	struct spw_traffic traffic = spw_class_traffic(snapshot, class->id);
	u32 level = snapshot->control.level;

	spw_put_cell(out, class->record.name, columns);
	put_number(out, traffic.prefixes4 + traffic.prefixes6);
	put_number(out, traffic.packets[SPW_PASS]);
	put_number(out, traffic.packets[SPW_DROP]);
	put_number(out, class->new_work[SPW_PASS]);
	put_number(out, class->new_work[SPW_DROP]);
	if (class->record.state != SPW_RECORD_ACTIVE) {
		fputs("  retired", out);
	} else {
		put_treatment(out, &class->record, level, level < SPW_RED ? TREATMENT_COLUMNS : 0, style);
		if (level < SPW_RED)
			put_treatment(out, &class->record, level + 1, 0, style);
	}
	putc('\n', out);
}

static void put_classes(FILE *out, const struct spw_snapshot *snapshot, struct spw_style style)
{
	int columns = class_columns(snapshot);
	u32 level = snapshot->control.level;

	if (!snapshot->classes_count)
		return;
	fprintf(out, "\n%*s%10s%10s%10s%10s%10s", columns, "", "", "packets", "packets", "new work", "new work");
	if (level < SPW_RED)
		fprintf(out, "  %-*s  next up\n", TREATMENT_COLUMNS, "now");
	else
		fputs("  now\n", out);
	fprintf(out, "%-*s%10s%10s%10s%10s%10s", columns, "class", "prefixes", "passed", "dropped", "admitted",
		"refused");
	if (level < SPW_RED)
		fprintf(out, "  %-*s  %s\n", TREATMENT_COLUMNS, spw_level_name(level), spw_level_name(level + 1));
	else
		fprintf(out, "  %s\n", spw_level_name(level));
	for (size_t i = 0; i < snapshot->classes_count; i++)
		put_class(out, snapshot, &snapshot->classes[i], columns, style);
}

/* Limits of each class, and how much they refused. */
static void put_limits(FILE *out, const struct spw_snapshot *snapshot)
{
	bool begun = false;
	char text[SPW_SHORT_TEXT];

	for (size_t i = 0; i < snapshot->classes_count; i++) {
		const struct spw_class_snapshot *class = &snapshot->classes[i];
		const struct spw_class_rates rates = spw_recorded_rates(&class->record);
		u64 refused = 0;

		if (class->record.state != SPW_RECORD_ACTIVE || !spw_class_is_limited(&rates))
			continue;
		for (u32 at = 0; at < (u32)SPW_SCOPES * SPW_KINDS; at++)
			refused += snapshot->limited[class->id][at / SPW_KINDS][at % SPW_KINDS];
		fprintf(out, "%s%-*s", begun ? "" : "\n", SPW_LABEL_COLUMNS, begun ? "" : "limits");
		spw_put_text(out, class->record.name, SPW_FOR_TERMINAL);
		fputs(": ", out);
		spw_put_limits(out, &rates);
		fprintf(out, "; %s packets refused\n", spw_short_count(refused, text));
		begun = true;
	}
}

/* By service, over all classes: arrivals, and what the datapath admitted. */
static void put_services(FILE *out, const struct spw_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->services_count; i++) {
		const struct spw_service_snapshot *service = &snapshot->services[i];
		u64 fresh[SPW_VERDICTS] = {0}, resent[SPW_VERDICTS] = {0}, limited = 0;
		char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT], third[SPW_SHORT_TEXT];

		if (!service->id || service->record.state != SPW_RECORD_ACTIVE)
			continue;
		for (u32 id = 0; id < SPW_CLASSES_MAX; id++) {
			for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
				fresh[verdict] += service->classes[id].fresh[verdict];
				resent[verdict] += service->classes[id].resent[verdict];
			}
			limited += service->classes[id].limited;
		}
		fprintf(out, "%s%-*s", i > 1 ? "" : "\n", SPW_LABEL_COLUMNS, i > 1 ? "" : "services");
		spw_put_text(out, service->record.name, SPW_FOR_TERMINAL);
		fprintf(out, ": new work %s admitted, %s refused; %s came again\n",
			spw_short_count(fresh[SPW_PASS] + resent[SPW_PASS], first),
			spw_short_count(fresh[SPW_DROP] + resent[SPW_DROP] + limited, second),
			spw_short_count(resent[SPW_PASS] + resent[SPW_DROP], third));
	}
}

static void put_shadow(FILE *out, const struct spw_snapshot *snapshot, enum spw_shadow shadow, const char *when)
{
	char packets_text[SPW_SHORT_TEXT], new_work_text[SPW_SHORT_TEXT];
	u64 packets = 0, new_work = 0;

	for (size_t i = 0; i < snapshot->classes_count; i++) {
		packets += snapshot->classes[i].counter.shadow_packets[shadow];
		new_work += snapshot->classes[i].counter.shadow_new_work[shadow];
	}
	if (!packets)
		return;
	fprintf(out, "%s packets that passed, %s of them new work, would have been dropped %s\n",
		spw_short_count(packets, packets_text), spw_short_count(new_work, new_work_text), when);
}

static void put_shadows(FILE *out, const struct spw_snapshot *snapshot)
{
	put_shadow(out, snapshot, SPW_SHADOW_ENFORCED, "had the level been enforced");
	put_shadow(out, snapshot, SPW_SHADOW_NEXT_LEVEL, "one level further up");
}

static void put_reason(FILE *out, u32 reason, const struct spw_sum *sum)
{
	fprintf(out, "%-6u%-14s", spw_reason_rule(reason), spw_reason_name(reason));
	put_number(out, sum->packets[SPW_PASS]);
	put_number(out, sum->packets[SPW_DROP]);
	put_number(out, sum->bytes[SPW_PASS]);
	put_number(out, sum->bytes[SPW_DROP]);
	putc('\n', out);
}

/* Those that occurred, sorted by rule. */
static void put_reasons(FILE *out, const struct spw_snapshot *snapshot)
{
	bool begun = false;

	for (u32 place = 0; place < SPW_REASONS; place++) {
		u32 reason = spw_reason_in_turn(place);
		const struct spw_sum *sum = &snapshot->reasons[reason];

		if (!spw_reason_shown(reason) || !(sum->packets[SPW_PASS] || sum->packets[SPW_DROP]))
			continue;
		if (!begun) {
			fprintf(out, "\n%20s%10s%10s%10s%10s\n", "", "packets", "packets", "bytes", "bytes");
			fprintf(out, "%-6s%-14s%10s%10s%10s%10s\n", "rule", "reason", "passed", "dropped", "passed",
				"dropped");
		}
		begun = true;
		put_reason(out, reason, sum);
	}
}

static void put_anomalies(FILE *out, const struct spw_snapshot *snapshot)
{
	char text[SPW_SHORT_TEXT];
	bool some = false;

	for (u32 anomaly = 0; anomaly < SPW_ANOMALIES; anomaly++) {
		if (!snapshot->anomalies[anomaly].packets)
			continue;
		if (some)
			fputs(", ", out);
		else
			fprintf(out, "\n%-*s", SPW_LABEL_COLUMNS, "anomalies");
		some = true;
		fprintf(out, "%s %s", spw_short_count(snapshot->anomalies[anomaly].packets, text),
			spw_anomaly_name(anomaly));
	}
	if (some)
		putc('\n', out);
}

static void put_ruleset(FILE *out, const struct spw_snapshot *snapshot)
{
	const struct spw_agent_record *agent = &snapshot->agent;
	char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT], third[SPW_SHORT_TEXT];

	fprintf(out, "\n%-*s", SPW_LABEL_COLUMNS, "ruleset");
	if (!agent->generation) {
		fputs("none was published\n", out);
		return;
	}
	fprintf(out, "generation %llu, %s old: %s IPv4 and %s IPv6 prefixes\n", (unsigned long long)agent->generation,
		spw_short_time(spw_since_ns(snapshot, agent->published_ns), first),
		spw_short_count(agent->ruleset_prefixes4, second), spw_short_count(agent->ruleset_prefixes6, third));
	fprintf(out, "%*s%sB of memory, compiled in %s, published in %s; ", SPW_LABEL_COLUMNS, "",
		spw_short_count(agent->ruleset_bytes, first), spw_short_time(agent->compile_ns, second),
		spw_short_time(agent->publish_ns, third));
	fprintf(out, "reloads: %llu done, %llu failed\n", (unsigned long long)agent->reloads_done,
		(unsigned long long)agent->reloads_failed);
}

/* Pending confirmation of `apply --confirm`. */
static void put_unconfirmed(FILE *out, const struct spw_snapshot *snapshot)
{
	u64 until = snapshot->agent.unconfirmed_until_ns;
	char text[SPW_SHORT_TEXT];

	if (until == SPW_TAKEN_BACK)
		fprintf(out,
			"%*srestored, as an 'apply --confirm' was not confirmed; in force until the next 'apply'\n",
			SPW_LABEL_COLUMNS, "");
	else if (until)
		fprintf(out, "%*snot confirmed: rolled back in %s unless you run: spillway confirm\n",
			SPW_LABEL_COLUMNS, "",
			spw_short_time(until > snapshot->now_ns ? until - snapshot->now_ns : 0, text));
}

/* What a start fell back to: the whole ruleset, or the content of lists. */
static void put_last_good(FILE *out, const struct spw_snapshot *snapshot, struct spw_style style)
{
	char text[SPW_SHORT_TEXT];

	if (snapshot->agent.ruleset_kept_s) {
		fprintf(out, "%*s", SPW_LABEL_COLUMNS, "");
		spw_put_coloured(out, style, SPW_COLOUR_RED, "the last good ruleset");
		fprintf(out, ", %s old: the configuration or a list cannot be used; see 'spillway check'\n",
			spw_short_time(spw_kept_ns(snapshot, snapshot->agent.ruleset_kept_s), text));
		return;
	}
	for (size_t i = 0; i < snapshot->lists_count; i++) {
		const struct spw_list_record *list = &snapshot->lists[i].record;

		if (!list->kept_s || list->state != SPW_RECORD_ACTIVE)
			continue;
		fprintf(out, "%*slist ", SPW_LABEL_COLUMNS, "");
		spw_put_text(out, list->name, SPW_FOR_TERMINAL);
		fputs(" has its ", out);
		spw_put_coloured(out, style, SPW_COLOUR_YELLOW, "last good content");
		fprintf(out, ", %s old: its source cannot be used now; see 'spillway check'\n",
			spw_short_time(spw_kept_ns(snapshot, list->kept_s), text));
	}
}

static void put_version(FILE *out, const struct spw_snapshot *snapshot)
{
	const struct spw_agent_record *agent = &snapshot->agent;
	char text[SPW_SHORT_TEXT];

	if (!agent->version[0])
		return;
	fprintf(out, "%-*s", SPW_LABEL_COLUMNS, "version");
	spw_put_text(out, agent->version, SPW_FOR_TERMINAL);
	if (snapshot->agent_alive)
		fprintf(out, ", up %s", spw_short_time(spw_since_ns(snapshot, agent->started_ns), text));
	if (agent->config[0]) {
		fputs(", ", out);
		spw_put_text(out, agent->config, SPW_FOR_TERMINAL);
	}
	putc('\n', out);
}

void spw_view_status(FILE *out, const struct spw_snapshot *snapshot, struct spw_style style)
{
	put_headline(out, snapshot, style);
	put_interfaces(out, snapshot, style);
	put_classes(out, snapshot, style);
	put_limits(out, snapshot);
	put_services(out, snapshot);
	put_shadows(out, snapshot);
	put_reasons(out, snapshot);
	put_anomalies(out, snapshot);
	put_ruleset(out, snapshot);
	put_unconfirmed(out, snapshot);
	put_last_good(out, snapshot, style);
	put_version(out, snapshot);
}

/* ---- JSON ---- */

static json_t *agent_json(const struct spw_snapshot *snapshot)
{
	const struct spw_agent_record *agent = &snapshot->agent;
	u64 uptime_ns = spw_since_ns(snapshot, agent->started_ns);
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "pid", agent->pid ? json_integer(agent->pid) : json_null());
	spw_json_set(&object, "alive", json_boolean(snapshot->agent_alive));
	spw_json_set(&object, "version", spw_json_text_or_null(agent->version));
	spw_json_set(&object, "config", spw_json_text_or_null(agent->config));
	spw_json_set(&object, "uptime_s", snapshot->agent_alive ? spw_json_seconds(uptime_ns) : json_null());
	return spw_json_finish(&object);
}

static json_t *ruleset_json(const struct spw_snapshot *snapshot)
{
	const struct spw_agent_record *agent = &snapshot->agent;
	u64 age_ns = spw_since_ns(snapshot, agent->published_ns);
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "generation", spw_json_count(agent->generation));
	spw_json_set(&object, "prefixes4", spw_json_count(agent->ruleset_prefixes4));
	spw_json_set(&object, "prefixes6", spw_json_count(agent->ruleset_prefixes6));
	spw_json_set(&object, "bytes", spw_json_count(agent->ruleset_bytes));
	spw_json_set(&object, "compile_seconds", spw_json_seconds(agent->compile_ns));
	spw_json_set(&object, "publish_seconds", spw_json_seconds(agent->publish_ns));
	spw_json_set(&object, "unconfirmed_for_s",
		     agent->unconfirmed_until_ns && agent->unconfirmed_until_ns != SPW_TAKEN_BACK
			     ? spw_json_seconds(agent->unconfirmed_until_ns > snapshot->now_ns
							? agent->unconfirmed_until_ns - snapshot->now_ns
							: 0)
			     : json_null());
	spw_json_set(&object, "taken_back", json_boolean(agent->unconfirmed_until_ns == SPW_TAKEN_BACK));
	spw_json_set(&object, "last_good_age_s",
		     agent->ruleset_kept_s ? spw_json_seconds(spw_kept_ns(snapshot, agent->ruleset_kept_s))
					   : json_null());
	spw_json_set(&object, "age_s", agent->generation ? spw_json_seconds(age_ns) : json_null());
	return spw_json_finish(&object);
}

static json_t *reloads_json(const struct spw_agent_record *agent)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "done", spw_json_count(agent->reloads_done));
	spw_json_set(&object, "failed", spw_json_count(agent->reloads_failed));
	return spw_json_finish(&object);
}

static json_t *interface_json(const struct spw_interface_record *interface)
{
	/* The agent writes UINT32_MAX for an interface that does not exist now. */
	bool exists = interface->ifindex != UINT32_MAX;
	const char *mode = spw_interface_mode(interface);
	struct spw_json object = spw_json_object();
	char name[SPW_SHORT_TEXT];

	spw_json_set(&object, "name", spw_json_text(spw_interface_name(interface, name)));
	spw_json_set(&object, "ifindex", exists ? json_integer(interface->ifindex) : json_null());
	spw_json_set(&object, "attached", json_boolean(interface->attached));
	spw_json_set(&object, "mode", mode ? json_string(mode) : json_null());
	return spw_json_finish(&object);
}

static json_t *interfaces_json(const struct spw_agent_record *agent)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < SPW_INTERFACES_MAX && agent->interfaces[i].name[0]; i++)
		spw_json_add(&array, interface_json(&agent->interfaces[i]));
	return spw_json_finish(&array);
}

static json_t *shadow_json(const struct spw_class_counter *counter)
{
	struct spw_json object = spw_json_object();

	for (u32 shadow = 0; shadow < SPW_SHADOWS; shadow++) {
		struct spw_json counts = spw_json_object();

		spw_json_set(&counts, "packets", spw_json_count(counter->shadow_packets[shadow]));
		spw_json_set(&counts, "new_work", spw_json_count(counter->shadow_new_work[shadow]));
		spw_json_set(&object, spw_shadow_name(shadow), spw_json_finish(&counts));
	}
	return spw_json_finish(&object);
}

static json_t *cut_json(const struct spw_class_record *class)
{
	if (class->cut_all_from < SPW_LEVELS)
		return json_string("all");
	return class->cut_new_from < SPW_LEVELS ? json_string("new") : json_null();
}

static json_t *limited_json(const u64 limited[SPW_SCOPES][SPW_KINDS])
{
	struct spw_json object = spw_json_object();

	for (u32 scope = 0; scope < SPW_SCOPES; scope++) {
		struct spw_json counts = spw_json_object();

		for (u32 kind = 0; kind < SPW_KINDS; kind++)
			spw_json_set(&counts, spw_kind_name(kind), spw_json_count(limited[scope][kind]));
		spw_json_set(&object, spw_scope_name(scope), spw_json_finish(&counts));
	}
	return spw_json_finish(&object);
}

static json_t *class_json(const struct spw_snapshot *snapshot, const struct spw_class_snapshot *class)
{
	const struct spw_class_record *record = &class->record;
	struct spw_traffic traffic = spw_class_traffic(snapshot, class->id);
	u32 cut_from = record->cut_new_from < record->cut_all_from ? record->cut_new_from : record->cut_all_from;
	const struct spw_class_rates rates = spw_recorded_rates(record);
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "name", spw_json_text(record->name));
	spw_json_set(&object, "rank", spw_json_count(record->rank));
	spw_json_set(&object, "shed_from", spw_json_level(record->shed_from));
	spw_json_set(&object, "cut_from", spw_json_level(cut_from));
	spw_json_set(&object, "cut", cut_json(record));
	spw_json_set(&object, "active", json_boolean(record->state == SPW_RECORD_ACTIVE));
	spw_json_set(&object, "limits", spw_json_limits(&rates));
	spw_json_set(&object, "limited_packets", limited_json(snapshot->limited[class->id]));
	spw_json_set(&object, "new_work", spw_json_verdicts(class->new_work));
	spw_json_set(&object, "shadow", shadow_json(&class->counter));
	spw_json_set(&object, "packets", spw_json_verdicts(traffic.packets));
	spw_json_set(&object, "bytes", spw_json_verdicts(traffic.bytes));
	return spw_json_finish(&object);
}

static json_t *classes_json(const struct spw_snapshot *snapshot)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < snapshot->classes_count; i++)
		spw_json_add(&array, class_json(snapshot, &snapshot->classes[i]));
	return spw_json_finish(&array);
}

static json_t *service_json(const struct spw_snapshot *snapshot, const struct spw_service_snapshot *service)
{
	struct spw_json object = spw_json_object(), classes = spw_json_array();

	spw_json_set(&object, "name", spw_json_text(service->record.name));
	spw_json_set(&object, "active", json_boolean(service->record.state == SPW_RECORD_ACTIVE));
	spw_json_set(&object, "wait_target_s", spw_json_seconds(service->record.wait_target_ns));
	for (size_t i = 0; i < snapshot->classes_count; i++) {
		const struct spw_work_counter *work = &service->classes[snapshot->classes[i].id];
		struct spw_json class = spw_json_object();

		spw_json_set(&class, "class", spw_json_text(snapshot->classes[i].record.name));
		spw_json_set(&class, "fresh", spw_json_verdicts(work->fresh));
		spw_json_set(&class, "resent", spw_json_verdicts(work->resent));
		spw_json_set(&class, "limited", json_integer((json_int_t)work->limited));
		spw_json_add(&classes, spw_json_finish(&class));
	}
	spw_json_set(&object, "new_work", spw_json_finish(&classes));
	return spw_json_finish(&object);
}

static json_t *services_json(const struct spw_snapshot *snapshot)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < snapshot->services_count; i++)
		if (snapshot->services[i].id)
			spw_json_add(&array, service_json(snapshot, &snapshot->services[i]));
	return spw_json_finish(&array);
}

static json_t *reasons_json(const struct spw_snapshot *snapshot)
{
	struct spw_json array = spw_json_array();

	for (u32 place = 0; place < SPW_REASONS; place++) {
		u32 reason = spw_reason_in_turn(place);
		struct spw_json object;

		if (!spw_reason_shown(reason))
			continue;
		object = spw_json_object();
		spw_json_set(&object, "reason", json_string(spw_reason_name(reason)));
		spw_json_set(&object, "rule", json_integer(spw_reason_rule(reason)));
		spw_json_set(&object, "packets", spw_json_verdicts(snapshot->reasons[reason].packets));
		spw_json_set(&object, "bytes", spw_json_verdicts(snapshot->reasons[reason].bytes));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

static json_t *anomalies_json(const struct spw_snapshot *snapshot)
{
	struct spw_json object = spw_json_object();

	for (u32 anomaly = 0; anomaly < SPW_ANOMALIES; anomaly++)
		spw_json_set(&object, spw_anomaly_name(anomaly), spw_json_count(snapshot->anomalies[anomaly].packets));
	return spw_json_finish(&object);
}

static json_t *pinned_for_json(const struct spw_snapshot *snapshot)
{
	if (!spw_level_pinned(snapshot) || snapshot->control.pinned_until_ns == UINT64_MAX)
		return json_null();
	return spw_json_seconds(snapshot->control.pinned_until_ns - snapshot->now_ns);
}

/* Services, lists and anomalies are for `status` alone: they may be long. */
static json_t *state_json(const struct spw_snapshot *snapshot, bool whole)
{
	const struct spw_control *control = &snapshot->control;
	u32 pinned = spw_level_pinned(snapshot) ? control->pinned_level : SPW_LEVEL_NEVER;
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "level", json_string(spw_level_name(control->level)));
	spw_json_set(&object, "mode", json_string(spw_mode_name(control->mode)));
	spw_json_set(&object, "lease_remaining_s", spw_json_seconds(spw_lease_left_ns(snapshot)));
	spw_json_set(&object, "enforcing", json_boolean(spw_enforcing(snapshot)));
	spw_json_set(&object, "pinned_level", spw_json_level(pinned));
	spw_json_set(&object, "pinned_for_s", pinned_for_json(snapshot));
	spw_json_set(&object, "least_level", spw_json_level(control->least_level));
	spw_json_set(&object, "most_level", spw_json_level(control->most_level));
	spw_json_set(&object, "agent", agent_json(snapshot));
	spw_json_set(&object, "ruleset", ruleset_json(snapshot));
	spw_json_set(&object, "reloads", reloads_json(&snapshot->agent));
	spw_json_set(&object, "interfaces", interfaces_json(&snapshot->agent));
	spw_json_set(&object, "classes", classes_json(snapshot));
	if (whole)
		spw_json_set(&object, "services", services_json(snapshot));
	if (whole)
		spw_json_set(&object, "lists", spw_view_lists_json(snapshot, NULL));
	spw_json_set(&object, "reasons", reasons_json(snapshot));
	if (whole)
		spw_json_set(&object, "anomalies", anomalies_json(snapshot));
	return spw_json_finish(&object);
}

json_t *spw_view_status_json(const struct spw_snapshot *snapshot)
{
	return state_json(snapshot, true);
}

json_t *spw_view_state_json(const struct spw_snapshot *snapshot)
{
	return state_json(snapshot, false);
}
