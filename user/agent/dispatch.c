/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent answers: requests of the control socket, the page of metrics, and whether it is well. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/words.h"
#include "base/log.h"
#include "view/view.h"
#include "state.h"

json_t *agent_failure(const char *text)
{
	/* JSON takes nothing but UTF-8, and a text that quotes a long name may end within a character. */
	return json_pack("{s:b,s:s%}", "ok", 0, "error", text, spw_utf8_whole(text));
}

static void add_time_left(json_t *state, const char *key, u64 until_ns)
{
	u64 now = spw_monotonic_ns();

	if (until_ns && until_ns != UINT64_MAX)
		json_object_set_new(state, key, json_real((double)(until_ns > now ? until_ns - now : 0) / 1e9));
}

static json_t *level_state(const struct agent *agent)
{
	const struct spw_control *control = &agent->control;
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

void agent_answer_level(struct agent *agent)
{
	for (u32 i = 0; i < agent->level_clients_count; i++)
		spw_control_answer(agent->socket, agent->level_clients[i], level_state(agent));
	agent->level_clients_count = 0;
}

/* What an operator wishes comes into force with the next tick, and is answered then. */
static json_t *answer_at_tick(struct agent *agent, u64 client)
{
	if (agent->level_clients_count == sizeof(agent->level_clients) / sizeof(*agent->level_clients))
		return level_state(agent);
	agent->level_clients[agent->level_clients_count++] = client;
	return NULL;
}

/* "level", "least" or "most" of a request: -1: absent, -2: not a level (or, where that may be, "auto"). */
static int level_of(const json_t *request, const char *key)
{
	const json_t *value = json_object_get(request, key);
	int level = json_is_string(value) ? spw_level_parse(json_string_value(value)) : -1;

	return !value ? -1 : level < 0 ? -2 : level;
}

static json_t *bound_level(struct agent *agent, int least, int most, u64 until_ns, u64 client)
{
	least = least == -1 ? SPW_GREEN : least;
	most = most == -1 ? SPW_RED : most;
	if (least < 0 || most < 0 || least > most)
		return agent_failure("least, most: levels, the first no higher than the second");
	agent->control.least_level = (u8)least;
	agent->control.most_level = (u8)most;
	agent->control.bound_until_ns = until_ns;
	return answer_at_tick(agent, client);
}

static json_t *handle_level(struct agent *agent, u64 client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "level"));
	const json_t *seconds = json_object_get(request, "for_s");
	int level = level_of(request, "level"), least = level_of(request, "least"), most = level_of(request, "most");
	u64 until_ns = UINT64_MAX;

	if (level == -2 && (!name || strcmp(name, "auto")))
		return agent_failure("no such level; there are green, yellow, orange, red and auto");
	if (seconds && (!json_is_number(seconds) || !(json_number_value(seconds) > 0) ||
			json_number_value(seconds) > 366 * 86400.0))
		return agent_failure("for_s: seconds, above 0 and at most a year");
	if (seconds)
		until_ns = spw_monotonic_ns() + (u64)(json_number_value(seconds) * 1e9);
	if (level == -1 && (least != -1 || most != -1))
		return bound_level(agent, least, most, until_ns, client);
	if (level == -1)
		return level_state(agent);
	agent->control.pinned_level = level < 0 ? SPW_LEVEL_NEVER : (u32)level;
	agent->control.pinned_until_ns = level < 0 ? 0 : until_ns;
	return level < 0 ? bound_level(agent, -1, -1, 0, client) : answer_at_tick(agent, client);
}

/* A capacity by an operator's word: over that of the configuration, until it is given back. */
static json_t *handle_capacity(struct agent *agent, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "service"));
	const json_t *capacity = json_object_get(request, "capacity_per_s");
	struct spw_registry *registry = &agent->registry;
	int index = name ? spw_policy_service(&agent->deciding.policy, name) : -1;
	u32 id;

	if (index < 0)
		return agent_failure("service: the name of a service of the configuration");
	if (!capacity ||
	    (!json_is_null(capacity) &&
	     (!json_is_number(capacity) || !(json_number_value(capacity) >= 1) || json_number_value(capacity) > 1e7)))
		return agent_failure("capacity_per_s: new work a second, 1 to 10000000; null: as configured");
	id = agent->deciding.policy.policy.services[index].id;
	registry->services[id].operator_capacity_per_s = (u64)json_number_value(capacity);
	if (spw_registry_write(&agent->pins, registry) || agent_follow_policy(agent))
		return agent_failure("the capacity could not be written");
	if (json_is_null(capacity))
		spw_log(LOG_NOTICE, "capacity of %s: as configured", name);
	else
		spw_log(LOG_NOTICE, "capacity of %s: %llu/s by an operator's word", name,
			(unsigned long long)registry->services[id].operator_capacity_per_s);
	return json_pack("{s:b,s:s,s:O}", "ok", 1, "service", name, "capacity_per_s", capacity);
}

json_t *agent_handle_request(void *context, u64 client, const json_t *request)
{
	struct agent *agent = context;
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const json_t *named = json_object_get(request, "config"), *force = json_object_get(request, "force");
	const json_t *confirm = json_object_get(request, "confirm_s");
	const char *path = json_string_value(named);

	if (verb && !strcmp(verb, "level"))
		return handle_level(agent, client, request);
	if (verb && !strcmp(verb, "apply")) {
		if ((named && !path) || (force && !json_is_boolean(force)))
			return agent_failure("config: a path; force: true or false");
		if (confirm && (!json_is_number(confirm) || !(json_number_value(confirm) >= 1) ||
				json_number_value(confirm) > 86400.0))
			return agent_failure("confirm_s: seconds, 1 to 86400");
		agent_start_reload(agent,
				   &(struct reload_request){path ? path : agent->config_path, json_is_true(force),
							    client, (u64)(json_number_value(confirm) * 1e9)});
		return NULL;
	}
	if (verb && !strcmp(verb, "explain"))
		return agent_explain(agent, json_is_true(json_object_get(request, "colour")));
	if (verb && !strcmp(verb, "capacity"))
		return handle_capacity(agent, request);
	if (verb && (!strcmp(verb, "list-add") || !strcmp(verb, "list-remove")))
		return bans_request(agent->bans, &(struct spw_reply_to){agent->socket, client}, request,
				    !strcmp(verb, "list-add"));
	if (verb && !strcmp(verb, "confirm"))
		return agent_confirm(agent);
	if (verb && !strcmp(verb, "drops"))
		return agent_handle_drops(agent, client, request);
	if (verb && !strcmp(verb, "top"))
		return agent_handle_top(agent, request);
	if (verb && !strcmp(verb, "ping"))
		return json_pack("{s:b,s:i,s:s}", "ok", 1, "pid", (int)getpid(), "version", SPW_VERSION);
	return agent_failure("no such verb; there are apply, capacity, confirm, drops, explain, level, list-add, "
			     "list-remove, ping and top");
}

static int write_metrics(void *context, FILE *out)
{
	struct agent *agent = context;
	const struct agent_deciding *deciding = &agent->deciding;
	const struct spw_talkers_view talkers = agent_talkers_view(agent);
	struct spw_snapshot snapshot;
	int err = spw_snapshot_read(&agent->pins, &snapshot);

	if (err)
		return err;
	spw_view_metrics(out, &snapshot);
	spw_view_talkers_metrics(out, &talkers);
	if (deciding->pace.decisions) {
		const struct spw_governance governance = {&deciding->policy,
							  &deciding->facts,
							  &deciding->decision,
							  &deciding->pace,
							  spw_journal_history(deciding->journal),
							  &agent->limiting.state};

		spw_view_governance_metrics(out, &governance);
	}
	spw_snapshot_free(&snapshot);
	return 0;
}

static bool is_healthy(void *context, const char **why)
{
	struct agent *agent = context;

	for (size_t i = 0; i < agent->links_count; i++) {
		if (agent->links[i].fd < 0) {
			*why = "an interface is not covered";
			return false;
		}
	}
	if (agent->control.lease_until_ns < spw_monotonic_ns()) {
		*why = "the lease is not renewed";
		return false;
	}
	return true;
}

/* Without metrics the host is still protected, so a port that is taken is said, not fatal. */
int agent_serve_metrics(struct agent *agent)
{
	const struct spw_metrics_source source = {agent, write_metrics, is_healthy};
	char message[SPW_MESSAGE_MAX];
	int err;

	if (!agent->config.metrics_host)
		return 0;
	err = spw_metrics_server_start(agent->loop, agent->config.metrics_host, agent->config.metrics_port, &source,
				       &agent->metrics, message);
	if (err)
		spw_log(LOG_ERR, "no metrics: %s", message);
	else
		spw_log(LOG_INFO, "metrics at http://%s:%u/metrics", agent->config.metrics_host,
			agent->config.metrics_port);
	return err;
}
