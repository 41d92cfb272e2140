/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent answers: requests of the control socket, the page of metrics, and whether it is well. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../core/words.h"
#include "../io/log.h"
#include "../view/view.h"
#include "state.h"

json_t *agent_failure(const char *text)
{
	return json_pack("{s:b,s:s}", "ok", 0, "error", text);
}

static json_t *level_state(const struct agent *agent)
{
	bool pinned = agent->control.pinned_level < SPW_LEVELS;
	u64 now = spw_monotonic_ns(), until = agent->control.pinned_until_ns;
	json_t *state = json_pack("{s:b,s:s,s:s?}", "ok", 1, "level", spw_level_name(agent->control.level), "pinned",
				  pinned ? spw_level_name(agent->control.pinned_level) : NULL);

	if (pinned && until != UINT64_MAX)
		json_object_set_new(state, "pinned_for_s", json_real((double)(until > now ? until - now : 0) / 1e9));
	return state;
}

static json_t *handle_level(struct agent *agent, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "level"));
	const json_t *seconds = json_object_get(request, "for_s");
	int level = name ? spw_level_parse(name) : -1;

	if (!name && json_object_get(request, "level"))
		return agent_failure("level: one of green, yellow, orange, red and auto");
	if (!name)
		return level_state(agent);
	if (level < 0 && strcmp(name, "auto"))
		return agent_failure("no such level; there are green, yellow, orange, red and auto");
	if (seconds && (!json_is_number(seconds) || !(json_number_value(seconds) > 0) ||
			json_number_value(seconds) > 366 * 86400.0))
		return agent_failure("for_s: seconds, above 0 and at most a year");
	agent->control.pinned_level = level < 0 ? SPW_LEVEL_NEVER : (u32)level;
	agent->control.pinned_until_ns = level < 0 ? 0
					 : seconds ? spw_monotonic_ns() + (u64)(json_number_value(seconds) * 1e9)
						   : UINT64_MAX;
	agent_follow_pin(agent, spw_monotonic_ns());
	if (agent_write_control(agent))
		return agent_failure("the level could not be written");
	return level_state(agent);
}

json_t *agent_handle_request(void *context, u64 client, const json_t *request)
{
	struct agent *agent = context;
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const json_t *named = json_object_get(request, "config"), *force = json_object_get(request, "force");
	const json_t *confirm = json_object_get(request, "confirm_s");
	const char *path = json_string_value(named);

	if (verb && !strcmp(verb, "level"))
		return handle_level(agent, request);
	if (verb && !strcmp(verb, "apply")) {
		if ((named && !path) || (force && !json_is_boolean(force)))
			return agent_failure("config: a path; force: true or false");
		if (confirm && (!json_is_number(confirm) || !(json_number_value(confirm) >= 1) ||
				json_number_value(confirm) > 86400.0))
			return agent_failure("confirm_s: seconds, 1 to 86400");
		agent_start_reload(agent, &(struct agent_order){path ? path : agent->config_path, json_is_true(force),
								client, (u64)(json_number_value(confirm) * 1e9)});
		return NULL;
	}
	if (verb && !strcmp(verb, "confirm"))
		return agent_confirm(agent);
	if (verb && !strcmp(verb, "ping"))
		return json_pack("{s:b,s:i,s:s}", "ok", 1, "pid", (int)getpid(), "version", SPW_VERSION);
	return agent_failure("no such verb; there are apply, confirm, level and ping");
}

static int write_metrics(void *context, FILE *out)
{
	struct agent *agent = context;
	struct spw_snapshot snapshot;
	int err = spw_sample(&agent->pins, &snapshot);

	if (err)
		return err;
	spw_view_metrics(out, &snapshot);
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
