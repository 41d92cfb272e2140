/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The journal: the agent's outputs for people and programs. History, events, structured log lines, hooks, level file,
 * learned capacities. No decision depends on it; write errors are logged once and otherwise ignored.
 */
#ifndef SPW_AGENT_JOURNAL_H
#define SPW_AGENT_JOURNAL_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "config/policy.h"
#include "core/control/signal_notes.h"
#include "store/history.h"
#include "store/learned.h"
#include "view/explain.h"

struct journal;

/** journal_new() - not open yet: events are dropped. NULL: no memory. Free with journal_free(). */
struct journal *journal_new(sd_event *loop);

/** journal_open() - open all outputs that @config names, once; log those that fail. Returns 0 or -ENOMEM. */
int journal_open(struct journal *journal, const struct spw_config *config);

/** journal_free() - save what was learned (waits for the disk), kill running hooks. NULL: no-op. */
void journal_free(struct journal *journal);

/** journal_follow() - another configuration is in force: other hooks. */
void journal_follow(struct journal *journal, const struct spw_config *config);

/**
 * journal_policy() - decisions use @policy from now on.
 * @learned: by service index
 * @config_path: for display
 * @same: indices are unchanged
 */
void journal_policy(struct journal *journal, const struct spw_named_policy *policy, const struct spw_learned *learned,
		    const char *config_path, bool same);

/* One decision and its inputs. */
struct journal_tick {
	const struct spw_named_policy *policy;
	const struct spw_override *override;
	const struct spw_facts *facts;
	const struct spw_decision *decision;
	const struct spw_signal_notes *notes; /* why signals are absent */
	bool observing;			      /* mode observe: the level is reported, but nothing acts on it */
};

/** journal_tick() - record it in the history, and report changes. */
void journal_tick(struct journal *journal, const struct journal_tick *tick);

/** journal_event() - another event of store/events.h. Takes the reference of @fields, which may be NULL. */
void journal_event(struct journal *journal, const char *event, json_t *fields);

/** journal_learned() - what was last learned about the service of that name; NULL: nothing. */
const struct spw_learned *journal_learned(const struct journal *journal, const char *service);

/** journal_keep_learned() - store it; journal_save_learned() writes it to disk, in a separate thread. */
void journal_keep_learned(struct journal *journal, const char *service, const struct spw_learned *learned);
void journal_save_learned(struct journal *journal);

/** journal_explain() - fill in changes of the level, and times. Borrowed until the next tick. */
void journal_explain(const struct journal *journal, struct spw_explanation *explanation);

/** journal_recent_events() - for the status page: an array, newest first; a new reference, NULL: no memory. */
json_t *journal_recent_events(const struct journal *journal);

/** journal_history() - for metrics. */
struct spw_history_state journal_history(const struct journal *journal);

#endif
