/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list-add and list-remove of the control socket. What can be said at once, of a name or a prefix, is said at once; the
 * rest becomes a job. Long calls come in pieces (`more`) that are put aside until the last: all or nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/item.h"
#include "base/text.h"
#include "bans.h"
#include "state.h"

#define FOR_SECONDS_MAX (366 * 86400.0)

static struct ban_stage *find_stage(struct agent_bans *entries, u64 client)
{
	for (u32 i = 0; i < BAN_STAGES; i++)
		if (entries->stages[i].client == client)
			return &entries->stages[i];
	return NULL;
}

/* The job that this client has begun; else a new one. */
static struct ban_job *take_job(struct agent_bans *entries, u64 client)
{
	struct ban_stage *stage = find_stage(entries, client);
	struct ban_job *job = stage ? stage->job : calloc(1, sizeof(*job));

	if (stage)
		*stage = (struct ban_stage){0};
	return job;
}

static long find_config_list(const struct spw_config *config, const char *name)
{
	for (size_t i = 0; i < config->lists_count; i++)
		if (!strcmp(config->lists[i].name, name))
			return (long)i;
	return -1;
}

/* Identity of the list in the ruleset in force. */
static u16 find_identity(const struct agent *agent, const char *name)
{
	for (u32 i = 1; i < SPW_LISTS_MAX; i++)
		if (agent->registry.lists[i].state == SPW_RECORD_ACTIVE && !strcmp(agent->registry.lists[i].name, name))
			return (u16)i;
	return 0;
}

static bool is_used(const struct spw_config *config, size_t list)
{
	for (size_t i = 0; i < config->classes_count; i++)
		for (size_t j = 0; j < config->classes[i].lists_count; j++)
			if (config->classes[i].lists[j] == list)
				return true;
	return false;
}

static bool read_list(const struct agent *agent, const json_t *request, struct ban_job *job)
{
	const char *name = json_string_value(json_object_get(request, "list"));
	long list = name ? find_config_list(&agent->config, name) : -1;

	job->list = list < 0 ? 0 : find_identity(agent, name);
	if (!job->list) {
		snprintf(job->error, sizeof(job->error),
			 "list: '%.80s' is no list of the configuration in force; one for entries alone is written as: "
			 "lists: { banned: {} }",
			 name ? name : "");
		return false;
	}
	if (!is_used(&agent->config, (size_t)list)) {
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

/* Fault 38, as for lists of the configuration; only for what this request brings. */
static bool check_prefixes(const struct agent *agent, struct ban_job *job, size_t from)
{
	struct spw_list brought = {.entries = job->prefixes.entries + from, .count = job->prefixes.count - from};
	long list = find_config_list(&agent->config, job->list_name);
	struct spw_diagnostics diagnostics = {0};
	int err = spw_list_check(&agent->config, (size_t)list, &brought, false, &diagnostics);

	if (err)
		snprintf(job->error, sizeof(job->error), "%.400s; nothing was changed, --force adds it all the same",
			 diagnostics.count ? diagnostics.items[0].text : "refused");
	spw_diagnostics_free(&diagnostics);
	return !err;
}

static bool read_prefixes(const struct agent *agent, const json_t *request, struct ban_job *job)
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
	       check_prefixes(agent, job, from);
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

static json_t *refuse(struct ban_job *job)
{
	json_t *answer = agent_failure(job ? job->error : "out of memory");

	ban_job_free(job);
	return answer;
}

/* Until the last piece comes, which names the same verb and list. */
static json_t *put_aside(struct agent_bans *entries, u64 client, struct ban_job *job)
{
	struct ban_stage *stage = find_stage(entries, 0);
	json_t *answer = json_pack("{s:b,s:I}", "ok", 1, "waiting", (json_int_t)job->prefixes.count);

	if (!stage) {
		snprintf(job->error, sizeof(job->error), "too many calls wait for their last piece");
		json_decref(answer);
		return refuse(job);
	}
	*stage = (struct ban_stage){client, job};
	return answer;
}

json_t *agent_list_request(struct agent *agent, u64 client, const json_t *request, bool add)
{
	struct agent_bans *entries = agent->entries;
	struct ban_job *job = take_job(entries, client);
	char name[SPW_NAME_MAX];

	if (!job)
		return refuse(NULL);
	snprintf(name, sizeof(name), "%s", job->list_name);
	if (*name && job->kind != (add ? BAN_ADD : BAN_REMOVE)) {
		snprintf(job->error, sizeof(job->error), "the pieces of a call have one verb; nothing was changed");
		return refuse(job);
	}
	job->kind = add ? BAN_ADD : BAN_REMOVE;
	if (!read_list(agent, request, job) || !read_terms(request, job) || !read_prefixes(agent, request, job))
		return refuse(job);
	if (*name && strcmp(name, job->list_name)) {
		snprintf(job->error, sizeof(job->error), "the pieces of a call name one list; nothing was changed");
		return refuse(job);
	}
	if (json_is_true(json_object_get(request, "more")))
		return put_aside(entries, client, job);
	job->client = client;
	job->phase = add ? BAN_CHECK : BAN_DO;
	bans_queue(entries, job);
	return NULL;
}
