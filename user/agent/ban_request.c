/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/item.h"
#include "store/ban_label.h"

static long find_config_list(const struct spw_config *config, const char *name)
{
	for (size_t i = 0; i < config->lists_count; i++)
		if (!strcmp(config->lists[i].name, name))
			return (long)i;
	return -1;
}

/* Identity of a list in the ruleset in force; 0: none. */
static u16 find_identity(const struct spw_registry *registry, const char *name)
{
	for (u32 i = 1; i < SPW_LISTS_MAX; i++)
		if (registry->lists[i].state == SPW_RECORD_ACTIVE && !strcmp(registry->lists[i].name, name))
			return (u16)i;
	return 0;
}

static bool read_list(const struct in_force *in_force, const json_t *request, struct ban_job *job)
{
	const char *name = json_string_value(json_object_get(request, "list"));
	long list = name ? find_config_list(in_force->config, name) : -1;

	job->list = list < 0 ? 0 : find_identity(in_force->registry, name);
	if (!job->list) {
		snprintf(job->error, sizeof(job->error),
			 "list: '%.80s' is not a list of the configuration in force; one for bans only is written as: "
			 "lists: { banned: {} }",
			 name ? name : "");
		return false;
	}
	if (!spw_config_list_class(in_force->config, (size_t)list)) {
		snprintf(job->error, sizeof(job->error), "list '%s' is in no class, so a ban would have no effect",
			 name);
		return false;
	}
	snprintf(job->list_name, sizeof(job->list_name), "%s", name);
	return true;
}

static bool read_prefix(struct ban_job *job, const json_t *value)
{
	struct spw_item_error error = {.text = "not a string"};
	const char *text = json_string_value(value);
	struct spw_prefix prefix;
	struct spw_item item;
	bool ended = false;
	int err = 0;

	if (!text || !spw_item_parse(text, json_string_length(value), &item, &error)) {
		snprintf(job->error, sizeof(job->error), "prefixes: %.300s; nothing was changed", error.text);
		return false;
	}
	while (!err && spw_range_next(&item.first, &item.last, item.family, &ended, &prefix))
		err = job->prefixes.count < SPW_BANS_MAX ? spw_list_append(&job->prefixes, &prefix, 0, 0) : -E2BIG;
	if (err)
		snprintf(job->error, sizeof(job->error), "%s; nothing was changed",
			 err == -E2BIG ? "more than 131072 prefixes" : "out of memory");
	return !err;
}

/* Same check as for lists of the configuration (fault 38). @from: the first prefix of this request. */
static bool check_prefixes(const struct spw_config *config, struct ban_job *job, size_t from)
{
	struct spw_list brought = {.entries = job->prefixes.entries + from, .count = job->prefixes.count - from};
	long list = find_config_list(config, job->list_name);
	struct spw_diagnostics diagnostics = {0};
	int err = spw_list_check(config, (size_t)list, &brought, false, &diagnostics);

	if (err)
		snprintf(job->error, sizeof(job->error), "%.400s; nothing was changed, --force adds it all the same",
			 diagnostics.count ? diagnostics.items[0].text : "refused");
	spw_diagnostics_free(&diagnostics);
	return !err;
}

static bool read_prefixes(const struct in_force *in_force, const json_t *request, struct ban_job *job)
{
	const json_t *prefixes = json_object_get(request, "prefixes"), *value;
	size_t from = job->prefixes.count, i;

	if (!json_is_array(prefixes)) {
		snprintf(job->error, sizeof(job->error), "prefixes: an array of addresses, prefixes or ranges");
		return false;
	}
	json_array_foreach((json_t *)prefixes, i, value)
	{
		if (!read_prefix(job, value))
			return false;
	}
	return job->kind != BAN_ADD || json_is_true(json_object_get(request, "force")) ||
	       check_prefixes(in_force->config, job, from);
}

/* Long names are shortened, always in the same way. */
static bool read_owner(const json_t *request, struct ban_job *job)
{
	const json_t *value = json_object_get(request, "owner");
	const char *name = json_string_value(value);

	if (value && (!name || !*name || !spw_text_printable(name))) {
		snprintf(job->error, sizeof(job->error), "owner: a name without control characters");
		return false;
	}
	if (name)
		spw_ban_shorten_owner(name, job->owner);
	else
		snprintf(job->owner, sizeof(job->owner), "%s", job->kind == BAN_ADD ? "hand" : "");
	return true;
}

__attribute__((format(printf, 2, 3))) static void warn(struct ban_job *job, const char *format, ...)
{
	size_t length = strlen(job->warnings);
	va_list arguments;

	if (length)
		job->warnings[length++] = '\n';
	va_start(arguments, format);
	vsnprintf(job->warnings + length, sizeof(job->warnings) - length, format, arguments);
	va_end(arguments);
}

static bool read_end(const json_t *request, u64 age_ns, struct ban_job *job)
{
	const json_t *value = json_object_get(request, "for_s");
	double seconds = json_number_value(value);
	u64 for_ns, now_ns = spw_monotonic_ns();

	job->until_ns = SPW_BAN_FOREVER;
	if (!value)
		return true;
	if (!json_is_number(value) || !(seconds > 0)) {
		snprintf(job->error, sizeof(job->error), "for_s: seconds, above 0");
		return false;
	}
	if (seconds > SPW_BAN_SECONDS_MAX) {
		seconds = SPW_BAN_SECONDS_MAX;
		warn(job, "the ban holds for 366 days, the longest there is; without a time it would hold until it is "
			  "removed");
	}
	for_ns = (u64)(seconds * 1e9);
	job->until_ns = for_ns > age_ns ? now_ns + (for_ns - age_ns) : now_ns;
	return true;
}

static bool read_note(const json_t *request, struct ban_job *job)
{
	const json_t *value = json_object_get(request, "note");
	const char *note = value ? json_string_value(value) : "";
	size_t room = spw_ban_note_room(job->owner);

	if (!note || !spw_text_printable(note)) {
		snprintf(job->error, sizeof(job->error), "note: a text without control characters");
		return false;
	}
	if (spw_ban_cut_note(note, room, job->note))
		warn(job, "the note was cut to %zu bytes", room);
	return true;
}

static bool read_terms(const json_t *request, u64 age_ns, struct ban_job *job)
{
	const json_t *extend = json_object_get(request, "extend");

	*job->warnings = '\0';
	if (!read_owner(request, job))
		return false;
	if (job->kind != BAN_ADD)
		return true;
	if (extend && !json_is_boolean(extend)) {
		snprintf(job->error, sizeof(job->error), "extend: true or false");
		return false;
	}
	job->extend = json_is_true(extend);
	return read_end(request, age_ns, job) && read_note(request, job);
}

static enum ban_job_kind kind_of(enum bans_verb verb, const json_t *request)
{
	if (verb == BANS_ADD)
		return BAN_ADD;
	return verb == BANS_FLUSH || json_is_true(json_object_get(request, "within")) ? BAN_SWEEP : BAN_REMOVE;
}

static bool read_within(const struct in_force *in_force, const json_t *request, struct ban_job *job)
{
	if (!read_prefixes(in_force, request, job))
		return false;
	if (job->prefixes.count && job->prefixes.count <= BAN_WITHIN_MAX)
		return true;
	snprintf(job->error, sizeof(job->error), "within: 1 to %d prefixes", BAN_WITHIN_MAX);
	return false;
}

bool ban_request_read(const struct in_force *in_force, const json_t *request, enum bans_verb verb, u64 age_ns,
		      struct ban_job *job)
{
	const enum ban_job_kind kind = kind_of(verb, request);
	char name[SPW_NAME_MAX]; /* of the pieces before; empty: this is the first */

	snprintf(name, sizeof(name), "%s", job->list_name);
	if (*name && job->kind != kind) {
		snprintf(job->error, sizeof(job->error), "the pieces of a call have one verb; nothing was changed");
		return false;
	}
	job->kind = kind;
	if (!read_list(in_force, request, job) || !read_terms(request, age_ns, job))
		return false;
	if (kind == BAN_SWEEP && verb != BANS_FLUSH && !read_within(in_force, request, job))
		return false;
	if (kind != BAN_SWEEP && !read_prefixes(in_force, request, job))
		return false;
	if (*name && strcmp(name, job->list_name)) {
		snprintf(job->error, sizeof(job->error), "the pieces of a call name one list; nothing was changed");
		return false;
	}
	return true;
}
