/* SPDX-License-Identifier: GPL-2.0-only */
/* See state.h. */
#include "state.h"

#include <stdio.h>

#include "core/words.h"
#include "json.h"
#include "numbers.h"

enum spw_treatment spw_treatment(u32 shed_from, u32 cut_new_from, u32 cut_all_from, u32 level)
{
	if (level >= cut_all_from)
		return SPW_CUT_ALL;
	if (level >= cut_new_from)
		return SPW_CUT_NEW;
	return level > SPW_GREEN && level >= shed_from ? SPW_SHEDS : SPW_SERVED;
}

const char *spw_treatment_name(enum spw_treatment treatment)
{
	static const char *const names[] = {
		[SPW_SERVED] = "served", [SPW_SHEDS] = "sheds", [SPW_CUT_NEW] = "cut_new", [SPW_CUT_ALL] = "cut_all"};

	return names[treatment];
}

const char *spw_treatment_text(enum spw_treatment treatment)
{
	static const char *const texts[] = {
		[SPW_SERVED] = "served", [SPW_SHEDS] = "sheds", [SPW_CUT_NEW] = "cut new", [SPW_CUT_ALL] = "cut all"};

	return texts[treatment];
}

struct spw_traffic spw_class_traffic(const struct spw_snapshot *snapshot, u32 class_id)
{
	struct spw_traffic sum = {0};

	for (size_t i = 0; i < snapshot->lists_count; i++) {
		const struct spw_list_snapshot *list = &snapshot->lists[i];

		if (list->record.class_id != class_id)
			continue;
		if (list->record.state == SPW_RECORD_ACTIVE) {
			sum.prefixes4 += list->record.prefixes4;
			sum.prefixes6 += list->record.prefixes6;
		}
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
			sum.packets[verdict] += list->counter.packets[verdict];
			sum.bytes[verdict] += list->counter.bytes[verdict];
		}
	}
	return sum;
}

bool spw_reason_shown(u32 reason)
{
	return reason != SPW_REASON_MALFORMED_DROP;
}

bool spw_enforcing(const struct spw_snapshot *snapshot)
{
	return spw_lease_left_ns(snapshot) && snapshot->control.mode == SPW_ENFORCE;
}

bool spw_level_pinned(const struct spw_snapshot *snapshot)
{
	return snapshot->control.pinned_level < SPW_LEVELS && snapshot->control.pinned_until_ns > snapshot->now_ns;
}

u64 spw_kept_ns(const struct spw_snapshot *snapshot, u64 kept_s)
{
	return kept_s && snapshot->wall_s > kept_s ? (snapshot->wall_s - kept_s) * 1000000000 : 0;
}

u64 spw_since_ns(const struct spw_snapshot *snapshot, u64 then_ns)
{
	return snapshot->now_ns > then_ns ? snapshot->now_ns - then_ns : 0;
}

const char *spw_interface_mode(const struct spw_interface_record *interface)
{
	if (!interface->attached)
		return NULL;
	return interface->native ? "native" : "generic";
}

const char *spw_interface_name(const struct spw_interface_record *interface, char name[SPW_SHORT_TEXT])
{
	snprintf(name, SPW_SHORT_TEXT, "%.*s", (int)sizeof(interface->name), interface->name);
	return name;
}

const char *spw_class_name(const struct spw_snapshot *snapshot, u32 class_id)
{
	const struct spw_class_snapshot *class = spw_snapshot_class(snapshot, class_id);

	return class ? class->record.name : "?";
}

json_t *spw_json_list(const struct spw_snapshot *snapshot, const struct spw_list_snapshot *list)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "name", spw_json_text(list->record.name));
	spw_json_set(&object, "class", spw_json_text(spw_class_name(snapshot, list->record.class_id)));
	spw_json_set(&object, "active", json_boolean(list->record.state == SPW_RECORD_ACTIVE));
	spw_json_set(&object, "prefixes4", spw_json_count(list->record.prefixes4));
	spw_json_set(&object, "prefixes6", spw_json_count(list->record.prefixes6));
	spw_json_set(&object, "skipped_lines", spw_json_count(list->record.skipped));
	spw_json_set(&object, "last_good_age_s",
		     list->record.kept_s ? spw_json_seconds(spw_kept_ns(snapshot, list->record.kept_s)) : json_null());
	spw_json_set(&object, "packets", spw_json_verdicts(list->counter.packets));
	spw_json_set(&object, "bytes", spw_json_verdicts(list->counter.bytes));
	return spw_json_finish(&object);
}
