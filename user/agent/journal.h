/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent tells of its decisions, in one place: history, events, journal, hooks, level file, what was learned,
 * and the answer to `explain`. The agent calls spw_journal_tick() behind each decision; the rest follows from what
 * changed.
 *
 * Nothing in here can stop the agent: what cannot be written is said once, and told without.
 */
#ifndef SPW_AGENT_JOURNAL_H
#define SPW_AGENT_JOURNAL_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "config/policy.h"
#include "store/history.h"
#include "view/explain.h"

struct spw_journal;

struct spw_journal_places {
	const char *state_dir; /* history, events, learned.json */
	const char *run_dir;   /* level file */
	const char *hooks_dir; /* NULL: none */
	u64 hook_timeout_ns;   /* 0: 10 s */
	const char *config;    /* path of the configuration, for people */
};

/** spw_journal_begin() - open everything that can be opened; what cannot is logged. NULL: no memory. */
struct spw_journal *spw_journal_begin(sd_event *loop, const struct spw_journal_places *places);

/**
 * spw_journal_policy() - another policy is in force: at the start, before the first tick, and after each reload.
 * @memory: gets by name what was learned of the services, by earlier runs and by this one, as they may stand in another
 *          order now
 */
void spw_journal_policy(struct spw_journal *journal, const struct spw_named_policy *policy, struct spw_memory *memory,
			const struct spw_journal_places *places);

/**
 * spw_journal_tick() - behind each decision: history, and what follows from a level that changed (event, journal, hooks,
 * level file), from signals that came or went, from a pin. Saves what was learned each minute.
 * @observing: mode observe
 */
void spw_journal_tick(struct spw_journal *journal, struct spw_memory *memory, const struct spw_override *override,
		      const struct spw_facts *facts, const struct spw_signal_notes *notes,
		      const struct spw_decision *decision, bool observing);

/** spw_journal_event() - anything else that happened; see io/events.h. Takes the reference of @fields, may be NULL. */
void spw_journal_event(struct spw_journal *journal, const char *event, json_t *fields);

/**
 * spw_journal_explain() - the answer to {"verb":"explain"}, a new reference.
 * @notes: of the signals, as they are now; @colour: of "text" in the answer
 */
json_t *spw_journal_explain(const struct spw_journal *journal, const struct spw_signal_notes *notes, bool colour);

/** spw_journal_history() - for metrics. */
struct spw_history_state spw_journal_history(const struct spw_journal *journal);

/** spw_journal_end() - write what is left, save what was learned (waits for the disk), free. */
void spw_journal_end(struct spw_journal *journal, struct spw_memory *memory);

#endif
