/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page for Prometheus: text format 0.0.4, one row of the table per family. docs/metrics.md documents each; a test
 * compares it with this table. Labels are configured names and words of core/words.h, never addresses, so the number of
 * series is bounded.
 */
#include "core/words.h"
#include "numbers.h"
#include "page.h"
#include "state.h"

static const char *list_class(const struct spw_snapshot *snapshot, const struct spw_list_snapshot *list)
{
	return spw_class_name(snapshot, list->record.class_id);
}

static void emit_list_packets(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
			spw_page_count(page,
				       LABELS({"list", snapshot->lists[i].record.name},
					      {"class", list_class(snapshot, &snapshot->lists[i])},
					      {"verdict", spw_verdict_name(verdict)}),
				       snapshot->lists[i].counter.packets[verdict]);
}

static void emit_list_bytes(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
			spw_page_count(page,
				       LABELS({"list", snapshot->lists[i].record.name},
					      {"class", list_class(snapshot, &snapshot->lists[i])},
					      {"verdict", spw_verdict_name(verdict)}),
				       snapshot->lists[i].counter.bytes[verdict]);
}

/* Service 0 (ports of no service) is left out: it is in the class's sum. */
static void emit_service_new_work(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->services_count; i++) {
		const struct spw_service_snapshot *service = &snapshot->services[i];

		for (size_t j = 0; service->id && j < snapshot->classes_count; j++) {
			const struct spw_work_counter *work = &service->classes[snapshot->classes[j].id];

			for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
				spw_page_count(page,
					       LABELS({"service", service->record.name},
						      {"class", snapshot->classes[j].record.name}, {"kind", "fresh"},
						      {"verdict", spw_verdict_name(verdict)}),
					       work->fresh[verdict]);
				spw_page_count(page,
					       LABELS({"service", service->record.name},
						      {"class", snapshot->classes[j].record.name}, {"kind", "resent"},
						      {"verdict", spw_verdict_name(verdict)}),
					       work->resent[verdict]);
			}
			spw_page_count(page,
				       LABELS({"service", service->record.name},
					      {"class", snapshot->classes[j].record.name}, {"kind", "limited"},
					      {"verdict", spw_verdict_name(SPW_DROP)}),
				       work->limited);
		}
	}
}

/* Services where a class was answered, or would have been. */
static void emit_light(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->services_count; i++) {
		const struct spw_service_snapshot *service = &snapshot->services[i];

		for (size_t j = 0; service->id && j < snapshot->classes_count; j++) {
			const struct spw_light_counter *light = &service->light[snapshot->classes[j].id];
			const char *class = snapshot->classes[j].record.name;

			if (!light->answered && !light->over)
				continue;
			spw_page_count(
				page,
				LABELS({"service", service->record.name}, {"class", class}, {"result", "answered"}),
				light->answered);
			spw_page_count(page,
				       LABELS({"service", service->record.name}, {"class", class}, {"result", "over"}),
				       light->over);
		}
	}
}

/* Of classes that had any: counted under service 0. */
static void emit_resets(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->services_count; i++) {
		for (size_t j = 0; !snapshot->services[i].id && j < snapshot->classes_count; j++) {
			const struct spw_light_counter *counter = &snapshot->services[i].light[snapshot->classes[j].id];
			const char *class = snapshot->classes[j].record.name;

			if (!counter->reset && !counter->unreset)
				continue;
			spw_page_count(page, LABELS({"class", class}, {"result", "sent"}), counter->reset);
			spw_page_count(page, LABELS({"class", class}, {"result", "over"}), counter->unreset);
		}
	}
}

static void emit_class_new_work(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->classes_count; i++)
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
			spw_page_count(page,
				       LABELS({"class", snapshot->classes[i].record.name},
					      {"verdict", spw_verdict_name(verdict)}),
				       snapshot->classes[i].new_work[verdict]);
}

/* Limits that a class has, or had when they refused something. */
static void emit_limited(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->classes_count; i++) {
		const struct spw_class_snapshot *class = &snapshot->classes[i];

		for (u32 scope = 0; scope < SPW_SCOPES; scope++) {
			for (u32 kind = 0; kind < SPW_KINDS; kind++) {
				u64 count = snapshot->limited[class->id][scope][kind];

				if (count || class->record.limits[scope][kind].per_s)
					spw_page_count(page,
						       LABELS({"class", class->record.name},
							      {"scope", spw_scope_name(scope)},
							      {"kind", spw_kind_name(kind)}),
						       count);
			}
		}
	}
}

static void emit_shadow_packets(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->classes_count; i++)
		for (u32 shadow = 0; shadow < SPW_SHADOWS; shadow++)
			spw_page_count(page,
				       LABELS({"class", snapshot->classes[i].record.name},
					      {"shadow", spw_shadow_name(shadow)}),
				       snapshot->classes[i].counter.shadow_packets[shadow]);
}

static void emit_shadow_new_work(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->classes_count; i++)
		for (u32 shadow = 0; shadow < SPW_SHADOWS; shadow++)
			spw_page_count(page,
				       LABELS({"class", snapshot->classes[i].record.name},
					      {"shadow", spw_shadow_name(shadow)}),
				       snapshot->classes[i].counter.shadow_new_work[shadow]);
}

/* Series that can never change would only cost memory in every Prometheus. */
static bool can_occur(u32 reason, u32 verdict)
{
	return spw_reason_shown(reason) && (verdict == spw_reason_verdict(reason) || reason == SPW_REASON_MALFORMED);
}

static void emit_packets(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (u32 reason = 0; reason < SPW_REASONS; reason++)
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
			if (can_occur(reason, verdict))
				spw_page_count(page,
					       LABELS({"reason", spw_reason_name(reason)},
						      {"verdict", spw_verdict_name(verdict)}),
					       snapshot->reasons[reason].packets[verdict]);
}

static void emit_bytes(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (u32 reason = 0; reason < SPW_REASONS; reason++)
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
			if (can_occur(reason, verdict))
				spw_page_count(page,
					       LABELS({"reason", spw_reason_name(reason)},
						      {"verdict", spw_verdict_name(verdict)}),
					       snapshot->reasons[reason].bytes[verdict]);
}

static void emit_anomalies(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (u32 anomaly = 0; anomaly < SPW_ANOMALIES; anomaly++)
		spw_page_count(page, LABELS({"kind", spw_anomaly_name(anomaly)}), snapshot->anomalies[anomaly].packets);
}

static void emit_samples(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		spw_page_count(page, LABELS({"verdict", spw_verdict_name(verdict)}), snapshot->sampling.taken[verdict]);
}

static void emit_samples_lost(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
		spw_page_count(page, LABELS({"why", "bounded"}, {"verdict", spw_verdict_name(verdict)}),
			       snapshot->sampling.bounded[verdict]);
		spw_page_count(page, LABELS({"why", "ring_full"}, {"verdict", spw_verdict_name(verdict)}),
			       snapshot->sampling.full[verdict]);
	}
}

static void emit_level(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, NULL, snapshot->control.level);
}

static void emit_level_pinned(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, NULL, spw_level_pinned(snapshot));
}

static void emit_mode_observe(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, NULL, snapshot->control.mode == SPW_OBSERVE);
}

static void emit_enforcing(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, NULL, spw_enforcing(snapshot));
}

static void emit_lease(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_seconds(page, NULL, spw_lease_left_ns(snapshot));
}

static void emit_interfaces(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < SPW_INTERFACES_MAX && snapshot->agent.interfaces[i].name[0]; i++) {
		const struct spw_interface_record *interface = &snapshot->agent.interfaces[i];
		const char *mode = spw_interface_mode(interface);
		char name[SPW_SHORT_TEXT];

		spw_interface_name(interface, name);
		spw_page_count(page, LABELS({"interface", name}, {"mode", mode ? mode : "none"}), !!mode);
	}
}

static void emit_generation(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, NULL, snapshot->agent.generation);
}

/* Published lists only, and without list 0, which has no prefixes. */
static void emit_prefixes(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++) {
		const struct spw_list_snapshot *list = &snapshot->lists[i];

		if (!list->id || list->record.state != SPW_RECORD_ACTIVE)
			continue;
		spw_page_count(page, LABELS({"list", list->record.name}, {"family", "4"}), list->record.prefixes4);
		spw_page_count(page, LABELS({"list", list->record.name}, {"family", "6"}), list->record.prefixes6);
	}
}

static void emit_skipped(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (snapshot->lists[i].id && snapshot->lists[i].record.state == SPW_RECORD_ACTIVE)
			spw_page_count(page, LABELS({"list", snapshot->lists[i].record.name}),
				       snapshot->lists[i].record.skipped);
}

static void emit_list_last_good(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (snapshot->lists[i].id && snapshot->lists[i].record.state == SPW_RECORD_ACTIVE)
			spw_page_count(page, LABELS({"list", snapshot->lists[i].record.name}),
				       !!snapshot->lists[i].record.kept_s);
}

static void emit_last_good(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, NULL, !!snapshot->agent.ruleset_kept_s);
}

/* Only while the last good ruleset is in force. */
static void emit_last_good_age(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	if (snapshot->agent.ruleset_kept_s)
		spw_page_seconds(page, NULL, spw_kept_ns(snapshot, snapshot->agent.ruleset_kept_s));
}

/* Of retired lists too: their entries wait for them to come back. List 0 can have none. */
static void emit_entries(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (snapshot->lists[i].id)
			spw_page_count(page, LABELS({"list", snapshot->lists[i].record.name}),
				       snapshot->lists[i].entries.entries);
}

static void emit_entries_added(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (snapshot->lists[i].id)
			spw_page_count(page, LABELS({"list", snapshot->lists[i].record.name}),
				       snapshot->lists[i].entries.added);
}

static void emit_entries_expired(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (snapshot->lists[i].id)
			spw_page_count(page, LABELS({"list", snapshot->lists[i].record.name}),
				       snapshot->lists[i].entries.expired);
}

static void emit_entries_removed(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (snapshot->lists[i].id)
			spw_page_count(page, LABELS({"list", snapshot->lists[i].record.name}),
				       snapshot->lists[i].entries.removed);
}

static void emit_ruleset_bytes(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, NULL, snapshot->agent.ruleset_bytes);
}

static void emit_compile_seconds(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_seconds(page, NULL, snapshot->agent.compile_ns);
}

static void emit_publish_seconds(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_seconds(page, NULL, snapshot->agent.publish_ns);
}

/* Absent before the first publication, which has no age. */
static void emit_age(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	if (snapshot->agent.generation)
		spw_page_seconds(page, NULL, spw_since_ns(snapshot, snapshot->agent.published_ns));
}

static void emit_reloads(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, LABELS({"result", "done"}), snapshot->agent.reloads_done);
	spw_page_count(page, LABELS({"result", "failed"}), snapshot->agent.reloads_failed);
}

static void emit_build_info(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_count(page, LABELS({"version", snapshot->agent.version}), 1);
}

static void emit_uptime(struct spw_page *page, const void *values)
{
	const struct spw_snapshot *snapshot = values;

	spw_page_seconds(page, NULL, spw_since_ns(snapshot, snapshot->agent.started_ns));
}

static const struct spw_family families[] = {
	{"spillway_list_packets_total", "counter", "Packets by the list of their source, and verdict.",
	 emit_list_packets},
	{"spillway_list_bytes_total", "counter", "Bytes of whole frames by the list of their source, and verdict.",
	 emit_list_bytes},
	{"spillway_class_new_work_total", "counter",
	 "New work (TCP SYN, QUIC Initial, UDP where configured) by class and verdict.", emit_class_new_work},
	{"spillway_service_new_work_total", "counter",
	 "New work by service and class: fresh, resent, or dropped by a limit.", emit_service_new_work},
	{"spillway_resets_total", "counter",
	 "New work that was refused with a RST, or dropped without as too many were sent.", emit_resets},
	{"spillway_light_answers_total", "counter",
	 "New work that was refused: given to the light listener, or over its budget and dropped.", emit_light},
	{"spillway_class_limited_packets_total", "counter",
	 "Packets dropped by a limit of their source, its prefix or the class.", emit_limited},
	{"spillway_class_shadow_packets_total", "counter",
	 "Packets that passed, but would have been dropped if the level were enforced, or at the next level.",
	 emit_shadow_packets},
	{"spillway_class_shadow_new_work_total", "counter",
	 "New work that passed, but would have been dropped if the level were enforced, or at the next level.",
	 emit_shadow_new_work},
	{"spillway_packets_total", "counter", "Packets by the reason of their verdict; each packet counts once.",
	 emit_packets},
	{"spillway_bytes_total", "counter", "Bytes of whole frames by the reason of their verdict.", emit_bytes},
	{"spillway_anomalies_total", "counter", "Packets with an anomaly; one packet may count in several kinds.",
	 emit_anomalies},
	{"spillway_samples_total", "counter", "Packets that were sampled for the agent, by verdict.", emit_samples},
	{"spillway_samples_lost_total", "counter", "Samples that were lost, and why.", emit_samples_lost},
	{"spillway_level", "gauge", "Level in force: 0 green, 1 yellow, 2 orange, 3 red.", emit_level},
	{"spillway_level_pinned", "gauge", "1: an operator has set the level.", emit_level_pinned},
	{"spillway_mode_observe", "gauge", "1: mode observe: everything passes.", emit_mode_observe},
	{"spillway_enforcing", "gauge", "1: the lease is valid and the mode is enforce; 0: everything passes.",
	 emit_enforcing},
	{"spillway_lease_remaining_seconds", "gauge", "Time until the lease of the agent ends and everything passes.",
	 emit_lease},
	{"spillway_interface_attached", "gauge", "1: the program is attached to the interface; 0: it is not covered.",
	 emit_interfaces},
	{"spillway_ruleset_generation", "gauge", "Number of the ruleset in force.", emit_generation},
	{"spillway_ruleset_prefixes", "gauge", "Prefixes in the ruleset in force, by list and family.", emit_prefixes},
	{"spillway_list_skipped_lines", "gauge",
	 "Lines in the files of a list that could not be read and were skipped (on_error: skip).", emit_skipped},
	{"spillway_list_last_good", "gauge",
	 "1: the last good content of the list is in force, as its source could not be used.", emit_list_last_good},
	{"spillway_ruleset_last_good", "gauge",
	 "1: the last good ruleset is in force, as the configuration or a list could not be used.", emit_last_good},
	{"spillway_ruleset_last_good_age_seconds", "gauge", "Age of the last good ruleset, while it is in force.",
	 emit_last_good_age},
	{"spillway_entries", "gauge", "Bans in force, by list; one that has just ended counts for a moment longer.",
	 emit_entries},
	{"spillway_entries_added_total", "counter", "Bans that were added, by list.", emit_entries_added},
	{"spillway_entries_expired_total", "counter", "Bans that ended, by list.", emit_entries_expired},
	{"spillway_entries_removed_total", "counter", "Bans that were removed before their end, by list.",
	 emit_entries_removed},
	{"spillway_ruleset_bytes", "gauge", "Memory of the ruleset in force.", emit_ruleset_bytes},
	{"spillway_ruleset_compile_seconds", "gauge", "Time to compile the ruleset in force.", emit_compile_seconds},
	{"spillway_ruleset_publish_seconds", "gauge", "Time to publish the ruleset in force.", emit_publish_seconds},
	{"spillway_ruleset_age_seconds", "gauge", "Time since the ruleset was published.", emit_age},
	{"spillway_reloads_total", "counter", "Reloads by result; after a failed one the old ruleset stays in force.",
	 emit_reloads},
	{"spillway_build_info", "gauge", "Always 1; the version of the agent is a label.", emit_build_info},
	{"spillway_agent_uptime_seconds", "gauge", "Time since the agent started.", emit_uptime},
};

void spw_view_metrics(FILE *out, const struct spw_snapshot *snapshot)
{
	spw_page_write(out, families, sizeof(families) / sizeof(*families), snapshot);
}
