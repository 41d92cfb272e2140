/* SPDX-License-Identifier: GPL-2.0-only */
#include "reloader.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/interfaces.h"
#include "store/last_good_file.h"

#define WARNING	    "warning: "
#define HOLD_NS_MAX 2000000000ull

/* Requested while a reload runs. */
struct pending {
	bool any;
	char *path; /* owned; NULL as in struct reload_request */
	bool force;
	bool shrunk;
	struct spw_reply_to client;
	u64 confirm_ns;
};

struct reloader {
	sd_event *loop;
	struct publisher *publisher;
	struct confirmation *confirmation;
	struct journal *journal;
	char *path; /* owned */
	bool force;
	struct spw_compile_job job; /* pid 0: none runs */
	sd_event_source *source;    /* end of the job */
	struct publication *next;   /* owned; being compiled */
	struct spw_reply_to client; /* waits for the outcome */
	char *warnings;		    /* owned; of the configuration file */
	int last_good;		    /* in force, not saved yet (lists/last_good.h); -1: none */
	char *refused;		    /* owned; why a start fell back, until it is recorded as an event */
	struct reload_trial trial;  /* the job is for it; without `done`: for a request */
	u64 held_until_ns;	    /* see reloader_release(); 0: not held */
	struct pending pending;
};

struct reloader *reloader_new(sd_event *loop, struct publisher *publisher, struct confirmation *confirmation,
			      struct journal *journal, const char *config_path, bool force)
{
	struct reloader *reloader = calloc(1, sizeof(*reloader));

	if (!reloader)
		return NULL;
	*reloader = (struct reloader){
		.loop = loop,
		.publisher = publisher,
		.confirmation = confirmation,
		.journal = journal,
		.path = strdup(config_path),
		.force = force,
		.job.socket = -1,
		.last_good = -1,
	};
	return reloader;
}

/*
 * Save what is in force as the last good ruleset, once it needs no confirmation. @waits: the agent ends, so wait for
 * the disk. The saver logs errors; the next ruleset tries again.
 */
static void save_last_good(struct reloader *reloader, bool waits)
{
	const struct spw_config *config = publisher_in_force(reloader->publisher)->config;
	bool ready = config && !confirmation_is_awaited(reloader->confirmation);

	if (waits && config)
		spw_last_good_save(config->state_dir, ready ? reloader->last_good : -1);
	else if (reloader->last_good < 0 || !ready || spw_last_good_save_soon(config->state_dir, reloader->last_good))
		return;
	spw_close_fd(&reloader->last_good);
	reloader->last_good = -1;
}

static void replace_last_good(struct reloader *reloader, int fd)
{
	spw_close_fd(&reloader->last_good);
	reloader->last_good = fd;
}

void reloader_free(struct reloader *reloader)
{
	if (!reloader)
		return;
	if (reloader->job.pid > 0) {
		spw_compile_job_kill(&reloader->job);
		spw_compile_job_finish(&reloader->job, &reloader->next->report);
	}
	sd_event_source_disable_unref(reloader->source);
	publication_free(reloader->next);
	save_last_good(reloader, true);
	free(reloader->pending.path);
	free(reloader->refused);
	free(reloader->warnings);
	free(reloader->path);
	free(reloader);
}

/* ---- texts ---- */

/* One line each; NULL: no memory. @told: the existing ones were reported with the configuration in force. */
static char *join_diagnostics(const struct spw_diagnostics *diagnostics, bool told)
{
	const char *separator = "";
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	for (size_t i = 0; out && i < diagnostics->count; i++) {
		if (told && diagnostics->items[i].standing)
			continue;
		fprintf(out, "%s%s%s", separator, diagnostics->items[i].severity == SPW_WARNING ? WARNING : "",
			diagnostics->items[i].text);
		separator = "\n";
	}
	if (out)
		fclose(out);
	return text;
}

static void log_lines(int priority, const char *text)
{
	_cleanup_free_ char *copy = strdup(text ? text : "");
	char *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		bool warning = !strncmp(line, WARNING, strlen(WARNING));

		if (*line)
			spw_log(warning ? LOG_WARNING : priority, "%s", warning ? line + strlen(WARNING) : line);
	}
}

/* ---- outcomes ---- */

static u64 generation(const struct reloader *reloader)
{
	return publisher_record(reloader->publisher)->generation;
}

static void refuse(struct reloader *reloader, const struct spw_reply_to *client, const char *text)
{
	const char *why = text && *text ? text : "reload failed";

	log_lines(LOG_ERR, text);
	spw_log(LOG_ERR, "reload refused; ruleset %llu stays in force", (unsigned long long)generation(reloader));
	publisher_refused(reloader->publisher);
	journal_event(reloader->journal, "reload",
		      json_pack("{s:b,s:I,s:s%}", "ok", 0, "generation", (json_int_t)generation(reloader), "error", why,
				spw_utf8_whole(why)));
	spw_reply(client, spw_reply_failure(why));
}

/* Warnings of the configuration, of its lists, and of bringing it into force. */
static void answer(struct reloader *reloader, const char *job_text, const char *publisher_text)
{
	const struct spw_agent_record *record = publisher_record(reloader->publisher);
	const char *warnings = reloader->warnings ? reloader->warnings : "";
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s%s%s%s", warnings, *warnings ? "\n" : "", job_text ? job_text : "", publisher_text) < 0)
		text = NULL;
	spw_reply(&reloader->client,
		  json_pack("{s:b,s:I,s:I,s:I,s:I,s:f,s:f,s:s}", "ok", 1, "generation", (json_int_t)record->generation,
			    "prefixes4", (json_int_t)record->ruleset_prefixes4, "prefixes6",
			    (json_int_t)record->ruleset_prefixes6, "bytes", (json_int_t)record->ruleset_bytes,
			    "compile_seconds", (double)record->compile_ns / 1e9, "publish_seconds",
			    (double)record->publish_ns / 1e9, "warnings", text ? text : ""));
}

/* ---- one reload ---- */

/* The first change that a running agent cannot make. */
static const char *needs_restart(const struct spw_config *now, const struct spw_config *next)
{
	if (strcmp(now->pin_dir, next->pin_dir))
		return "pin_dir";
	if (strcmp(now->run_dir, next->run_dir))
		return "run_dir";
	return NULL;
}

/* Fills in the configuration, identities and generation of @request. */
static int start_job(struct reloader *reloader, struct publication *next, struct spw_compile_request *request,
		     char *message)
{
	const struct in_force *in_force = publisher_in_force(reloader->publisher);
	int err;

	next->registry = *in_force->registry;
	err = spw_registry_assign(&next->registry, &next->config, &next->identities, message);
	if (err)
		return err;
	request->config = &next->config;
	request->identities = &next->identities;
	request->generation = generation(reloader) + 1;
	request->force |= reloader->force;
	err = spw_compile_job_start(request, &reloader->job);
	return err ? spw_message(message, err, "cannot start the compile job: %s", strerror(-err)) : 0;
}

/* What was kept stays until the new one is in force: if the agent dies in between, the next one finds it. */
static int publish(struct reloader *reloader, char *message)
{
	struct publication *next = reloader->next;
	u64 confirm_ns = next->confirm_ns;
	int err = next->report.result.err;

	if (!err && confirm_ns)
		err = confirmation_keep(reloader->confirmation, message);
	if (err)
		return err;
	err = publisher_publish(reloader->publisher, next, message);
	if (!err)
		confirmation_published(reloader->confirmation, confirm_ns);
	else if (confirm_ns)
		confirmation_failed(reloader->confirmation);
	return err;
}

static void remember_path(struct reloader *reloader)
{
	char *path = strdup(publisher_in_force(reloader->publisher)->config->path);

	if (!path)
		return;
	free(reloader->path);
	reloader->path = path;
}

static void end_trial(struct reloader *reloader, const char *why)
{
	struct reload_trial trial = reloader->trial;

	reloader->trial = (struct reload_trial){0};
	if (!trial.done)
		return;
	reloader->held_until_ns = why ? 0 : spw_monotonic_ns() + HOLD_NS_MAX;
	trial.done(trial.context, why);
}

static void start_pending(struct reloader *reloader)
{
	struct pending pending = reloader->pending;

	if (reloader->held_until_ns)
		return;
	reloader->pending = (struct pending){0};
	if (pending.any)
		reloader_request(reloader, &(struct reload_request){pending.path, pending.force, pending.shrunk,
								    pending.client, pending.confirm_ns});
	free(pending.path);
}

static int on_job_done(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct reloader *reloader = context;
	struct publication *next = reloader->next;
	char message[SPW_MESSAGE_MAX] = "", why[SPW_MESSAGE_MAX];
	int err;

	(void)source;
	(void)fd;
	(void)events;
	reloader->source = sd_event_source_disable_unref(reloader->source);
	spw_compile_job_finish(&reloader->job, &next->report);
	err = publish(reloader, message);
	if (err) {
		snprintf(why, sizeof(why), "%s", *message ? message : next->report.text ? next->report.text : "");
		refuse(reloader, &reloader->client, *message ? message : next->report.text);
	} else {
		remember_path(reloader);
		replace_last_good(reloader, TAKE_FD(next->report.last_good));
		journal_event(
			reloader->journal, "reload",
			json_pack("{s:b,s:I,s:n}", "ok", 1, "generation", (json_int_t)generation(reloader), "error"));
		log_lines(LOG_WARNING, next->report.text);
		answer(reloader, next->report.text, message);
	}
	publication_free(next);
	reloader->next = NULL;
	malloc_trim(0);
	end_trial(reloader, err ? why : NULL);
	start_pending(reloader);
	return 0;
}

static void ask_later(struct reloader *reloader, const struct reload_request *request)
{
	struct pending *pending = &reloader->pending;

	spw_reply(&pending->client, spw_reply_failure("superseded by a later request"));
	free(pending->path);
	*pending = (struct pending){true,
				    request->path ? strdup(request->path) : NULL,
				    request->force,
				    request->shrunk,
				    request->client,
				    request->confirm_ns};
}

/* Prefixes in force by list of @next; 0: the list is new or has another source. */
static void count_before(const struct in_force *in_force, const struct spw_config *next, u64 before[SPW_LISTS_MAX])
{
	for (size_t i = 0; i < next->lists_count; i++) {
		for (size_t j = 0; j < in_force->config->lists_count; j++) {
			const struct spw_list_record *record =
				&in_force->registry->lists[in_force->identities->lists[j]];

			if (spw_config_same_source(&next->lists[i], &in_force->config->lists[j]))
				before[i] = (u64)record->prefixes4 + record->prefixes6;
		}
	}
}

/* For a trial the text in force: its file may be half edited, and nobody has asked to apply that. */
static int read_config(const struct reloader *reloader, const char *path, struct spw_config *config,
		       struct spw_diagnostics *diagnostics)
{
	const struct spw_config *now = publisher_in_force(reloader->publisher)->config;
	int err;

	if (!reloader->trial.done)
		return spw_config_load(path, config, diagnostics);
	err = spw_config_parse(now->text, now->text_bytes, now->path, config, diagnostics);
	for (size_t i = 0; reloader->trial.list && i < config->lists_count; i++)
		config->lists[i].url.trial = !strcmp(config->lists[i].name, reloader->trial.list);
	return err;
}

/* Read the configuration, and start its job. */
static int begin(struct reloader *reloader, const struct reload_request *request, char **text, char *message)
{
	const struct in_force *in_force = publisher_in_force(reloader->publisher);
	const char *path = request->path ? request->path : reloader->path, *fixed;
	struct spw_diagnostics diagnostics = {0};
	struct publication *next = publication_new();
	u64 before[SPW_LISTS_MAX] = {0};
	bool told;
	int err;

	reloader->next = next;
	if (!next)
		return spw_message(message, -ENOMEM, "out of memory");
	next->confirm_ns = request->confirm_ns;
	err = read_config(reloader, path, &next->config, &diagnostics);
	if (!err)
		err = spw_interfaces_check(&next->config, &diagnostics);
	told = !strcmp(in_force->config->path, next->config.path ? next->config.path : "") &&
	       spw_config_may_lock_out(in_force->config);
	*text = join_diagnostics(&diagnostics, told);
	spw_diagnostics_free(&diagnostics);
	if (err)
		return err;
	fixed = needs_restart(in_force->config, &next->config);
	if (fixed)
		return spw_message(message, -EINVAL,
				   "%s: %s cannot be changed while the agent runs; restart it to change that", path,
				   fixed);
	count_before(in_force, &next->config, before);
	err = start_job(reloader, next,
			&(struct spw_compile_request){.units_min = in_force->datapath->units_capacity,
						      .force = request->force,
						      .before = request->shrunk ? NULL : before},
			message);
	if (err)
		return err;
	log_lines(LOG_WARNING, *text);
	spw_log(LOG_INFO, "reading %s", reloader->trial.list ? reloader->trial.list : path);
	err = sd_event_add_io(reloader->loop, &reloader->source, reloader->job.socket, EPOLLIN, on_job_done, reloader);
	if (err < 0) {
		spw_compile_job_kill(&reloader->job);
		spw_compile_job_finish(&reloader->job, &next->report);
		return spw_message(message, err, "cannot wait for the compile job: %s", strerror(-err));
	}
	return 0;
}

void reloader_request(struct reloader *reloader, const struct reload_request *request)
{
	char message[SPW_MESSAGE_MAX] = "";
	char *text = NULL;

	if (reloader->job.pid > 0 || reloader->held_until_ns) {
		ask_later(reloader, request);
		return;
	}
	if (!request->confirm_ns && confirmation_is_awaited(reloader->confirmation)) {
		refuse(reloader, &request->client,
		       "the ruleset in force awaits confirmation: 'spillway confirm' first, or wait until it is "
		       "rolled back");
		return;
	}
	if (begin(reloader, request, &text, message)) {
		publication_free(reloader->next);
		reloader->next = NULL;
		refuse(reloader, &request->client, *message ? message : text);
		free(text);
		return;
	}
	reloader->client = request->client;
	free(reloader->warnings);
	reloader->warnings = text;
}

bool reloader_is_free(const struct reloader *reloader)
{
	return reloader->job.pid <= 0 && !reloader->held_until_ns && !reloader->pending.any &&
	       !confirmation_is_awaited(reloader->confirmation);
}

void reloader_release(struct reloader *reloader)
{
	if (!reloader->held_until_ns)
		return;
	reloader->held_until_ns = 0;
	start_pending(reloader);
}

void reloader_try(struct reloader *reloader, const struct reload_trial *trial)
{
	const struct reload_request request = {.shrunk = trial->shrunk};
	char message[SPW_MESSAGE_MAX] = "";
	char *text = NULL;

	reloader->trial = *trial;
	reloader->client = request.client;
	free(reloader->warnings);
	reloader->warnings = NULL;
	if (begin(reloader, &request, &text, message)) {
		const char *why = *message ? message : text ? text : "";

		publication_free(reloader->next);
		reloader->next = NULL;
		refuse(reloader, &request.client, why);
		end_trial(reloader, why);
		free(text);
		return;
	}
	reloader->warnings = text;
}

/* At the first tick, since the journal is opened after the start. */
static void note_fallback(struct reloader *reloader)
{
	const char *why = reloader->refused;

	if (!why)
		return;
	journal_event(reloader->journal, "reload",
		      json_pack("{s:b,s:I,s:s%}", "ok", 0, "generation", (json_int_t)generation(reloader), "error", why,
				spw_utf8_whole(why)));
	free(reloader->refused);
	reloader->refused = NULL;
}

void reloader_tick(struct reloader *reloader, u64 now_ns)
{
	bool due = confirmation_is_due(reloader->confirmation, now_ns);

	if (reloader->job.pid > 0) {
		/* on_job_done() follows; a later tick then rolls back. */
		if (due || now_ns - reloader->job.started_ns > SPW_JOB_SECONDS_MAX * 1000000000ull)
			spw_compile_job_kill(&reloader->job);
	} else if (due) {
		confirmation_take_back(reloader->confirmation);
		replace_last_good(reloader, -1); /* it was not confirmed */
	}
	if (now_ns > reloader->held_until_ns)
		reloader_release(reloader);
	save_last_good(reloader, false);
	note_fallback(reloader);
}

/* ---- the first one ---- */

static int compile_first(struct reloader *reloader, struct publication *first, struct spw_compile_request *request,
			 char *message)
{
	int err = start_job(reloader, first, request, message);

	if (err)
		return err;
	spw_compile_job_finish(&reloader->job, &first->report);
	log_lines(LOG_ERR, first->report.text);
	err = first->report.result.err;
	return err ? spw_message(message, err, "no ruleset; nothing was changed") : 0;
}

/* Compile the last good configuration with its lists. @config: the one that cannot be used now */
static int compile_last_good(struct reloader *reloader, const struct spw_config *config, struct publication *first,
			     char *message)
{
	struct spw_last_good good;
	const char *fixed;
	int err = spw_last_good_read(config->state_dir, &good, message);

	if (!err) {
		fixed = needs_restart(config, &good.config);
		first->config = good.config;
		first->kept_s = good.saved_s;
		good.config = (struct spw_config){0};
		err = fixed ? spw_message(message, -EINVAL, "it has another %s", fixed)
			    : compile_first(reloader, first,
					    &(struct spw_compile_request){.last_good = &good, .force = true}, message);
	}
	spw_last_good_free(&good);
	return err;
}

/* Use the last good ruleset, so that a damaged list ends no protection. Returns @refused if there is none, or frees it. */
static struct publication *fall_back(struct reloader *reloader, struct publication *refused, char *message)
{
	struct publication *first = publication_new();
	char why[SPW_MESSAGE_MAX], when[SPW_LAST_GOOD_WHEN];
	int err = first ? compile_last_good(reloader, &refused->config, first, why) : -ENOMEM;

	if (err) {
		if (err != -ENOENT)
			spw_log(LOG_ERR, "the last good ruleset in %s cannot be used: %s", refused->config.state_dir,
				first ? why : "out of memory");
		publication_free(first);
		return refused;
	}
	spw_log(LOG_ALERT,
		"%s cannot be used: the last good ruleset, of %s, is in force instead; 'spillway check' shows the errors, "
		"correct them, then 'spillway apply'",
		refused->config.path, spw_last_good_when(first->kept_s, spw_wall_ns() / 1000000000, when));
	reloader->refused = strdup(refused->report.text && *refused->report.text ? refused->report.text : message);
	*message = '\0';
	publication_free(refused);
	return first;
}

int reloader_start(struct reloader *reloader, struct spw_config *config, char message[SPW_MESSAGE_MAX])
{
	struct publication *first = confirmation_find(reloader->confirmation);
	int err = 0;

	if (first) {
		spw_config_free(config);
	} else {
		first = publication_new();
		if (!first)
			return spw_message(message, -ENOMEM, "out of memory");
		first->config = *config;
		err = compile_first(reloader, first, &(struct spw_compile_request){.starts = true}, message);
		if (err)
			first = fall_back(reloader, first, message);
		err = first->kept_s ? 0 : err;
	}
	*config = (struct spw_config){0};
	if (!err)
		err = publisher_start(reloader->publisher, first, message);
	if (!err)
		replace_last_good(reloader, TAKE_FD(first->report.last_good));
	publication_free(first);
	return err;
}
