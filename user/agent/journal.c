/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent tells of its decisions. */
#include "journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/words.h"
#include "base/cleanup.h"
#include "store/events.h"
#include "host/hooks.h"
#include "base/log.h"
#include "base/clock.h"

#define NS_PER_S      1000000000ull
#define SAVE_NS	      (60 * NS_PER_S)
#define SIGNAL_GAP_NS (10 * NS_PER_S) /* a signal that comes and goes is told no more often */

/* What was last said of a signal. */
struct told {
	u8 state;
	bool known;
	u64 at_ns;
};

struct spw_journal {
	char *state_dir;
	char *run_dir;
	char *config;
	struct spw_history *history;
	struct spw_events *events;
	struct spw_hooks *hooks;
	struct spw_learned_all learned;
	struct spw_named_policy policy;
	bool policy_known;
	struct spw_override override;
	struct spw_decision decision; /* the last one */
	bool decided;
	bool observing;
	u64 wall_ns; /* of the last decision */
	u8 level;    /* as it was last told */
	u64 since_wall_ns;
	struct spw_changes changes;
	u64 saved_ns;
	struct told pin;
	struct told host[SPW_HOST_SIGNALS];
	struct told waits[SPW_SERVICES_MAX];
	struct told helpless[SPW_SERVICES_MAX];
};

void spw_journal_event(struct spw_journal *journal, const char *event, json_t *fields)
{
	spw_events_append(journal->events, spw_wall_ns(), event, fields);
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

/* Bytes of a program, which may be anything: what is not UTF-8 is taken byte by byte. */
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
	spw_journal_event(context, "hook", fields);
}

/* ---- begin and end ---- */

/* The level that hooks and whoever reads the file were last told, perhaps by a run that was killed. */
static u8 read_level_file(const char *run_dir)
{
	char path[4096], text[16] = "";
	_cleanup_fd_ int fd = -1;
	int level;

	snprintf(path, sizeof(path), "%.4000s/level", run_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return SPW_GREEN;
	text[strcspn(text, "\n")] = '\0';
	level = spw_level_parse(text);
	return level < 0 ? SPW_GREEN : (u8)level;
}

static void take_places(struct spw_journal *journal, const struct spw_journal_places *places)
{
	free(journal->config);
	journal->config = strdup(places->config ? places->config : "");
	if (journal->hooks)
		spw_hooks_set(journal->hooks, places->hooks_dir, places->hook_timeout_ns);
}

static void open_all(struct spw_journal *journal, sd_event *loop)
{
	char message[SPW_MESSAGE_MAX];

	if (spw_history_open(journal->state_dir, 0, &journal->history, message))
		spw_log(LOG_ERR, "%s; 'explain' without an agent and 'replay' will know nothing of this run", message);
	if (spw_events_open(journal->state_dir, &journal->events, message))
		spw_log(LOG_ERR, "%s", message);
	if (spw_hooks_new(loop, on_hook, journal, &journal->hooks))
		spw_log(LOG_ERR, "no hooks: out of memory");
	spw_learned_load(journal->state_dir, &journal->learned, message);
	if (*message)
		spw_log(LOG_WARNING, "%s", message);
}

struct spw_journal *spw_journal_begin(sd_event *loop, const struct spw_journal_places *places)
{
	struct spw_journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return NULL;
	journal->state_dir = strdup(places->state_dir);
	journal->run_dir = strdup(places->run_dir);
	if (!journal->state_dir || !journal->run_dir) {
		spw_journal_end(journal, NULL);
		return NULL;
	}
	open_all(journal, loop);
	take_places(journal, places);
	journal->level = read_level_file(journal->run_dir);
	journal->since_wall_ns = spw_wall_ns();
	if (spw_level_file(journal->run_dir, journal->level))
		spw_log(LOG_WARNING, "%s/level cannot be written", journal->run_dir);
	spw_journal_event(journal, "start", json_pack("{s:i,s:s}", "pid", (int)getpid(), "version", SPW_VERSION));
	return journal;
}

/* ---- what was learned ---- */

static struct spw_learned *place_of(struct spw_learned_all *all, const char *name)
{
	for (u32 i = 0; i < all->count; i++)
		if (!strcmp(all->services[i].name, name))
			return &all->services[i].learned;
	if (all->count == SPW_SERVICES_MAX) /* names of former configurations: the oldest goes */
		memmove(&all->services[0], &all->services[1], --all->count * sizeof(all->services[0]));
	snprintf(all->services[all->count].name, SPW_NAME_MAX, "%s", name);
	all->services[all->count].learned = (struct spw_learned){0};
	return &all->services[all->count++].learned;
}

static void gather_learned(struct spw_journal *journal, struct spw_memory *memory)
{
	for (u32 i = 0; memory && journal->policy_known && i < journal->policy.policy.services_count; i++) {
		const struct spw_learned *learned = spw_memory_learned(memory, i);

		if (spw_learned_check(learned) && learned->capacity_per_s > 0)
			*place_of(&journal->learned, journal->policy.services[i]) = *learned;
	}
}

static void hand_out_learned(const struct spw_journal *journal, const struct spw_named_policy *policy,
			     struct spw_memory *memory)
{
	for (u32 i = 0; i < policy->policy.services_count; i++) {
		const struct spw_learned *known = spw_learned_find(&journal->learned, policy->services[i]);

		if (!journal->policy_known || spw_policy_service(&journal->policy, policy->services[i]) < 0)
			*spw_memory_learned(memory, i) = known ? *known : (struct spw_learned){0};
	}
}

void spw_journal_end(struct spw_journal *journal, struct spw_memory *memory)
{
	char message[SPW_MESSAGE_MAX];

	if (!journal)
		return;
	gather_learned(journal, memory);
	if (journal->policy_known && spw_learned_save(journal->state_dir, &journal->learned, message))
		spw_log(LOG_ERR, "%s", message);
	spw_journal_event(journal, "stop", json_pack("{s:i}", "pid", (int)getpid()));
	spw_hooks_free(journal->hooks);
	spw_history_close(journal->history);
	spw_events_close(journal->events);
	free(journal->state_dir);
	free(journal->run_dir);
	free(journal->config);
	free(journal);
}

void spw_journal_policy(struct spw_journal *journal, const struct spw_named_policy *policy, struct spw_memory *memory,
			const struct spw_journal_places *places)
{
	struct spw_learned learned[SPW_SERVICES_MAX] = {0};

	gather_learned(journal, memory);
	if (journal->policy_known)
		spw_memory_follow(memory, &journal->policy.policy, &policy->policy);
	hand_out_learned(journal, policy, memory);
	for (u32 i = 0; i < policy->policy.services_count; i++)
		learned[i] = *spw_memory_learned(memory, i);
	if (!journal->policy_known || !spw_policy_same(&journal->policy, policy)) {
		memset(journal->waits, 0, sizeof(journal->waits));
		memset(journal->helpless, 0, sizeof(journal->helpless));
		journal->decided = false; /* its indexes mean something else now */
	}
	journal->policy = *policy;
	journal->policy_known = true;
	take_places(journal, places);
	if (journal->history)
		spw_history_policy(journal->history, policy, learned, journal->config, spw_monotonic_ns(),
				   spw_wall_ns());
}

/* ---- a tick ---- */

static void log_change(const struct spw_change *change, const struct spw_decision *decision)
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

static json_t *change_fields(const struct spw_change *change, const struct spw_decision *decision, bool observing)
{
	const struct spw_service_decision *service = &decision->services[decision->service % SPW_SERVICES_MAX];

	return json_pack("{s:s,s:s,s:o,s:i,s:o,s:b,s:f,s:f,s:f,s:f,s:f}", "level", spw_level_name(change->level),
			 "former", spw_level_name(change->former), "service", text_or_null(change->service), "rule",
			 change->rule, "reason", any_text(change->reason), "observing", observing, "demand_per_s",
			 service->demand_per_s, "budget_per_s", service->budget_per_s, "excess_per_s",
			 service->excess_per_s, "capacity_per_s", service->capacity_per_s, "wait_seconds",
			 (double)service->wait_ns / 1e9);
}

/* In mode observe nothing is shed, so nothing that a hook does would be right: it is told, no more. */
static void tell_change(struct spw_journal *journal, const struct spw_decision *decision)
{
	const char *service = decision->service < decision->services_count ? journal->policy.services[decision->service]
									   : "";
	struct spw_change change = {.wall_ns = journal->wall_ns,
				    .level = decision->level,
				    .former = journal->level,
				    .rule = decision->rule};
	struct spw_hook_occasion occasion = {change.level, change.former, change.service, change.reason};

	if (decision->pinned >= SPW_LEVELS)
		snprintf(change.service, sizeof(change.service), "%s", service);
	spw_reason(&journal->policy, decision, change.reason, sizeof(change.reason));
	journal->level = decision->level;
	journal->since_wall_ns = journal->wall_ns;
	spw_changes_add(&journal->changes, &change);
	log_change(&change, decision);
	spw_events_append(journal->events, journal->wall_ns, "level",
			  change_fields(&change, decision, journal->observing));
	if (journal->observing)
		return;
	if (spw_level_file(journal->run_dir, decision->level))
		spw_log(LOG_WARNING, "%s/level cannot be written", journal->run_dir);
	if (journal->hooks)
		spw_hooks_level(journal->hooks, &occasion);
}

/* Whether a state is worth an event: it is another, and the last one was not just told. The first one is none. */
static bool is_news(struct told *told, u8 state, u64 now)
{
	bool news = told->known && told->state != state && now - told->at_ns >= SIGNAL_GAP_NS;

	if (told->known && !news)
		return false;
	told->known = true;
	told->state = state;
	told->at_ns = news ? now : 0;
	return news;
}

/* Why a signal is absent. */
static json_t *absence(const struct spw_signal_note *note)
{
	return note->present ? NULL : json_string(note->text);
}

static void tell_signals(struct spw_journal *journal, const struct spw_decision *decision,
			 const struct spw_signal_notes *notes, u64 now)
{
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		if (is_news(&journal->host[i], decision->host[i].present, now))
			spw_journal_event(journal, "signal",
					  json_pack("{s:s,s:n,s:b,s:o*}", "signal", spw_signal_name(i), "service",
						    "present", decision->host[i].present, "reason",
						    absence(&notes->host[i])));
	for (u32 i = 0; i < decision->services_count; i++) {
		static const char *const sources[] = {"none", "read-wait", "accept wait"};
		const struct spw_service_decision *service = &decision->services[i];

		if (is_news(&journal->waits[i], service->wait_source, now))
			spw_journal_event(journal, "signal",
					  json_pack("{s:s,s:s,s:s,s:b,s:o*}", "signal", "wait", "service",
						    journal->policy.services[i], "source",
						    sources[service->wait_source % 3], "present",
						    service->wait_source != SPW_WAIT_NONE, "reason",
						    absence(&notes->services[i][SPW_SIGNAL_READ_WAIT])));
		if (is_news(&journal->helpless[i], service->helpless, now))
			spw_journal_event(journal, "helpless",
					  json_pack("{s:s,s:b}", "service", journal->policy.services[i], "helpless",
						    service->helpless));
	}
	if (journal->pin.known && journal->pin.state != decision->pinned)
		spw_journal_event(journal, "pin",
				  json_pack("{s:o}", "level",
					    decision->pinned < SPW_LEVELS
						    ? json_string(spw_level_name(decision->pinned))
						    : json_null()));
	journal->pin = (struct told){.state = decision->pinned, .known = true};
}

static void save_learned(struct spw_journal *journal, struct spw_memory *memory, u64 now)
{
	if (!journal->saved_ns)
		journal->saved_ns = now;
	if (now - journal->saved_ns < SAVE_NS)
		return;
	journal->saved_ns = now;
	gather_learned(journal, memory);
	spw_learned_save_soon(journal->state_dir, &journal->learned);
}

void spw_journal_tick(struct spw_journal *journal, struct spw_memory *memory, const struct spw_override *override,
		      const struct spw_facts *facts, const struct spw_signal_notes *notes,
		      const struct spw_decision *decision, bool observing)
{
	journal->override = *override;
	memcpy(&journal->decision, decision, offsetof(struct spw_decision, services[decision->services_count]));
	journal->decided = true;
	journal->observing = observing;
	journal->wall_ns = spw_wall_ns();
	spw_history_tick(journal->history, override, facts, decision);
	if (decision->level != journal->level)
		tell_change(journal, decision);
	tell_signals(journal, decision, notes, facts->now_ns);
	save_learned(journal, memory, facts->now_ns);
}

/* ---- explain ---- */

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

json_t *spw_journal_explain(const struct spw_journal *journal, const struct spw_signal_notes *notes, bool colour)
{
	const struct spw_explanation explanation = {
		.policy = &journal->policy,
		.decision = &journal->decision,
		.override = &journal->override,
		.changes = &journal->changes,
		.notes = notes,
		.wall_ns = journal->wall_ns,
		.since_wall_ns = journal->since_wall_ns,
		.observing = journal->observing,
	};
	_cleanup_free_ char *text = NULL;
	json_t *answer;

	if (!journal->decided)
		return json_pack("{s:b,s:s}", "ok", 0, "error", "nothing was decided yet; ask again in a second");
	text = render(&explanation, colour);
	answer = spw_view_explain_json(&explanation);
	if (!answer || !text) {
		json_decref(answer);
		return json_pack("{s:b,s:s}", "ok", 0, "error", "out of memory");
	}
	json_object_set_new(answer, "ok", json_true());
	json_object_set_new(answer, "text", json_string(text));
	return answer;
}

struct spw_history_state spw_journal_history(const struct spw_journal *journal)
{
	return spw_history_state(journal->history);
}
