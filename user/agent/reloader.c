/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration comes into force: read here, compiled in a process of its own, published in one step. All or nothing:
 * on any error the ruleset that was in force stays. Called at the start, by SIGHUP and by `apply`.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "base/text.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/unconfirmed.h"
#include "state.h"

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

/* A reload ended; begin the one that was asked for meanwhile. */
static void next_reload(struct agent *agent)
{
	struct reload *reload = &agent->reload;
	char *path = reload->again_path;
	const struct reload_request order = {path ? path : agent->config_path, reload->again_force,
					     reload->again_client, reload->again_confirm_ns};

	reload->again_path = NULL;
	reload->again_client = 0;
	if (reload->again) {
		reload->again = false;
		agent_start_reload(agent, &order);
	}
	free(path);
}

static void reload_failed(struct agent *agent, u64 client, const char *text)
{
	const char *why = text && *text ? text : "reload failed";

	agent->record.reloads_failed++;
	log_lines(LOG_ERR, text);
	spw_log(LOG_ERR, "reload refused; ruleset %llu stays in force", (unsigned long long)agent->record.generation);
	agent_write_record(agent);
	agent_tell(agent, "reload",
		   json_pack("{s:b,s:I,s:s%}", "ok", 0, "generation", (json_int_t)agent->record.generation, "error",
			     why, spw_utf8_whole(why)));
	if (client)
		spw_control_answer(agent->socket, client, agent_failure(why));
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

/* Remember what was asked for while a reload is on its way; the last word wins. */
static void ask_again(struct agent *agent, const struct reload_request *order)
{
	struct reload *reload = &agent->reload;

	if (reload->again_client)
		spw_control_answer(agent->socket, reload->again_client, agent_failure("overtaken by a later request"));
	free(reload->again_path);
	reload->again = true;
	reload->again_client = order->client;
	reload->again_force = order->force;
	reload->again_confirm_ns = order->confirm_ns;
	reload->again_path = strdup(order->path);
}

static bool awaits_confirmation(const struct agent *agent)
{
	return agent->record.unconfirmed_until_ns && agent->record.unconfirmed_until_ns != SPW_TAKEN_BACK;
}

void agent_start_reload(struct agent *agent, const struct reload_request *order)
{
	struct reload *reload = &agent->reload;
	struct spw_diagnostics diagnostics = {0};
	char message[SPW_MESSAGE_MAX] = "";
	_cleanup_free_ char *text = NULL;
	const char *fixed;
	int err;

	if (reload->job.pid > 0) {
		ask_again(agent, order);
		return;
	}
	if (!order->confirm_ns && awaits_confirmation(agent)) {
		reload_failed(
			agent, order->client,
			"the ruleset in force waits to be confirmed: 'spillway confirm' first, or wait until it is taken back");
		return;
	}
	err = spw_config_load(order->path, &reload->config, &diagnostics);
	text = join_errors(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	fixed = err ? NULL : needs_restart(&agent->config, &reload->config);
	if (fixed) {
		snprintf(message, sizeof(message), "%s: %s cannot be changed while the agent runs; start it anew",
			 order->path, fixed);
		err = -EINVAL;
	}
	reload->registry = agent->registry;
	if (!err)
		err = spw_registry_assign(&reload->registry, &reload->config, &reload->identities, message);
	if (!err) {
		log_lines(LOG_WARNING, text);
		err = spw_compile_job_start(&reload->config, &reload->identities, agent->record.generation + 1,
					    agent->datapath.units_capacity, order->force || agent->force, &reload->job);
		if (err)
			snprintf(message, sizeof(message), "cannot start the compile job: %s", strerror(-err));
	}
	if (!err)
		err = sd_event_add_io(agent->loop, &reload->source, reload->job.socket, EPOLLIN, on_job_done, agent);
	if (err < 0) {
		spw_config_free(&reload->config);
		reload_failed(agent, order->client, *message ? message : text);
		return;
	}
	reload->client = order->client;
	reload->confirm_ns = order->confirm_ns;
	free(reload->warnings);
	reload->warnings = text;
	text = NULL;
	spw_log(LOG_INFO, "reading %s", order->path);
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

/* A ruleset that outgrew the loaded program comes with a larger one: it takes over the links, packet by packet whole.
 */
static int outgrow(struct agent *agent, const struct spw_compile_report *report, char *message)
{
	struct spw_datapath larger, old = agent->datapath;
	int err = spw_datapath_load(&agent->pins, report->ruleset_map, report->result.units_capacity, false, &larger,
				    message);

	if (err)
		return err;
	agent->datapath = larger;
	for (size_t i = 0; i < agent->links_count && !err; i++)
		if (agent->links[i].fd >= 0)
			err = spw_link_replace(&agent->links[i], larger.program_fd);
	if (err) {
		snprintf(message, SPW_MESSAGE_MAX, "cannot replace the program in a link: %s", strerror(-err));
		for (size_t i = 0; i < agent->links_count; i++)
			if (agent->links[i].fd >= 0)
				spw_link_replace(&agent->links[i], old.program_fd);
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
		   char *message)
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
	if (err)
		spw_registry_write(&agent->pins, &agent->registry);
	else
		agent->record.publish_ns = report->result.fill_ns + spw_monotonic_ns() - begin;
	return err;
}

static void note_publication(struct agent *agent, const struct spw_compile_report *report)
{
	struct spw_agent_record *record = &agent->record;

	snprintf(record->config, sizeof(record->config), "%s", agent->config_path);
	record->generation++;
	record->published_ns = spw_monotonic_ns();
	record->ruleset_prefixes4 = report->result.prefixes4;
	record->ruleset_prefixes6 = report->result.prefixes6;
	record->ruleset_bytes = report->result.bytes;
	record->compile_ns = report->result.compile_ns;
	spw_log(LOG_NOTICE,
		"ruleset %llu published: %llu IPv4 and %llu IPv6 prefixes, %llu MiB; read in %llu ms, compiled in %llu ms, "
		"published in %llu ms",
		(unsigned long long)record->generation, (unsigned long long)report->result.prefixes4,
		(unsigned long long)report->result.prefixes6, (unsigned long long)report->result.bytes >> 20,
		(unsigned long long)report->result.read_ns / 1000000,
		(unsigned long long)report->result.compile_ns / 1000000,
		(unsigned long long)record->publish_ns / 1000000);
}

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
		     agent->config.metrics_host && !agent->metrics ? "warning: no metrics: the port cannot be had\n"
								   : "") < 0)
		text = NULL;
	spw_control_answer(agent->socket, agent->reload.client, publication(agent, text));
}

/* The new configuration is in force from here on. */
static void adopt(struct agent *agent, struct spw_config *config, const struct spw_registry *registry,
		  const struct spw_identities *identities, int rows_file)
{
	bool moved = strcmp(agent->config.metrics_host ? agent->config.metrics_host : "",
			    config->metrics_host ? config->metrics_host : "") ||
		     agent->config.metrics_port != config->metrics_port;

	spw_config_free(&agent->config);
	agent->config = *config;
	*config = (struct spw_config){0};
	agent->registry = *registry;
	agent->identities = *identities;
	spw_close_fd(&agent->in_force.rows_file);
	agent->in_force.rows_file = fcntl(rows_file, F_DUPFD_CLOEXEC, 3);
	bans_follow(agent->bans);
	agent->control.mode = agent->config.mode;
	agent_write_control(agent);
	if (agent_follow_policy(agent))
		spw_log(LOG_ERR, "out of memory: the decision goes on by the former configuration");
	if (agent->config_path != agent->config.path) {
		free(agent->config_path);
		agent->config_path = strdup(agent->config.path);
	}
	spw_links_detach_others(agent->pins.dir, agent->links, agent->links_count);
	if (moved) {
		spw_metrics_server_stop(agent->metrics);
		agent->metrics = NULL;
		agent_serve_metrics(agent);
	}
}

/* Interfaces that only the refused configuration has named are let go again. */
static void restore_links(struct agent *agent)
{
	char message[SPW_MESSAGE_MAX];

	if (!agent_attach_all(agent, &agent->config, message))
		spw_links_detach_others(agent->pins.dir, agent->links, agent->links_count);
}

/* New interfaces come first, under the old ruleset: if one cannot be had, nothing has changed. */
int agent_put_in_force(struct agent *agent, struct spw_config *config, const struct spw_registry *registry,
		       const struct spw_identities *identities, const struct spw_compile_report *report, char *message)
{
	int err = agent_attach_all(agent, config, message);

	if (err)
		return err;
	err = publish(agent, registry, report, message);
	if (err)
		restore_links(agent);
	else
		adopt(agent, config, registry, identities, report->rows_file);
	return err;
}

/* What waits to be confirmed is kept before it is published: an agent that dies in between still finds it. */
static int finish_reload(struct agent *agent, const struct spw_compile_report *report, char *message)
{
	struct reload *reload = &agent->reload;
	int err = report->result.err;

	if (!err && reload->confirm_ns)
		err = agent_keep_in_force(agent, message);
	if (!err) {
		note_prefixes(&reload->registry, &reload->config, &reload->identities, report);
		err = agent_put_in_force(agent, &reload->config, &reload->registry, &reload->identities, report,
					 message);
		if (err && reload->confirm_ns && !agent->record.unconfirmed_until_ns)
			spw_unconfirmed_forget(&agent->pins);
	}
	if (!err) {
		agent->record.reloads_done++;
		note_publication(agent, report);
		agent_await_confirmation(agent, reload->confirm_ns);
		agent_tell(agent, "reload",
			   json_pack("{s:b,s:I,s:n}", "ok", 1, "generation", (json_int_t)agent->record.generation,
				     "error"));
	}
	return err;
}

static int on_job_done(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct agent *agent = context;
	struct reload *reload = &agent->reload;
	struct spw_compile_report report;
	char message[SPW_MESSAGE_MAX] = "";

	(void)source;
	(void)fd;
	(void)events;
	reload->source = sd_event_source_disable_unref(reload->source);
	spw_compile_job_finish(&reload->job, &report);
	if (finish_reload(agent, &report, message)) {
		spw_config_free(&reload->config);
		reload_failed(agent, reload->client, *message ? message : report.text);
	} else {
		log_lines(LOG_WARNING, report.text);
		agent_write_record(agent);
		if (reload->client)
			answer_publication(agent, report.text);
	}
	spw_compile_report_free(&report);
	malloc_trim(0);
	next_reload(agent);
	return 0;
}

/* The ruleset to begin with: compiled, or what an earlier run has left to be given back. */
static int first_ruleset(struct agent *agent, struct spw_compile_report *report)
{
	struct spw_compile_job job;
	char message[SPW_MESSAGE_MAX] = "";
	int err;

	if (agent_find_unconfirmed(agent, report))
		return 0;
	err = spw_registry_assign(&agent->registry, &agent->config, &agent->identities, message);
	if (err)
		return spw_fail("%s", message);
	err = spw_compile_job_start(&agent->config, &agent->identities, agent->record.generation + 1, 0, agent->force,
				    &job);
	if (err)
		return spw_fail("cannot start the compile job: %s", strerror(-err));
	spw_compile_job_finish(&job, report);
	log_lines(LOG_ERR, report->text);
	if (report->result.err) {
		spw_compile_report_free(report);
		return spw_fail("no ruleset; nothing was changed");
	}
	note_prefixes(&agent->registry, &agent->config, &agent->identities, report);
	return 0;
}

/* Loaded before anything is attached. */
static int load_and_attach(struct agent *agent, const struct spw_compile_report *report, char *message)
{
	u64 begin = spw_monotonic_ns();
	int err = spw_datapath_load(&agent->pins, report->ruleset_map, report->result.units_capacity, false,
				    &agent->datapath, message);

	if (err)
		return err;
	spw_log(LOG_INFO, "program loaded in %llu ms", (unsigned long long)(spw_monotonic_ns() - begin) / 1000000);
	begin = spw_monotonic_ns();
	err = spw_registry_write(&agent->pins, &agent->registry);
	if (err) {
		snprintf(message, SPW_MESSAGE_MAX, "cannot write the registries: %s", strerror(-err));
		return err;
	}
	agent_renew_lease(agent, begin);
	agent_follow_overrides(agent, begin);
	agent->control.level = agent->control.pinned_level < SPW_LEVELS ? agent->control.pinned_level : SPW_GREEN;
	agent_write_control(agent);
	spw_close_fd(&agent->in_force.rows_file);
	agent->in_force.rows_file = fcntl(report->rows_file, F_DUPFD_CLOEXEC, 3);
	bans_follow(agent->bans);
	err = agent_attach_all(agent, &agent->config, message);
	if (!err && agent->record.unconfirmed_until_ns != SPW_TAKEN_BACK) {
		agent->record.publish_ns = report->result.fill_ns + spw_monotonic_ns() - begin;
		note_publication(agent, report);
	}
	return err;
}

int agent_first_publication(struct agent *agent)
{
	struct spw_compile_report report;
	char message[SPW_MESSAGE_MAX] = "";
	int err = first_ruleset(agent, &report);

	if (err)
		return err;
	err = load_and_attach(agent, &report, message);
	if (!err)
		agent_write_record(agent);
	spw_compile_report_free(&report);
	return err ? spw_fail("%s", message) : 0;
}
