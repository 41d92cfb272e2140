/* SPDX-License-Identifier: GPL-2.0-only */
/* `explain` as JSON, also the answer on the control socket. */
#include <time.h>

#include "core/control/rules.h"
#include "core/words.h"
#include "explain.h"
#include "json.h"
#include "reason.h"

static json_t *moment(u64 wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	char day[32] = "", text[48];
	struct tm parts;

	if (!wall_ns || !gmtime_r(&seconds, &parts))
		return json_null();
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, sizeof(text), "%s.%03uZ", day, (unsigned)(wall_ns / 1000000 % 1000));
	return json_string(text);
}

static json_t *rule(u32 number)
{
	const char *text = spw_rule_text(number);

	return text ? json_pack("{s:i,s:s}", "number", number, "text", text) : json_null();
}

static json_t *class_json(const struct spw_explanation *explanation, const struct spw_class_decision *class, u32 rank)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "name", spw_json_text(explanation->policy->classes[rank]));
	spw_json_set(&object, "demand_per_s", json_real(class->fresh_per_s));
	spw_json_set(&object, "admitted_per_s", json_real(class->admitted_per_s));
	spw_json_set(&object, "refused_per_s", json_real(class->refused_per_s));
	spw_json_set(&object, "share", json_real(class->share));
	spw_json_set(&object, "sheds", json_boolean(class->sheds));
	spw_json_set(&object, "cut", json_boolean(class->cut));
	return spw_json_finish(&object);
}

static json_t *wait_json(const struct spw_service_decision *service)
{
	static const char *const sources[] = {[SPW_WAIT_NONE] = NULL,
					      [SPW_WAIT_READ] = "read-wait",
					      [SPW_WAIT_ACCEPT] = "accept wait",
					      [SPW_WAIT_ANSWER] = "answer wait"};
	const char *source = service->wait_source <= SPW_WAIT_ANSWER ? sources[service->wait_source] : NULL;
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "source", source ? json_string(source) : json_null());
	spw_json_set(&object, "seconds", spw_json_seconds(service->wait_ns));
	spw_json_set(&object, "target_seconds", spw_json_seconds(service->wait_target_ns));
	spw_json_set(&object, "p50_seconds", spw_json_seconds(service->wait_p50_ns));
	spw_json_set(&object, "p90_seconds", spw_json_seconds(service->wait_p90_ns));
	spw_json_set(&object, "p99_seconds", spw_json_seconds(service->wait_p99_ns));
	return spw_json_finish(&object);
}

static json_t *sheddable_json(const struct spw_service_decision *service)
{
	struct spw_json object = spw_json_object();

	for (u32 level = 0; level < SPW_LEVELS; level++)
		spw_json_set(&object, spw_level_name(level), json_real(service->sheddable_per_s[level]));
	return spw_json_finish(&object);
}

static json_t *note_json(const struct spw_signal_note *note)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "present", json_boolean(note->present));
	spw_json_set(&object, "about", spw_json_text(note->text));
	return spw_json_finish(&object);
}

/* Source of each signal, or why it is absent; null: unknown. */
static json_t *service_notes_json(const struct spw_explanation *explanation, u32 index)
{
	const struct spw_signal_notes *notes = explanation->notes;
	struct spw_json object;

	if (!notes || index >= notes->services_count)
		return json_null();
	object = spw_json_object();
	for (u32 i = 0; i < SPW_SERVICE_SIGNALS; i++)
		spw_json_set(&object, spw_service_signal_name(i), note_json(&notes->services[index][i]));
	return spw_json_finish(&object);
}

static json_t *host_notes_json(const struct spw_explanation *explanation)
{
	struct spw_json object;

	if (!explanation->notes)
		return json_null();
	object = spw_json_object();
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		spw_json_set(&object, spw_signal_name(i), note_json(&explanation->notes->host[i]));
	return spw_json_finish(&object);
}

static json_t *established_json(const struct spw_explanation *explanation, u32 index)
{
	const struct spw_established *established = explanation->established ? &explanation->established[index] : NULL;
	struct spw_json object, classes;

	if (!established || !established->present)
		return json_null();
	object = spw_json_object();
	classes = spw_json_array();
	spw_json_set(&object, "requests_per_s", json_real(established->per_s));
	spw_json_set(&object, "in_demand", json_boolean(established->added));
	for (u32 rank = 0; rank < explanation->policy->policy.classes_count; rank++) {
		const struct spw_established_class *class = &established->classes[rank];
		struct spw_json one = spw_json_object();

		spw_json_set(&one, "name", spw_json_text(explanation->policy->classes[rank]));
		spw_json_set(&one, "requests_per_s", json_real(class->per_s));
		spw_json_set(&one, "withheld_per_s", json_real(class->withheld_per_s));
		spw_json_set(&one, "ended_share", json_integer((json_int_t) class->endings[SPW_ENDING_SHARE]));
		spw_json_set(&one, "ended_patience", json_integer((json_int_t) class->endings[SPW_ENDING_PATIENCE]));
		spw_json_add(&classes, spw_json_finish(&one));
	}
	spw_json_set(&object, "classes", spw_json_finish(&classes));
	return spw_json_finish(&object);
}

static json_t *service_json(const struct spw_explanation *explanation, u32 index)
{
	static const char *const origins[] = {"unknown", "set", "learned", "restored"};
	const struct spw_service_decision *service = &explanation->decision->services[index];
	struct spw_json object = spw_json_object(), classes = spw_json_array();

	for (u32 rank = 0; rank < explanation->policy->policy.classes_count; rank++)
		spw_json_add(&classes, class_json(explanation, &service->classes[rank], rank));
	spw_json_set(&object, "name", spw_json_text(explanation->policy->services[index]));
	spw_json_set(&object, "level", spw_json_level(service->level));
	spw_json_set(&object, "rule", rule(service->rule));
	spw_json_set(&object, "capacity_per_s",
		     service->capacity_per_s > 0 ? json_real(service->capacity_per_s) : json_null());
	spw_json_set(&object, "capacity_origin", json_string(origins[service->origin & 3]));
	spw_json_set(&object, "sustained_per_s", json_real(service->sustained_per_s));
	spw_json_set(&object, "budget_per_s",
		     service->budget_per_s > 0 ? json_real(service->budget_per_s) : json_null());
	spw_json_set(&object, "demand_per_s", json_real(service->demand_per_s));
	spw_json_set(&object, "admitted_per_s", json_real(service->admitted_per_s));
	spw_json_set(&object, "served_per_s", json_real(service->served_per_s));
	spw_json_set(&object, "excess_per_s", json_real(service->excess_per_s));
	spw_json_set(&object, "hosts_wanted", service->hosts_known ? json_real(service->hosts_wanted) : json_null());
	spw_json_set(&object, "sheddable_per_s", sheddable_json(service));
	spw_json_set(&object, "saturated", json_boolean(service->saturated));
	spw_json_set(&object, "armed", json_boolean(service->armed));
	spw_json_set(&object, "helpless", json_boolean(service->helpless));
	spw_json_set(&object, "wait", wait_json(service));
	spw_json_set(&object, "established", established_json(explanation, index));
	spw_json_set(&object, "light", spw_view_light_json(explanation->light, explanation->policy->services[index]));
	spw_json_set(&object, "signals_about", service_notes_json(explanation, index));
	spw_json_set(&object, "classes", spw_json_finish(&classes));
	return spw_json_finish(&object);
}

static json_t *signals_json(const struct spw_decision *decision)
{
	struct spw_json object = spw_json_object();

	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		spw_json_set(&object, spw_signal_name(i),
			     decision->host[i].present ? json_real(decision->host[i].value) : json_null());
	return spw_json_finish(&object);
}

static json_t *changes_json(const struct spw_changes *changes)
{
	struct spw_json array = spw_json_array();

	for (u32 i = 0; changes && i < changes->count; i++) {
		const struct spw_level_change *change = &changes->changes[i];
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "at", moment(change->wall_ns));
		spw_json_set(&object, "level", spw_json_level(change->level));
		spw_json_set(&object, "former", spw_json_level(change->former));
		spw_json_set(&object, "service", spw_json_text_or_null(change->service));
		spw_json_set(&object, "rule", rule(change->rule));
		spw_json_set(&object, "reason", spw_json_text(change->reason));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

static json_t *own_json(const struct spw_own_state *own)
{
	struct spw_json object;

	if (!own)
		return json_null();
	object = spw_json_object();
	spw_json_set(&object, "wanted", json_boolean(own->wanted));
	spw_json_set(&object, "in_use", json_boolean(own->in_use));
	spw_json_set(&object, "judged", json_boolean(own->judged));
	spw_json_set(&object, "addresses", json_integer(own->addresses));
	spw_json_set(&object, "stations", json_integer(own->stations));
	spw_json_set(&object, "problem", spw_json_text_or_null(own->problem));
	return spw_json_finish(&object);
}

json_t *spw_view_explain_json(const struct spw_explanation *explanation)
{
	const struct spw_decision *decision = explanation->decision;
	struct spw_json object = spw_json_object(), services = spw_json_array();
	char reason[1024];

	for (u32 i = 0; i < decision->services_count; i++)
		spw_json_add(&services, service_json(explanation, i));
	spw_json_set(&object, "at", moment(explanation->wall_ns));
	spw_json_set(&object, "note", explanation->note ? spw_json_text(explanation->note) : json_null());
	spw_json_set(&object, "level", spw_json_level(decision->level));
	spw_json_set(&object, "since", moment(explanation->since_wall_ns));
	spw_json_set(&object, "reason", json_string(spw_reason(explanation->policy, decision, reason, sizeof(reason))));
	spw_json_set(&object, "rule", rule(decision->rule));
	spw_json_set(&object, "service", spw_json_text_or_null(spw_deciding_service(explanation->policy, decision)));
	spw_json_set(&object, "pinned", spw_json_level(decision->pinned));
	spw_json_set(&object, "least",
		     spw_json_level(explanation->override ? explanation->override->least : SPW_GREEN));
	spw_json_set(&object, "most", spw_json_level(explanation->override ? explanation->override->most : SPW_RED));
	spw_json_set(&object, "blind", json_boolean(decision->blind));
	spw_json_set(&object, "observing", json_boolean(explanation->observing));
	spw_json_set(&object, "hold_left_seconds", spw_json_seconds(decision->hold_left_ns));
	spw_json_set(&object, "services", spw_json_finish(&services));
	spw_json_set(&object, "signals", signals_json(decision));
	spw_json_set(&object, "signals_about", host_notes_json(explanation));
	spw_json_set(&object, "own", own_json(explanation->own));
	spw_json_set(&object, "changes", changes_json(explanation->changes));
	return spw_json_finish(&object);
}
