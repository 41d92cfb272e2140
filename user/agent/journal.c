/* SPDX-License-Identifier: GPL-2.0-only */
#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/words.h"
#include "host/hooks.h"
#include "host/level_file.h"
#include "recent_events.h"
#include "store/events.h"

#define NS_PER_S      1000000000ull
#define SIGNAL_GAP_NS (10 * NS_PER_S) /* between two events of one signal */

/* A state as last reported. */
struct told {
	u8 state;
	bool known;
	u64 at_ns;
};

struct journal {
	sd_event *loop;
	char *state_dir; /* NULL: not open yet */
	char *run_dir;
	struct spw_history *history;
	struct spw_events *events;
	struct recent_events recent;
	struct spw_hooks *hooks;
	struct spw_learned_all learned;
	bool has_policy;
	u64 wall_ns; /* of the last decision */
	u8 level;    /* as last reported */
	u64 since_wall_ns;
	struct spw_changes changes;
	struct told pin;
	struct told host[SPW_HOST_SIGNALS];
	struct told waits[SPW_SERVICES_MAX];
	struct told helpless[SPW_SERVICES_MAX];
};

static void put_event(struct journal *journal, u64 wall_ns, const char *event, json_t *fields)
{
	recent_events_add(&journal->recent, wall_ns, event, fields);
	spw_events_append(journal->events, wall_ns, event, fields);
}

void journal_event(struct journal *journal, const char *event, json_t *fields)
{
	if (journal->state_dir)
		put_event(journal, spw_wall_ns(), event, fields);
	else
		json_decref(fields);
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

/* Text of unknown encoding: unless it is valid UTF-8, every non-ASCII byte becomes '?'. */
static json_t *any_text(const char *text)
{
	json_t *value = json_string(text);
	_cleanup_free_ char *copy = value ? NULL : strdup(text);

	for (char *at = copy; at && *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	return value ? value : copy ? json_string(copy) : json_null();
}

static void on_hook(void *context, const struct spw_hook_result *result)
{
	json_t *fields = json_pack("{s:o,s:b,s:s,s:f,s:b}", "hook", any_text(result->name), "ok", result->ok, "level",
				   spw_level_name(result->level), "seconds", (double)(result->took_ns / 1000) / 1e6,
				   "timed_out", result->timed_out);

	json_object_set_new(fields, "exit", result->exit_status < 0 ? json_null() : json_integer(result->exit_status));
	json_object_set_new(fields, "signal", result->signal ? json_integer(result->signal) : json_null());
	json_object_set_new(fields, "refused", text_or_null(result->refused));
	json_object_set_new(fields, "output", any_text(result->output));
	journal_event(context, "hook", fields);
}

/* ---- open and close ---- */

static void write_level_file(const struct journal *journal)
{
	if (spw_level_file_write(journal->run_dir, journal->level))
		spw_log(LOG_WARNING, "%s/level cannot be written", journal->run_dir);
}

struct journal *journal_new(sd_event *loop)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (journal)
		journal->loop = loop;
	return journal;
}

static void open_outputs(struct journal *journal)
{
	char message[SPW_MESSAGE_MAX];

	if (spw_history_open(journal->state_dir, 0, &journal->history, message))
		spw_log(LOG_ERR, "%s; 'explain' without an agent and 'replay' will know nothing of this run", message);
	if (spw_events_open(journal->state_dir, &journal->events, message))
		spw_log(LOG_ERR, "%s", message);
	if (spw_hooks_new(journal->loop, on_hook, journal, &journal->hooks))
		spw_log(LOG_ERR, "no hooks: out of memory");
	spw_learned_load(journal->state_dir, &journal->learned, message);
	if (*message)
		spw_log(LOG_WARNING, "%s", message);
}

int journal_open(struct journal *journal, const struct spw_config *config)
{
	journal->run_dir = strdup(config->run_dir);
	journal->state_dir = journal->run_dir ? strdup(config->state_dir) : NULL;
	if (!journal->state_dir)
		return -ENOMEM;
	open_outputs(journal);
	journal_follow(journal, config);
	journal->level = spw_level_file_read(journal->run_dir);
	journal->since_wall_ns = spw_wall_ns();
	write_level_file(journal);
	journal_event(journal, "start", json_pack("{s:i,s:s}", "pid", (int)getpid(), "version", SPW_VERSION));
	return 0;
}

void journal_follow(struct journal *journal, const struct spw_config *config)
{
	if (journal->hooks)
		spw_hooks_set(journal->hooks, config->hooks_dir, config->hooks_timeout_ns);
}

void journal_free(struct journal *journal)
{
	char message[SPW_MESSAGE_MAX];

	if (!journal)
		return;
	if (journal->has_policy && spw_learned_save(journal->state_dir, &journal->learned, message))
		spw_log(LOG_ERR, "%s", message);
	journal_event(journal, "stop", json_pack("{s:i}", "pid", (int)getpid()));
	spw_hooks_free(journal->hooks);
	spw_history_close(journal->history);
	spw_events_close(journal->events);
	recent_events_free(&journal->recent);
	free(journal->state_dir);
	free(journal->run_dir);
	free(journal);
}

/* ---- what was learned ---- */

const struct spw_learned *journal_learned(const struct journal *journal, const char *service)
{
	return spw_learned_find(&journal->learned, service);
}

static struct spw_learned *place_of(struct spw_learned_all *all, const char *name)
{
	for (u32 i = 0; i < all->count; i++)
		if (!strcmp(all->services[i].name, name))
			return &all->services[i].learned;
	if (all->count == SPW_SERVICES_MAX) /* full of former services: replace the oldest */
		memmove(&all->services[0], &all->services[1], --all->count * sizeof(all->services[0]));
	snprintf(all->services[all->count].name, SPW_NAME_MAX, "%s", name);
	all->services[all->count].learned = (struct spw_learned){0};
	return &all->services[all->count++].learned;
}

void journal_keep_learned(struct journal *journal, const char *service, const struct spw_learned *learned)
{
	if (spw_learned_check(learned) && learned->capacity_per_s > 0)
		*place_of(&journal->learned, service) = *learned;
}

void journal_save_learned(struct journal *journal)
{
	spw_learned_save_soon(journal->state_dir, &journal->learned);
}

void journal_policy(struct journal *journal, const struct spw_named_policy *policy, const struct spw_learned *learned,
		    const char *config_path, bool same)
{
	if (!same) {
		memset(journal->waits, 0, sizeof(journal->waits));
		memset(journal->helpless, 0, sizeof(journal->helpless));
	}
	journal->has_policy = true;
	if (journal->history)
		spw_history_policy(journal->history, policy, learned, config_path, spw_monotonic_ns(), spw_wall_ns());
}

/* ---- a tick ---- */

static void log_change(const struct spw_level_change *change, const struct spw_decision *decision)
{
	const struct spw_service_decision *service = &decision->services[decision->service % SPW_SERVICES_MAX];
	const char *level = spw_level_name(change->level), *former = spw_level_name(change->former);
	char line[1024], texts[10][640];
	const char *fields[11] = {0};

	snprintf(line, sizeof(line), "level %s, was %s: %s", level, former, change->reason);
	snprintf(texts[0], sizeof(texts[0]), "SPILLWAY_LEVEL=%s", level);
	snprintf(texts[1], sizeof(texts[1]), "SPILLWAY_FORMER=%s", former);
	snprintf(texts[2], sizeof(texts[2]), "SPILLWAY_LEVEL_NUMBER=%u", change->level);
	snprintf(texts[3], sizeof(texts[3]), "SPILLWAY_RULE=%u", change->rule);
	snprintf(texts[4], sizeof(texts[4]), "SPILLWAY_SERVICE=%s", change->service);
	snprintf(texts[5], sizeof(texts[5]), "SPILLWAY_REASON=%s", change->reason);
	snprintf(texts[6], sizeof(texts[6]), "SPILLWAY_DEMAND=%.1f", service->demand_per_s);
	snprintf(texts[7], sizeof(texts[7]), "SPILLWAY_BUDGET=%.1f", service->budget_per_s);
	snprintf(texts[8], sizeof(texts[8]), "SPILLWAY_EXCESS=%.1f", service->excess_per_s);
	snprintf(texts[9], sizeof(texts[9]), "SPILLWAY_CAPACITY=%.1f", service->capacity_per_s);
	for (u32 i = 0; i < 10; i++)
		fields[i] = texts[i];
	spw_log_fields(LOG_NOTICE, line, fields);
}

static json_t *change_fields(const struct spw_level_change *change, const struct spw_decision *decision, bool observing)
{
	const struct spw_service_decision *service = &decision->services[decision->service % SPW_SERVICES_MAX];

	return json_pack("{s:s,s:s,s:o,s:i,s:o,s:b,s:f,s:f,s:f,s:f,s:f}", "level", spw_level_name(change->level),
			 "former", spw_level_name(change->former), "service", text_or_null(change->service), "rule",
			 change->rule, "reason", any_text(change->reason), "observing", observing, "demand_per_s",
			 service->demand_per_s, "budget_per_s", service->budget_per_s, "excess_per_s",
			 service->excess_per_s, "capacity_per_s", service->capacity_per_s, "wait_seconds",
			 (double)service->wait_ns / 1e9);
}

/* In mode observe nothing is shed: hooks do not run and the level file stays. */
static void tell_change(struct journal *journal, const struct journal_tick *tick)
{
	const struct spw_decision *decision = tick->decision;
	const char *service = decision->service < decision->services_count ? tick->policy->services[decision->service]
									   : "";
	struct spw_level_change change = {.wall_ns = journal->wall_ns,
					  .level = decision->level,
					  .former = journal->level,
					  .rule = decision->rule};
	struct spw_hook_occasion occasion = {change.level, change.former, change.service, change.reason};

	if (decision->pinned >= SPW_LEVELS)
		snprintf(change.service, sizeof(change.service), "%s", service);
	spw_reason(tick->policy, decision, change.reason, sizeof(change.reason));
	journal->level = decision->level;
	journal->since_wall_ns = journal->wall_ns;
	spw_changes_add(&journal->changes, &change);
	log_change(&change, decision);
	put_event(journal, journal->wall_ns, "level", change_fields(&change, decision, tick->observing));
	if (tick->observing)
		return;
	write_level_file(journal);
	if (journal->hooks)
		spw_hooks_level(journal->hooks, &occasion);
}

/* Whether @state has changed and the last event of this signal is long enough ago. The first state is not news. */
static bool is_news(struct told *told, u8 state, u64 now_ns)
{
	bool news = told->known && told->state != state && now_ns - told->at_ns >= SIGNAL_GAP_NS;

	if (told->known && !news)
		return false;
	told->known = true;
	told->state = state;
	told->at_ns = news ? now_ns : 0;
	return news;
}

/* Why a signal is absent; NULL: it is present. */
static json_t *absence(const struct spw_signal_note *note, bool present)
{
	return present ? NULL : any_text(note->text);
}

static void tell_service(struct journal *journal, const struct journal_tick *tick, u32 index)
{
	static const char *const sources[] = {"none", "read-wait", "accept wait", "answer wait"};
	const struct spw_service_decision *service = &tick->decision->services[index];
	const char *name = tick->policy->services[index];
	bool present = service->wait_source != SPW_WAIT_NONE;
	u64 now_ns = tick->facts->now_ns;

	if (is_news(&journal->waits[index], service->wait_source, now_ns))
		journal_event(journal, "signal",
			      json_pack("{s:s,s:s,s:s,s:b,s:o*}", "signal", "wait", "service", name, "source",
					sources[service->wait_source % 4], "present", present, "reason",
					absence(&tick->notes->services[index][SPW_SIGNAL_READ_WAIT], present)));
	if (is_news(&journal->helpless[index], service->helpless, now_ns))
		journal_event(journal, "helpless",
			      json_pack("{s:s,s:b}", "service", name, "helpless", service->helpless));
}

static void tell_signals(struct journal *journal, const struct journal_tick *tick)
{
	const struct spw_decision *decision = tick->decision;

	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++) {
		bool present = decision->host[i].present;

		if (is_news(&journal->host[i], present, tick->facts->now_ns))
			journal_event(journal, "signal",
				      json_pack("{s:s,s:n,s:b,s:o*}", "signal", spw_signal_name(i), "service",
						"present", present, "reason", absence(&tick->notes->host[i], present)));
	}
	for (u32 i = 0; i < decision->services_count; i++)
		tell_service(journal, tick, i);
	if (journal->pin.known && journal->pin.state != decision->pinned)
		journal_event(journal, "pin",
			      json_pack("{s:o}", "level",
					decision->pinned < SPW_LEVELS ? json_string(spw_level_name(decision->pinned))
								      : json_null()));
	journal->pin = (struct told){.state = decision->pinned, .known = true};
}

void journal_tick(struct journal *journal, const struct journal_tick *tick)
{
	journal->wall_ns = spw_wall_ns();
	spw_history_tick(journal->history, tick->override, tick->facts, tick->decision);
	if (tick->decision->level != journal->level)
		tell_change(journal, tick);
	tell_signals(journal, tick);
}

void journal_explain(const struct journal *journal, struct spw_explanation *explanation)
{
	explanation->changes = &journal->changes;
	explanation->wall_ns = journal->wall_ns;
	explanation->since_wall_ns = journal->since_wall_ns;
}

json_t *journal_recent_events(const struct journal *journal)
{
	return recent_events_json(&journal->recent);
}

struct spw_history_state journal_history(const struct journal *journal)
{
	return spw_history_state(journal->history);
}
