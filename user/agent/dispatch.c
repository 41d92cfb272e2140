/* SPDX-License-Identifier: GPL-2.0-only */
#include "dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/words.h"
#include "net/reply.h"
#include "view/explain.h"
#include "view/talkers.h"

#define WAITING_MAX  32
#define TOP_MOST     100
#define TOP_USUAL    20
#define FOR_S_MAX    (366 * 86400.0)
#define CAPACITY_MAX 1e7

struct dispatch {
	struct dispatch_parts parts;
	struct spw_control_server *server;
	u64 waiting[WAITING_MAX]; /* clients that changed the level, answered once it is in force */
	u32 waiting_count;
};

/* Returns the answer, or NULL: @client is answered later. */
typedef json_t *handler(struct dispatch *dispatch, u64 client, const json_t *request);

static struct spw_reply_to reply_to(const struct dispatch *dispatch, u64 client)
{
	return (struct spw_reply_to){dispatch->server, client};
}

/* Whether @value is a number in the inclusive range. */
static bool is_within(const json_t *value, double least, double most)
{
	return json_is_number(value) && json_number_value(value) >= least && json_number_value(value) <= most;
}

/* ---- level ---- */

static void add_time_left(json_t *state, const char *key, u64 until_ns)
{
	u64 now = spw_monotonic_ns();

	if (until_ns && until_ns != UINT64_MAX)
		json_object_set_new(state, key, json_real((double)(until_ns > now ? until_ns - now : 0) / 1e9));
}

static json_t *level_state(const struct dispatch *dispatch)
{
	const struct spw_control *control = lease_control(dispatch->parts.lease);
	bool pinned = control->pinned_level < SPW_LEVELS;
	bool bounded = control->least_level > SPW_GREEN || control->most_level < SPW_RED;
	json_t *state = json_pack("{s:b,s:s,s:s?,s:s?,s:s?}", "ok", 1, "level", spw_level_name(control->level),
				  "pinned", pinned ? spw_level_name(control->pinned_level) : NULL, "least",
				  bounded ? spw_level_name(control->least_level) : NULL, "most",
				  bounded ? spw_level_name(control->most_level) : NULL);

	if (pinned)
		add_time_left(state, "pinned_for_s", control->pinned_until_ns);
	if (bounded)
		add_time_left(state, "bound_for_s", control->bound_until_ns);
	return state;
}

/* An override takes effect at the next tick, and is answered then. */
static json_t *answer_at_tick(struct dispatch *dispatch, u64 client)
{
	if (dispatch->waiting_count == WAITING_MAX)
		return level_state(dispatch);
	dispatch->waiting[dispatch->waiting_count++] = client;
	return NULL;
}

enum {
	LEVEL_ABSENT = -1,
	LEVEL_WRONG = -2, /* not the name of a level, perhaps "auto" */
};

static int level_of(const json_t *request, const char *key)
{
	const json_t *value = json_object_get(request, key);
	int level = json_is_string(value) ? spw_level_parse(json_string_value(value)) : -1;

	return !value ? LEVEL_ABSENT : level < 0 ? LEVEL_WRONG : level;
}

static json_t *bound_level(struct dispatch *dispatch, int least, int most, u64 until_ns, u64 client)
{
	least = least == LEVEL_ABSENT ? SPW_GREEN : least;
	most = most == LEVEL_ABSENT ? SPW_RED : most;
	if (least < 0 || most < 0 || least > most)
		return spw_reply_failure("least, most: levels, the first no higher than the second");
	lease_bound(dispatch->parts.lease, (u8)least, (u8)most, until_ns);
	return answer_at_tick(dispatch, client);
}

static json_t *handle_level(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "level"));
	const json_t *seconds = json_object_get(request, "for_s");
	int level = level_of(request, "level"), least = level_of(request, "least"), most = level_of(request, "most");
	u64 until_ns = UINT64_MAX;

	if (level == LEVEL_WRONG && (!name || strcmp(name, "auto")))
		return spw_reply_failure("no such level; there are green, yellow, orange, red and auto");
	if (seconds && (!is_within(seconds, 0, FOR_S_MAX) || !(json_number_value(seconds) > 0)))
		return spw_reply_failure("for_s: seconds, above 0 and at most a year");
	if (seconds)
		until_ns = spw_monotonic_ns() + (u64)(json_number_value(seconds) * 1e9);
	if (level == LEVEL_ABSENT && (least != LEVEL_ABSENT || most != LEVEL_ABSENT))
		return bound_level(dispatch, least, most, until_ns, client);
	if (level == LEVEL_ABSENT)
		return level_state(dispatch);
	if (level == LEVEL_WRONG)
		lease_unpin(dispatch->parts.lease);
	else
		lease_pin(dispatch->parts.lease, (u8)level, until_ns);
	return answer_at_tick(dispatch, client);
}

static void answer_level(struct dispatch *dispatch)
{
	u32 count = dispatch->waiting_count;

	/* An answer may trigger the client's next request, which may wait again. */
	dispatch->waiting_count = 0;
	for (u32 i = 0; i < count; i++) {
		const struct spw_reply_to client = reply_to(dispatch, dispatch->waiting[i]);

		spw_reply(&client, level_state(dispatch));
	}
}

/* ---- apply, confirm ---- */

static json_t *handle_apply(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const json_t *path = json_object_get(request, "config"), *force = json_object_get(request, "force");
	const json_t *confirm = json_object_get(request, "confirm_s"), *shrunk = json_object_get(request, "shrunk");

	if ((path && !json_is_string(path)) || (force && !json_is_boolean(force)) ||
	    (shrunk && !json_is_boolean(shrunk)))
		return spw_reply_failure("config: a path; force, shrunk: true or false");
	if (confirm && !is_within(confirm, 1, 86400))
		return spw_reply_failure("confirm_s: seconds, 1 to 86400");
	if (json_is_true(shrunk))
		downloads_may_shrink(dispatch->parts.downloads);
	reloader_request(dispatch->parts.reloader, &(struct reload_request){
							   .path = json_string_value(path),
							   .force = json_is_true(force),
							   .shrunk = json_is_true(shrunk),
							   .client = reply_to(dispatch, client),
							   .confirm_ns = (u64)(json_number_value(confirm) * 1e9),
						   });
	return NULL;
}

static json_t *handle_confirm(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const char *why = confirmation_confirm(dispatch->parts.confirmation);

	(void)client;
	(void)request;
	if (why)
		return spw_reply_failure(why);
	return json_pack("{s:b,s:I}", "ok", 1, "generation",
			 (json_int_t)publisher_record(dispatch->parts.publisher)->generation);
}

/* ---- capacity, explain ---- */

/* An operator's capacity overrides the configuration's until it is given back. */
static json_t *handle_capacity(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const struct spw_named_policy *policy = governor_policy(dispatch->parts.governor);
	const char *name = json_string_value(json_object_get(request, "service"));
	const json_t *capacity = json_object_get(request, "capacity_per_s");
	int index = name ? spw_policy_service(policy, name) : -1;
	u64 per_s;

	(void)client;
	if (index < 0)
		return spw_reply_failure("service: the name of a service of the configuration");
	if (!capacity || (!json_is_null(capacity) && !is_within(capacity, 1, CAPACITY_MAX)))
		return spw_reply_failure("capacity_per_s: new work a second, 1 to 10000000; null: as configured");
	per_s = (u64)json_number_value(capacity);
	if (publisher_set_capacity(dispatch->parts.publisher, policy->policy.services[index].id, per_s) ||
	    governor_follow(dispatch->parts.governor))
		return spw_reply_failure("the capacity could not be written");
	if (json_is_null(capacity))
		spw_log(LOG_NOTICE, "capacity of %s: as configured", name);
	else
		spw_log(LOG_NOTICE, "capacity of %s: %llu/s, set by an operator", name, (unsigned long long)per_s);
	return json_pack("{s:b,s:s,s:O}", "ok", 1, "service", name, "capacity_per_s", capacity);
}

static char *render(const struct spw_explanation *explanation, bool colour)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	spw_view_explain(out, explanation, (struct spw_style){.colour = colour});
	fclose(out);
	return text;
}

static json_t *handle_explain(struct dispatch *dispatch, u64 client, const json_t *request)
{
	struct spw_own_state own = own_state(dispatch->parts.own);
	struct spw_explanation explanation;
	struct spw_light_state light;
	_cleanup_free_ char *text = NULL;
	json_t *answer;

	(void)client;
	if (!governor_explain(dispatch->parts.governor, &explanation))
		return spw_reply_failure("there is no decision yet; try again in a second");
	explanation.own = &own;
	light_state(dispatch->parts.light, &light);
	explanation.light = &light;
	text = render(&explanation, json_is_true(json_object_get(request, "colour")));
	answer = spw_view_explain_json(&explanation);
	if (!answer || !text) {
		json_decref(answer);
		return spw_reply_failure("out of memory");
	}
	json_object_set_new(answer, "ok", json_true());
	json_object_set_new(answer, "text", json_string(text));
	return answer;
}

/* ---- drops, top ---- */

/* A bit per reason of that name (NULL: any): two are named "malformed". */
static u64 reasons_named(const char *name)
{
	u64 reasons = 0;

	for (u32 reason = 0; reason < SPW_REASONS; reason++)
		if (spw_reason_verdict(reason) == SPW_DROP && (!name || !strcmp(spw_reason_name(reason), name)))
			reasons |= 1ull << reason;
	return reasons;
}

static int class_named(const struct spw_registry *registry, const char *name)
{
	for (int i = 0; i < SPW_CLASSES_MAX; i++)
		if (registry->classes[i].state != SPW_RECORD_FREE &&
		    !strncmp(registry->classes[i].name, name, SPW_NAME_MAX))
			return i;
	return -1;
}

static json_t *handle_drops(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const json_t *reason = json_object_get(request, "reason"), *class = json_object_get(request, "class");
	const json_t *follow = json_object_get(request, "follow");
	struct spw_stream_filter filter = {.reasons = reasons_named(json_string_value(reason)), .class_id = -1};
	int fd;

	if ((reason && !json_is_string(reason)) || !filter.reasons)
		return spw_reply_failure("reason: the name of a reason for which packets are dropped");
	if (json_is_string(class))
		filter.class_id =
			class_named(publisher_in_force(dispatch->parts.publisher)->registry, json_string_value(class));
	if (class && filter.class_id < 0)
		return spw_reply_failure("class: the name of a class");
	if (follow && !json_is_boolean(follow))
		return spw_reply_failure("follow: true or false");
	if (json_is_true(follow) && !talkers_have_room(dispatch->parts.talkers))
		return spw_reply_failure("four clients follow the drops already; stop one of them first");
	fd = spw_control_take(dispatch->server, client);
	if (fd >= 0)
		talkers_send_drops(dispatch->parts.talkers, fd, &filter, json_is_true(follow));
	return NULL;
}

static json_t *handle_top(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const json_t *by = json_object_get(request, "by"), *most = json_object_get(request, "most");
	struct spw_talkers_view view = talkers_view(dispatch->parts.talkers);
	int order = json_is_string(by) ? spw_talker_order_parse(json_string_value(by)) : by ? -1 : SPW_BY_PACKETS;

	(void)client;
	if (order < 0)
		return spw_reply_failure("by: packets, bytes, new or dropped");
	if (most && (!json_is_integer(most) || !is_within(most, 0, TOP_MOST)))
		return spw_reply_failure("most: 0 to 100");
	view.policy = governor_policy(dispatch->parts.governor);
	view.decision = governor_decision(dispatch->parts.governor);
	return spw_view_talkers_json(&view, (enum spw_talker_order)order,
				     most ? (u32)json_integer_value(most) : TOP_USUAL);
}

/* ---- list-add and the like, ping ---- */

static json_t *handle_list_add(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const struct spw_reply_to to = reply_to(dispatch, client);

	return bans_request(dispatch->parts.bans, &to, request, BANS_ADD);
}

static json_t *handle_list_fetches(struct dispatch *dispatch, u64 client, const json_t *request)
{
	struct spw_downloads_view view = downloads_view(dispatch->parts.downloads);
	json_t *lists = spw_view_downloads_json(&view);

	(void)client;
	(void)request;
	free(view.items);
	return lists ? json_pack("{s:b,s:o}", "ok", 1, "lists", lists) : spw_reply_failure("out of memory");
}

static json_t *handle_list_flush(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const struct spw_reply_to to = reply_to(dispatch, client);

	return bans_request(dispatch->parts.bans, &to, request, BANS_FLUSH);
}

static json_t *handle_list_owners(struct dispatch *dispatch, u64 client, const json_t *request)
{
	(void)client;
	return bans_owners(dispatch->parts.bans, request);
}

static json_t *handle_list_remove(struct dispatch *dispatch, u64 client, const json_t *request)
{
	const struct spw_reply_to to = reply_to(dispatch, client);

	return bans_request(dispatch->parts.bans, &to, request, BANS_REMOVE);
}

static json_t *handle_ping(struct dispatch *dispatch, u64 client, const json_t *request)
{
	(void)dispatch;
	(void)client;
	(void)request;
	return json_pack("{s:b,s:i,s:s}", "ok", 1, "pid", (int)getpid(), "version", SPW_VERSION);
}

/* ---- the table ---- */

/* Served even when all connections are taken: an operator must be able to do these. */
static bool is_urgent(const json_t *request)
{
	static const char *const urgent[] = {"level", "confirm", "ping", "capacity"};
	const char *verb = json_string_value(json_object_get(request, "verb"));

	for (size_t i = 0; verb && i < sizeof(urgent) / sizeof(*urgent); i++)
		if (!strcmp(verb, urgent[i]))
			return true;
	return false;
}

static const struct {
	const char *verb;
	handler *handle;
} verbs[] = {
	{"apply", handle_apply},
	{"capacity", handle_capacity},
	{"confirm", handle_confirm},
	{"drops", handle_drops},
	{"explain", handle_explain},
	{"level", handle_level},
	{"list-add", handle_list_add},
	{"list-fetches", handle_list_fetches},
	{"list-flush", handle_list_flush},
	{"list-owners", handle_list_owners},
	{"list-remove", handle_list_remove},
	{"ping", handle_ping},
	{"top", handle_top},
};

#define VERBS (sizeof(verbs) / sizeof(*verbs))

static json_t *refuse_verb(void)
{
	char text[SPW_MESSAGE_MAX] = "no such verb; there are ";

	for (size_t i = 0; i < VERBS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			 !i		 ? ""
			 : i + 1 < VERBS ? ", "
					 : " and ",
			 verbs[i].verb);
	return spw_reply_failure(text);
}

static json_t *on_request(void *context, u64 client, const json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));

	for (size_t i = 0; verb && i < VERBS; i++)
		if (!strcmp(verbs[i].verb, verb))
			return verbs[i].handle(context, client, request);
	return refuse_verb();
}

int dispatch_new(sd_event *loop, const char *run_dir, const struct dispatch_parts *parts, struct dispatch **result,
		 char message[SPW_MESSAGE_MAX])
{
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
	int err;

	if (!dispatch)
		return spw_message(message, -ENOMEM, "out of memory");
	dispatch->parts = *parts;
	err = spw_control_server_start(loop, run_dir, on_request, is_urgent, dispatch, &dispatch->server, message);
	if (err)
		free(dispatch);
	else
		*result = dispatch;
	return err;
}

void dispatch_free(struct dispatch *dispatch)
{
	if (dispatch)
		spw_control_server_stop(dispatch->server);
	free(dispatch);
}

void dispatch_tick(struct dispatch *dispatch, u64 now_ns)
{
	answer_level(dispatch);
	spw_control_server_tick(dispatch->server, now_ns);
}
