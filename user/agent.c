/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's loop. Three things happen on it and never wait for each other: the tick (lease, level, attachment), a
 * reload (a compile job in a process of its own, then one publication), and answers (metrics, control socket).
 */
#include "agent.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/words.h"
#include "io/cleanup.h"
#include "io/compile_job.h"
#include "io/control_socket.h"
#include "io/datapath.h"
#include "io/links.h"
#include "io/log.h"
#include "io/metrics_server.h"
#include "io/registry.h"
#include "io/sampler.h"
#include "view/view.h"

#define TICK_NS 100000000ull
#define TICKS_A_SECOND 10

/* A reload on its way. Only one is; what comes meanwhile is remembered as `again`, and the last word wins. */
struct reload {
	struct spw_config config;
	struct spw_identities identities;
	struct spw_registry registry;
	struct spw_compile_job job;
	sd_event_source *source;
	u64 client; /* who waits for the answer; 0: nobody */
	bool again;
	u64 again_client;
	char *again_path;
	bool again_force;
	char *warnings; /* of the configuration itself */
};

struct agent {
	sd_event *loop;
	char *config_path;
	struct spw_config config;
	struct spw_pins pins;
	struct spw_registry registry;
	struct spw_datapath datapath;
	struct spw_link links[SPW_INTERFACES_MAX];
	size_t links_count;
	struct spw_control control;
	struct spw_agent_record record;
	struct reload reload;
	struct spw_metrics_server *metrics;
	struct spw_control_server *socket;
	int lock_fd;
	int pins_lock_fd; /* pin_dir is locked too: two run directories must not share one */
	u64 ticks;
	bool force;
};

/* ---- state that the datapath and the verbs read ---- */

static int write_control(struct agent *agent)
{
	const u32 key = 0;

	return bpf_map_update_elem(agent->pins.fds[SPW_PIN_CONTROL], &key, &agent->control, BPF_ANY) ? -errno : 0;
}

static void write_record(struct agent *agent)
{
	const u32 key = 0;

	memset(agent->record.interfaces, 0, sizeof(agent->record.interfaces));
	for (size_t i = 0; i < agent->links_count; i++) {
		const struct spw_link *link = &agent->links[i];
		struct spw_interface_record *record = &agent->record.interfaces[i];

		snprintf(record->name, sizeof(record->name), "%s", *link->now ? link->now : link->name);
		record->ifindex = link->ifindex ? link->ifindex : UINT32_MAX; /* 0 would end the table */
		record->attached = link->fd >= 0;
		record->native = link->native;
	}
	if (bpf_map_update_elem(agent->pins.fds[SPW_PIN_AGENT_REGISTRY], &key, &agent->record, BPF_ANY))
		spw_log(LOG_ERR, "cannot write %s/agent_registry: %s", agent->pins.dir, strerror(errno));
}

/* The datapath reads jiffies, people read nanoseconds; both tell one moment. */
static void renew_lease(struct agent *agent, u64 now)
{
	agent->control.lease_until_jiffies = spw_datapath_lease(&agent->datapath, agent->config.lease_ns);
	agent->control.lease_until_ns = agent->control.lease_until_jiffies ? now + agent->config.lease_ns : 0;
}

static void set_level(struct agent *agent, u32 level, const char *why)
{
	if (agent->control.level == level)
		return;
	spw_log(LOG_NOTICE, "level %s, was %s: %s", spw_level_name(level), spw_level_name(agent->control.level), why);
	agent->control.level = level;
}

/* Until the agent decides by itself, the level is what an operator has set, and green otherwise. */
static void follow_pin(struct agent *agent, u64 now)
{
	if (agent->control.pinned_level < SPW_LEVELS && now >= agent->control.pinned_until_ns) {
		agent->control.pinned_level = SPW_LEVEL_NEVER;
		agent->control.pinned_until_ns = 0;
		set_level(agent, SPW_GREEN, "the time for which it was set is over");
	}
	if (agent->control.pinned_level < SPW_LEVELS)
		set_level(agent, agent->control.pinned_level, "set by an operator");
	else
		set_level(agent, SPW_GREEN, "automatic");
}

/* ---- attachment ---- */

static int attach(struct agent *agent, struct spw_link *link, enum spw_attach_mode mode, char *message)
{
	int err = spw_link_attach(link, agent->pins.dir, agent->datapath.program_fd, mode, message);

	if (err)
		return err;
	link->alarmed = false;
	spw_log(LOG_INFO, "%s: attached in %s mode", link->now, link->native ? "native" : "generic");
	if (*message)
		spw_log(LOG_WARNING, "%s", message);
	return 0;
}

static struct spw_link *find_link(struct agent *agent, const char *name)
{
	for (size_t i = 0; i < agent->links_count; i++)
		if (!strcmp(agent->links[i].name, name))
			return &agent->links[i];
	return NULL;
}

/* What attach_all() came to for one interface. */
enum origin {
	KEPT,  /* a link that stands already */
	TAKEN, /* one that an earlier run has left */
	MADE,
};

/* One interface of a configuration. One that was covered and went away does not stand in the way of a reload. */
static int attach_one(struct agent *agent, const char *name, enum spw_attach_mode mode, struct spw_link *link,
		      enum origin *origin, char *message)
{
	struct spw_link *old = find_link(agent, name);
	int err;

	*link = (struct spw_link){.fd = -1};
	if (old && spw_link_alive(old)) {
		*link = *old;
		*origin = KEPT;
		return 0;
	}
	snprintf(link->name, sizeof(link->name), "%s", name);
	*origin = spw_link_pinned(agent->pins.dir, name) ? TAKEN : MADE;
	err = attach(agent, link, mode, message);
	if (err == -ENODEV && old) {
		*link = *old;
		*origin = KEPT;
		err = 0;
	}
	return err;
}

/* Attach to every interface of @config: links that stand are kept. All or none. */
static int attach_all(struct agent *agent, const struct spw_config *config, char *message)
{
	struct spw_link links[SPW_INTERFACES_MAX] = {0};
	enum origin origins[SPW_INTERFACES_MAX];
	size_t count = 0;
	int err = 0;

	for (; count < config->interfaces_count && !err; count++)
		err = attach_one(agent, config->interfaces[count].name, config->attach, &links[count], &origins[count],
				 message);
	for (size_t i = 0; i < count && err; i++) {
		if (origins[i] == MADE && links[i].fd >= 0)
			spw_link_drop(&links[i], agent->pins.dir);
		else if (origins[i] == TAKEN)
			spw_link_close(&links[i]);
	}
	if (err)
		return err;
	for (size_t i = 0; i < agent->links_count; i++) {
		bool kept = false;

		for (size_t j = 0; j < count; j++)
			kept |= origins[j] == KEPT && links[j].fd == agent->links[i].fd;
		if (!kept)
			spw_link_close(&agent->links[i]);
	}
	memcpy(agent->links, links, sizeof(links));
	agent->links_count = count;
	return 0;
}

/* A link that lost its interface, or that somebody detached: said once, and tried again each second if so configured. */
static void watch_links(struct agent *agent)
{
	char message[SPW_MESSAGE_MAX];
	bool changed = false;

	for (size_t i = 0; i < agent->links_count; i++) {
		struct spw_link *link = &agent->links[i];
		bool first = link->fd >= 0;

		if (spw_link_alive(link))
			continue;
		if (first) {
			spw_log(LOG_ALERT, "%s: our program is no longer attached: the interface went away or somebody detached it; "
				"its traffic passes uncounted%s", link->now, agent->config.reattach ? "; trying to attach again" : "");
			spw_link_drop(link, agent->pins.dir);
			changed = true;
		}
		if (!agent->config.reattach || (!first && agent->ticks % TICKS_A_SECOND))
			continue;
		if (!attach(agent, link, agent->config.attach, message)) {
			changed = true;
		} else if (!link->alarmed) {
			spw_log(LOG_ALERT, "%s", message);
			link->alarmed = true;
		}
	}
	if (changed)
		write_record(agent);
}

/* ---- tick ---- */

static int on_tick(sd_event_source *source, uint64_t usec, void *context)
{
	struct agent *agent = context;
	u64 now = spw_monotonic_ns();
	int err;

	(void)usec;
	agent->ticks++;
	follow_pin(agent, now);
	renew_lease(agent, now);
	err = write_control(agent);
	if (err)
		spw_log(LOG_ERR, "cannot renew the lease: %s; everything will pass", strerror(-err));
	watch_links(agent);
	if (agent->metrics)
		spw_metrics_server_tick(agent->metrics);
	if (agent->socket)
		spw_control_server_tick(agent->socket, now);
	if (agent->reload.job.pid > 0 && now - agent->reload.job.started_ns > SPW_JOB_SECONDS_MAX * 1000000000ull)
		spw_compile_job_kill(&agent->reload.job);
	sd_event_source_set_time(source, (now + TICK_NS) / 1000);
	return 0;
}

/* ---- reload ---- */

static json_t *failure(const char *text)
{
	return json_pack("{s:b,s:s}", "ok", 0, "error", text);
}

static char *join_errors(const struct spw_diagnostics *diagnostics)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	for (size_t i = 0; out && i < diagnostics->count; i++)
		fprintf(out, "%s%s%s", i ? "\n" : "", diagnostics->items[i].severity == SPW_WARNING ? "warning: " : "",
			diagnostics->items[i].text);
	if (out)
		fclose(out);
	return text;
}

static void log_lines(int priority, const char *text)
{
	_cleanup_free_ char *copy = strdup(text ? text : "");
	char *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n")))
		if (*line)
			spw_log(!strncmp(line, "warning: ", 9) ? LOG_WARNING : priority, "%s",
				!strncmp(line, "warning: ", 9) ? line + 9 : line);
}

static int on_job_done(sd_event_source *source, int fd, uint32_t events, void *context);
static void start_reload(struct agent *agent, const char *path, bool force, u64 client);

/* A reload ended; begin the one that was asked for meanwhile. */
static void next_reload(struct agent *agent)
{
	struct reload *reload = &agent->reload;
	char *path = reload->again_path;
	u64 client = reload->again_client;

	reload->again_path = NULL;
	reload->again_client = 0;
	if (reload->again) {
		reload->again = false;
		start_reload(agent, path ? path : agent->config_path, reload->again_force, client);
	}
	free(path);
}

static void reload_failed(struct agent *agent, u64 client, const char *text)
{
	agent->record.reloads_failed++;
	log_lines(LOG_ERR, text);
	spw_log(LOG_ERR, "reload refused; ruleset %llu stays in force", (unsigned long long)agent->record.generation);
	write_record(agent);
	if (client)
		spw_control_answer(agent->socket, client, failure(text && *text ? text : "reload failed"));
}

/* Things that a running agent cannot change. */
static const char *needs_restart(const struct spw_config *now, const struct spw_config *next)
{
	if (strcmp(now->pin_dir, next->pin_dir))
		return "pin_dir";
	if (strcmp(now->run_dir, next->run_dir))
		return "run_dir";
	return NULL;
}

static void start_reload(struct agent *agent, const char *path, bool force, u64 client)
{
	struct reload *reload = &agent->reload;
	struct spw_diagnostics diagnostics = {0};
	char message[SPW_MESSAGE_MAX] = "";
	_cleanup_free_ char *text = NULL;
	const char *fixed;
	int err;

	if (reload->job.pid > 0) {
		if (reload->again_client)
			spw_control_answer(agent->socket, reload->again_client, failure("overtaken by a later request"));
		free(reload->again_path);
		reload->again = true;
		reload->again_client = client;
		reload->again_force = force;
		reload->again_path = strdup(path);
		return;
	}
	err = spw_config_load(path, &reload->config, &diagnostics);
	text = join_errors(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	fixed = err ? NULL : needs_restart(&agent->config, &reload->config);
	if (fixed) {
		snprintf(message, sizeof(message), "%s: %s cannot be changed while the agent runs; start it anew", path, fixed);
		err = -EINVAL;
	}
	reload->registry = agent->registry;
	if (!err)
		err = spw_registry_assign(&reload->registry, &reload->config, &reload->identities, message);
	if (!err) {
		log_lines(LOG_WARNING, text);
		err = spw_compile_job_start(&reload->config, &reload->identities, agent->record.generation + 1,
					    agent->datapath.units_capacity, force || agent->force, &reload->job);
		if (err)
			snprintf(message, sizeof(message), "cannot start the compile job: %s", strerror(-err));
	}
	if (!err)
		err = sd_event_add_io(agent->loop, &reload->source, reload->job.socket, EPOLLIN, on_job_done, agent);
	if (err < 0) {
		spw_config_free(&reload->config);
		reload_failed(agent, client, *message ? message : text);
		return;
	}
	reload->client = client;
	free(reload->warnings);
	reload->warnings = text;
	text = NULL;
	spw_log(LOG_INFO, "reading %s", path);
}

/* Counts of prefixes go into the registry, where `list show` finds them. */
static void note_prefixes(struct spw_registry *registry, const struct spw_config *config,
			  const struct spw_identities *identities, const struct spw_compile_report *report)
{
	for (size_t i = 0; i < config->lists_count; i++) {
		registry->lists[identities->lists[i]].prefixes4 = report->result.list_prefixes[i][0];
		registry->lists[identities->lists[i]].prefixes6 = report->result.list_prefixes[i][1];
	}
}

/* A ruleset that outgrew the loaded program comes with a larger one: it takes over the links, packet by packet whole. */
static int outgrow(struct agent *agent, const struct spw_compile_report *report, char *message)
{
	struct spw_datapath larger, old = agent->datapath;
	int err = spw_datapath_load(&agent->pins, report->ruleset_map, report->result.units_capacity, false, &larger, message);

	if (err)
		return err;
	agent->datapath = larger;
	for (size_t i = 0; i < agent->links_count && !err; i++)
		if (agent->links[i].fd >= 0 && bpf_link_update(agent->links[i].fd, larger.program_fd, NULL))
			err = -errno;
	if (err) {
		snprintf(message, SPW_MESSAGE_MAX, "cannot replace the program in a link: %s", strerror(-err));
		for (size_t i = 0; i < agent->links_count; i++)
			if (agent->links[i].fd >= 0)
				bpf_link_update(agent->links[i].fd, old.program_fd, NULL);
		agent->datapath = old;
		spw_datapath_free(&larger);
		return err;
	}
	spw_log(LOG_INFO, "the table has room for %u MiB now, was %u MiB", larger.units_capacity >> 14,
		old.units_capacity >> 14);
	spw_datapath_free(&old);
	return 0;
}

static int publish(struct agent *agent, const struct spw_registry *registry, const struct spw_compile_report *report,
		   u64 *publish_ns, char *message)
{
	u64 begin = spw_monotonic_ns();
	int err = spw_registry_write(&agent->pins, registry);

	if (err) {
		snprintf(message, SPW_MESSAGE_MAX, "cannot write the registries: %s", strerror(-err));
		return err;
	}
	if (report->result.units_capacity != agent->datapath.units_capacity) {
		err = outgrow(agent, report, message);
	} else {
		err = spw_datapath_publish(&agent->datapath, report->ruleset_map);
		if (err)
			snprintf(message, SPW_MESSAGE_MAX, "cannot publish the ruleset: %s", strerror(-err));
	}
	*publish_ns = spw_monotonic_ns() - begin;
	if (err)
		spw_registry_write(&agent->pins, &agent->registry);
	return err;
}

static void note_publication(struct agent *agent, const struct spw_compile_report *report, u64 publish_ns)
{
	struct spw_agent_record *record = &agent->record;

	snprintf(record->config, sizeof(record->config), "%s", agent->config_path);
	record->generation++;
	record->published_ns = spw_monotonic_ns();
	record->ruleset_prefixes4 = report->result.prefixes4;
	record->ruleset_prefixes6 = report->result.prefixes6;
	record->ruleset_bytes = report->result.bytes;
	record->compile_ns = report->result.compile_ns;
	record->publish_ns = report->result.fill_ns + publish_ns;
	spw_log(LOG_NOTICE,
		"ruleset %llu published: %llu IPv4 and %llu IPv6 prefixes, %llu MiB; read in %llu ms, compiled in %llu ms, "
		"published in %llu ms", (unsigned long long)record->generation, (unsigned long long)report->result.prefixes4,
		(unsigned long long)report->result.prefixes6, (unsigned long long)report->result.bytes >> 20,
		(unsigned long long)report->result.read_ns / 1000000, (unsigned long long)report->result.compile_ns / 1000000,
		(unsigned long long)record->publish_ns / 1000000);
}

static int serve_metrics(struct agent *agent);

static json_t *publication(const struct agent *agent, const char *warnings)
{
	const struct spw_agent_record *record = &agent->record;

	return json_pack("{s:b,s:I,s:I,s:I,s:I,s:f,s:f,s:s}", "ok", 1, "generation", (json_int_t)record->generation,
			 "prefixes4", (json_int_t)record->ruleset_prefixes4, "prefixes6",
			 (json_int_t)record->ruleset_prefixes6, "bytes", (json_int_t)record->ruleset_bytes,
			 "compile_seconds", (double)record->compile_ns / 1e9, "publish_seconds",
			 (double)record->publish_ns / 1e9, "warnings", warnings ? warnings : "");
}

/* Whoever asked is told all that was odd: in the configuration, in its lists, and in taking it into force. */
static void answer_publication(struct agent *agent, const char *job_text)
{
	_cleanup_free_ char *text = NULL;
	const char *warnings = agent->reload.warnings ? agent->reload.warnings : "";

	if (asprintf(&text, "%s%s%s%s", warnings, *warnings ? "\n" : "", job_text ? job_text : "",
		     agent->config.metrics_host && !agent->metrics ? "warning: no metrics: the port cannot be had\n" : "") < 0)
		text = NULL;
	spw_control_answer(agent->socket, agent->reload.client, publication(agent, text));
}

/* The new configuration is in force from here on. */
static void adopt(struct agent *agent)
{
	struct reload *reload = &agent->reload;
	bool moved = strcmp(agent->config.metrics_host ? agent->config.metrics_host : "",
			    reload->config.metrics_host ? reload->config.metrics_host : "") ||
		     agent->config.metrics_port != reload->config.metrics_port;

	spw_config_free(&agent->config);
	agent->config = reload->config;
	reload->config = (struct spw_config){0};
	agent->registry = reload->registry;
	agent->control.mode = agent->config.mode;
	write_control(agent);
	if (agent->config_path != agent->config.path) {
		free(agent->config_path);
		agent->config_path = strdup(agent->config.path);
	}
	spw_links_detach_others(agent->pins.dir, agent->links, agent->links_count);
	if (moved) {
		spw_metrics_server_stop(agent->metrics);
		agent->metrics = NULL;
		serve_metrics(agent);
	}
}

/* Interfaces that only the refused configuration has named are let go again. */
static void restore_links(struct agent *agent)
{
	char message[SPW_MESSAGE_MAX];

	if (!attach_all(agent, &agent->config, message))
		spw_links_detach_others(agent->pins.dir, agent->links, agent->links_count);
}

static int on_job_done(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct agent *agent = context;
	struct reload *reload = &agent->reload;
	struct spw_compile_report report;
	char message[SPW_MESSAGE_MAX] = "";
	u64 publish_ns = 0;
	int err;

	(void)source;
	(void)fd;
	(void)events;
	reload->source = sd_event_source_disable_unref(reload->source);
	spw_compile_job_finish(&reload->job, &report);
	err = report.result.err;
	if (!err) {
		/* New interfaces come first, under the old ruleset: if one cannot be had, nothing has changed. */
		note_prefixes(&reload->registry, &reload->config, &reload->identities, &report);
		err = attach_all(agent, &reload->config, message);
	}
	if (!err) {
		err = publish(agent, &reload->registry, &report, &publish_ns, message);
		if (err)
			restore_links(agent);
	}
	if (err) {
		spw_config_free(&reload->config);
		reload_failed(agent, reload->client, *message ? message : report.text);
	} else {
		log_lines(LOG_WARNING, report.text);
		adopt(agent);
		agent->record.reloads_done++;
		note_publication(agent, &report, publish_ns);
		write_record(agent);
		if (reload->client)
			answer_publication(agent, report.text);
	}
	spw_compile_report_free(&report);
	malloc_trim(0);
	next_reload(agent);
	return 0;
}

/* ---- control socket ---- */

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
		return failure("level: one of green, yellow, orange, red and auto");
	if (!name)
		return level_state(agent);
	if (level < 0 && strcmp(name, "auto"))
		return failure("no such level; there are green, yellow, orange, red and auto");
	if (seconds && (!json_is_number(seconds) || !(json_number_value(seconds) > 0) ||
			json_number_value(seconds) > 366 * 86400.0))
		return failure("for_s: seconds, above 0 and at most a year");
	agent->control.pinned_level = level < 0 ? SPW_LEVEL_NEVER : (u32)level;
	agent->control.pinned_until_ns = level < 0 ? 0 :
					 seconds   ? spw_monotonic_ns() + (u64)(json_number_value(seconds) * 1e9) :
						     UINT64_MAX;
	follow_pin(agent, spw_monotonic_ns());
	if (write_control(agent))
		return failure("the level could not be written");
	return level_state(agent);
}

static json_t *handle_request(void *context, u64 client, const json_t *request)
{
	struct agent *agent = context;
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const json_t *named = json_object_get(request, "config"), *force = json_object_get(request, "force");
	const char *path = json_string_value(named);

	if (verb && !strcmp(verb, "level"))
		return handle_level(agent, request);
	if (verb && !strcmp(verb, "apply")) {
		if ((named && !path) || (force && !json_is_boolean(force)))
			return failure("config: a path; force: true or false");
		start_reload(agent, path ? path : agent->config_path, json_is_true(force), client);
		return NULL;
	}
	if (verb && !strcmp(verb, "ping"))
		return json_pack("{s:b,s:i,s:s}", "ok", 1, "pid", (int)getpid(), "version", SPW_VERSION);
	return failure("no such verb; there are apply, level and ping");
}

/* ---- metrics ---- */

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
static int serve_metrics(struct agent *agent)
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
		spw_log(LOG_INFO, "metrics at http://%s:%u/metrics", agent->config.metrics_host, agent->config.metrics_port);
	return err;
}

/* ---- start and stop ---- */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	struct agent *agent = context;

	(void)source;
	if (signal->ssi_signo == SIGHUP) {
		start_reload(agent, agent->config_path, false, 0);
		return 0;
	}
	return sd_event_exit(agent->loop, 0);
}

/* One agent a run directory: the lock goes with the process, however it ends. */
static int take_lock(struct agent *agent)
{
	char path[300];
	pid_t holder = 0;
	char text[32] = "";

	if (mkdir(agent->config.run_dir, 0755) && errno != EEXIST)
		return spw_fail("cannot make %s: %s", agent->config.run_dir, strerror(errno));
	snprintf(path, sizeof(path), "%.280s/lock", agent->config.run_dir);
	agent->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (agent->lock_fd < 0)
		return spw_fail("cannot open %s: %s", path, strerror(errno));
	if (flock(agent->lock_fd, LOCK_EX | LOCK_NB)) {
		if (pread(agent->lock_fd, text, sizeof(text) - 1, 0) > 0)
			holder = (pid_t)atoi(text);
		return spw_fail("an agent runs already (pid %d, lock %s); stop it first, or use 'spillway apply' to load a "
				"changed configuration", holder, path);
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(agent->lock_fd, 0) || pwrite(agent->lock_fd, text, strlen(text), 0) < 0)
		return spw_fail("cannot write %s: %s", path, strerror(errno));
	return 0;
}

static int open_state(struct agent *agent)
{
	const u32 key = 0;
	char message[SPW_MESSAGE_MAX];
	int err = spw_pins_open(agent->config.pin_dir, true, true, &agent->pins, message);

	if (err)
		return spw_fail("%s", message);
	agent->pins_lock_fd = open(agent->pins.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (agent->pins_lock_fd < 0 || flock(agent->pins_lock_fd, LOCK_EX | LOCK_NB)) {
		spw_pins_close(&agent->pins);
		return spw_fail("another agent lives from the pins in %s; give this one a pin_dir of its own",
				agent->config.pin_dir);
	}
	err = spw_registry_read(&agent->pins, &agent->registry);
	if (err || bpf_map_lookup_elem(agent->pins.fds[SPW_PIN_CONTROL], &key, &agent->control) ||
	    bpf_map_lookup_elem(agent->pins.fds[SPW_PIN_AGENT_REGISTRY], &key, &agent->record))
		return spw_fail("cannot read the pinned state in %s: %s", agent->pins.dir, strerror(err ? -err : errno));
	if (agent->control.level >= SPW_LEVELS)
		agent->control.level = SPW_GREEN;
	agent->control.mode = agent->config.mode;
	agent->record.layout = SPW_LAYOUT;
	agent->record.pid = (u32)getpid();
	agent->record.started_ns = spw_monotonic_ns();
	snprintf(agent->record.version, sizeof(agent->record.version), "%s", SPW_VERSION);
	return 0;
}

/* The first ruleset: compiled before anything is loaded, loaded before anything is attached. */
static int first_publication(struct agent *agent)
{
	struct spw_compile_report report;
	struct spw_compile_job job;
	struct spw_identities identities;
	char message[SPW_MESSAGE_MAX] = "";
	u64 begin;
	int err = spw_registry_assign(&agent->registry, &agent->config, &identities, message);

	if (err)
		return spw_fail("%s", message);
	err = spw_compile_job_start(&agent->config, &identities, agent->record.generation + 1, 0, agent->force, &job);
	if (err)
		return spw_fail("cannot start the compile job: %s", strerror(-err));
	spw_compile_job_finish(&job, &report);
	log_lines(LOG_ERR, report.text);
	if (report.result.err) {
		spw_compile_report_free(&report);
		return spw_fail("no ruleset; nothing was changed");
	}
	note_prefixes(&agent->registry, &agent->config, &identities, &report);
	begin = spw_monotonic_ns();
	err = spw_datapath_load(&agent->pins, report.ruleset_map, report.result.units_capacity, false, &agent->datapath, message);
	if (!err) {
		spw_log(LOG_INFO, "program loaded in %llu ms", (unsigned long long)(spw_monotonic_ns() - begin) / 1000000);
		begin = spw_monotonic_ns();
		err = spw_registry_write(&agent->pins, &agent->registry);
		if (err)
			snprintf(message, sizeof(message), "cannot write the registries: %s", strerror(-err));
	}
	if (!err) {
		renew_lease(agent, spw_monotonic_ns());
		follow_pin(agent, spw_monotonic_ns());
		write_control(agent);
		err = attach_all(agent, &agent->config, message);
	}
	if (!err) {
		note_publication(agent, &report, spw_monotonic_ns() - begin);
		write_record(agent);
	}
	spw_compile_report_free(&report);
	return err ? spw_fail("%s", message) : 0;
}

static int open_loop(struct agent *agent)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	char message[SPW_MESSAGE_MAX];
	sigset_t mask;
	int err = sd_event_default(&agent->loop);

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&mask, signals[i]);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals) && err >= 0; i++)
		err = sd_event_add_signal(agent->loop, NULL, signals[i], on_signal, agent);
	if (err >= 0)
		err = sd_event_set_watchdog(agent->loop, true);
	if (err < 0)
		return spw_fail("cannot set up the event loop: %s", strerror(-err));
	if (spw_control_server_start(agent->loop, agent->config.run_dir, handle_request, agent, &agent->socket, message))
		return spw_fail("%s", message);
	serve_metrics(agent);
	return 0;
}

/* The tick repeats; sd-event timers are one-shot unless said otherwise. */
static int keep_ticking(struct agent *agent)
{
	sd_event_source *source;
	int err = sd_event_add_time_relative(agent->loop, &source, CLOCK_MONOTONIC, 0, 1000, on_tick, agent);

	if (err >= 0)
		err = sd_event_source_set_enabled(source, SD_EVENT_ON);
	if (err >= 0)
		err = sd_event_source_set_floating(source, true);
	return err < 0 ? spw_fail("cannot set up the tick: %s", strerror(-err)) : 0;
}

/* The lease ends now, not in some seconds: everything passes, counting goes on, the next agent takes over. */
static void stop(struct agent *agent)
{
	sd_notify(0, "STOPPING=1");
	if (agent->reload.job.pid > 0) {
		struct spw_compile_report report;

		spw_compile_job_kill(&agent->reload.job);
		spw_compile_job_finish(&agent->reload.job, &report);
		spw_compile_report_free(&report);
		spw_config_free(&agent->reload.config);
	}
	if (agent->pins.fds[SPW_PIN_CONTROL] >= 0 && agent->datapath.skeleton) {
		agent->control.lease_until_ns = agent->control.lease_until_jiffies = 0;
		write_control(agent);
		agent->record.pid = 0;
		write_record(agent);
		if (agent->links_count)
			spw_log(LOG_INFO, "stopped: the program stays attached and passes everything; 'spillway run' takes over, "
				"'spillway detach' removes it");
	}
}

static void release(struct agent *agent)
{
	spw_metrics_server_stop(agent->metrics);
	spw_control_server_stop(agent->socket);
	sd_event_source_disable_unref(agent->reload.source);
	sd_event_unref(agent->loop);
	for (size_t i = 0; i < agent->links_count; i++)
		spw_link_close(&agent->links[i]);
	spw_datapath_free(&agent->datapath);
	spw_pins_close(&agent->pins);
	spw_config_free(&agent->config);
	free(agent->reload.again_path);
	free(agent->reload.warnings);
	free(agent->config_path);
	if (agent->lock_fd >= 0)
		close(agent->lock_fd);
	if (agent->pins_lock_fd >= 0)
		close(agent->pins_lock_fd);
	free(agent);
}

int spw_agent_run(const char *config_path, bool force)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	struct spw_diagnostics diagnostics = {0};
	int status = SPW_EXIT_FAILED;

	if (!agent)
		return spw_fail("out of memory");
	agent->lock_fd = agent->pins_lock_fd = -1;
	agent->reload.job.socket = -1;
	memset(agent->pins.fds, -1, sizeof(agent->pins.fds));
	agent->force = force;
	agent->config_path = realpath(config_path, NULL);
	if (!agent->config_path)
		agent->config_path = strdup(config_path);
	if (spw_config_load(agent->config_path, &agent->config, &diagnostics)) {
		spw_log_diagnostics(&diagnostics);
		goto out;
	}
	spw_log_diagnostics(&diagnostics);
	if (take_lock(agent) || open_state(agent) || first_publication(agent) || open_loop(agent) || keep_ticking(agent))
		goto out;
	write_record(agent);
	spw_links_detach_others(agent->pins.dir, agent->links, agent->links_count);
	malloc_trim(0);
	spw_log(LOG_NOTICE, "spillway %s runs: %s mode, level %s", SPW_VERSION, spw_mode_name(agent->control.mode),
		spw_level_name(agent->control.level));
	sd_notify(0, "READY=1");
	if (sd_event_loop(agent->loop) >= 0)
		status = SPW_EXIT_DONE;
out:
	stop(agent);
	spw_diagnostics_free(&diagnostics);
	release(agent);
	return status;
}
