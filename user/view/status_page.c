/* SPDX-License-Identifier: GPL-2.0-only */
/* See status_page.h. */
#include "status_page.h"

#include <errno.h>
#include <string.h>

#include "status_page.gen.h"

#include "core/words.h"
#include "json.h"
#include "state.h"
#include "text.h"

#define SOURCES_MOST 10

struct spw_page_text spw_view_page_text(void)
{
	return (struct spw_page_text){(const char *)page_text, sizeof(page_text), page_policy};
}

/* ---- /status.json ---- */

/*
 * The decision without its changes, which are among the events, and without notes on signals of services: those on
 * probes name URLs.
 */
static json_t *decision_json(const struct spw_explanation *explanation)
{
	json_t *decision, *service;
	size_t i;

	if (!explanation)
		return json_null();
	decision = spw_view_explain_json(explanation);
	json_object_del(decision, "changes");
	json_array_foreach(json_object_get(decision, "services"), i, service)
	{
		json_object_del(service, "signals_about");
	}
	return decision;
}

static enum spw_treatment treatment_at(const struct spw_class_record *class, u32 level)
{
	return spw_treatment(class->shed_from, class->cut_new_from, class->cut_all_from, level);
}

/* Treatment of each class now and one level further up; null: there is none. */
static json_t *next_json(const struct spw_snapshot *snapshot)
{
	struct spw_json object = spw_json_object(), classes = spw_json_array();
	u32 level = snapshot->control.level, next = level + 1;

	for (size_t i = 0; i < snapshot->classes_count; i++) {
		const struct spw_class_record *class = &snapshot->classes[i].record;
		struct spw_json one = spw_json_object();

		if (class->state != SPW_RECORD_ACTIVE) {
			json_decref(spw_json_finish(&one));
			continue;
		}
		spw_json_set(&one, "class", spw_json_text(class->name));
		spw_json_set(&one, "now", json_string(spw_treatment_name(treatment_at(class, level))));
		spw_json_set(&one, "then",
			     next < SPW_LEVELS ? json_string(spw_treatment_name(treatment_at(class, next)))
					       : json_null());
		spw_json_add(&classes, spw_json_finish(&one));
	}
	spw_json_set(&object, "level", spw_json_level(next < SPW_LEVELS ? next : SPW_LEVEL_NEVER));
	spw_json_set(&object, "classes", spw_json_finish(&classes));
	return spw_json_finish(&object);
}

static json_t *sources_json(const struct spw_talkers_view *talkers)
{
	json_t *view, *sources;

	if (!talkers)
		return json_null();
	view = spw_view_talkers_json(talkers, SPW_BY_PACKETS, SOURCES_MOST);
	sources = json_incref(json_object_get(view, "sources"));
	json_decref(view);
	return sources;
}

int spw_view_page_status(FILE *out, const struct spw_page_status *status)
{
	json_t *state = spw_view_state_json(status->snapshot), *value;
	struct spw_json object = spw_json_object();
	int err;

	/* The process and its files are for those who can log in. */
	json_object_del(json_object_get(state, "agent"), "config");
	json_object_del(json_object_get(state, "agent"), "pid");
	spw_json_set(&object, "host", spw_json_text(status->host));
	spw_json_set(&object, "taken_s", spw_json_seconds(status->snapshot->now_ns));
	spw_json_set(&object, "state", state);
	spw_json_set(&object, "decision", decision_json(status->explanation));
	spw_json_set(&object, "next", next_json(status->snapshot));
	spw_json_set(&object, "events", status->events ? json_incref(status->events) : json_array());
	spw_json_set(&object, "sources", sources_json(status->talkers));
	value = spw_json_finish(&object);
	if (!value)
		return -ENOMEM;
	err = json_dumpf(value, out, JSON_COMPACT | JSON_REAL_PRECISION(9)) ? -ENOMEM : 0;
	putc('\n', out);
	json_decref(value);
	return err;
}

/* ---- /history.json ---- */

/* Written as text: with many services there are tens of thousands of numbers. */
static void put_number(FILE *out, bool known, float value)
{
	if (known && value - value == 0)
		fprintf(out, "%.5g", (double)value);
	else
		fputs("null", out);
}

/* A field of a point, and whether it is known in it. */
struct field {
	const char *key;
	bool (*known)(const struct spw_timeline_point *point);
	size_t offset;
};

static bool has_ticks(const struct spw_timeline_point *point)
{
	return point->ticks;
}

static bool has_waits(const struct spw_timeline_point *point)
{
	return point->waits;
}

static bool has_capacity(const struct spw_timeline_point *point)
{
	return point->capacity_per_s > 0;
}

static bool has_budget(const struct spw_timeline_point *point)
{
	return point->budget_per_s > 0;
}

#define FIELD(key, known, member)                                                                                      \
	{                                                                                                              \
		key, known, offsetof(struct spw_timeline_point, member)                                                \
	}

static const struct field fields[] = {
	FIELD("demand_per_s", has_ticks, demand_per_s),
	FIELD("admitted_per_s", has_ticks, admitted_per_s),
	FIELD("capacity_per_s", has_capacity, capacity_per_s),
	FIELD("budget_per_s", has_budget, budget_per_s),
	FIELD("wait_s", has_waits, wait_s),
	FIELD("wait_s_worst", has_waits, wait_s_worst),
};

static void put_field(FILE *out, const struct spw_timeline *timeline, u32 id, const struct field *field)
{
	fprintf(out, ",\"%s\":[", field->key);
	for (u32 age = SPW_TIMELINE_SLOTS; age--;) {
		const struct spw_timeline_point *point = spw_timeline_point(timeline, id, age);
		float value;

		memcpy(&value, (const char *)point + field->offset, sizeof(value));
		put_number(out, field->known(point), value);
		if (age)
			putc(',', out);
	}
	putc(']', out);
}

static void put_levels(FILE *out, const struct spw_timeline *timeline)
{
	fputs(",\"level\":[", out);
	for (u32 age = SPW_TIMELINE_SLOTS; age--;) {
		u8 level = spw_timeline_level(timeline, age);

		if (level < SPW_LEVELS)
			fprintf(out, "\"%s\"", spw_level_name(level));
		else
			fputs("null", out);
		if (age)
			putc(',', out);
	}
	putc(']', out);
}

void spw_view_page_history(FILE *out, const struct spw_named_policy *policy, const struct spw_timeline *timeline)
{
	fprintf(out, "{\"slot_s\":%u,\"slots\":%u", (u32)(SPW_TIMELINE_SLOT_NS / 1000000000), SPW_TIMELINE_SLOTS);
	put_levels(out, timeline);
	fputs(",\"services\":[", out);
	for (u32 i = 0; i < policy->policy.services_count; i++) {
		fputs(i ? ",{\"name\":\"" : "{\"name\":\"", out);
		spw_put_text(out, policy->services[i], SPW_FOR_JSON);
		putc('"', out);
		for (size_t j = 0; j < sizeof(fields) / sizeof(*fields); j++)
			put_field(out, timeline, policy->policy.services[i].id, &fields[j]);
		putc('}', out);
	}
	fputs("]}\n", out);
}
