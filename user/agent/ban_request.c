/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/item.h"

#define FOR_SECONDS_MAX (366 * 86400.0)

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
			 "list: '%.80s' is no list of the configuration in force; one for entries alone is written as: "
			 "lists: { banned: {} }",
			 name ? name : "");
		return false;
	}
	if (!spw_config_list_class(in_force->config, (size_t)list)) {
		snprintf(job->error, sizeof(job->error), "list '%s' is in no class, so an entry would do nothing",
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

/* Fault 38, as for lists of the configuration. @from: the first prefix of this request. */
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
	return job->kind == BAN_REMOVE || json_is_true(json_object_get(request, "force")) ||
	       check_prefixes(in_force->config, job, from);
}

static bool read_terms(const json_t *request, struct ban_job *job)
{
	const json_t *seconds = json_object_get(request, "for_s"), *noted = json_object_get(request, "note");
	const char *note = noted ? json_string_value(noted) : "";

	if (seconds && (!json_is_number(seconds) || !(json_number_value(seconds) > 0) ||
			json_number_value(seconds) > FOR_SECONDS_MAX)) {
		snprintf(job->error, sizeof(job->error), "for_s: seconds, above 0 and at most a year");
		return false;
	}
	if (!note || strlen(note) >= sizeof(job->note) || !spw_text_printable(note)) {
		snprintf(job->error, sizeof(job->error), "note: a text of at most %zu bytes without control characters",
			 sizeof(job->note) - 1);
		return false;
	}
	snprintf(job->note, sizeof(job->note), "%s", note);
	job->until_ns = seconds ? spw_monotonic_ns() + (u64)(json_number_value(seconds) * 1e9) : SPW_BAN_FOREVER;
	return true;
}

bool ban_request_read(const struct in_force *in_force, const json_t *request, enum ban_job_kind kind,
		      struct ban_job *job)
{
	char name[SPW_NAME_MAX]; /* of the pieces before; empty: this is the first */

	snprintf(name, sizeof(name), "%s", job->list_name);
	if (*name && job->kind != kind) {
		snprintf(job->error, sizeof(job->error), "the pieces of a call have one verb; nothing was changed");
		return false;
	}
	job->kind = kind;
	if (!read_list(in_force, request, job) || !read_terms(request, job) || !read_prefixes(in_force, request, job))
		return false;
	if (*name && strcmp(name, job->list_name)) {
		snprintf(job->error, sizeof(job->error), "the pieces of a call name one list; nothing was changed");
		return false;
	}
	return true;
}
