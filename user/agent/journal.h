/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent tells of its decisions, in one place: history, events, journal, hooks, level file, what was learned,
 * and the answer to `explain`. The agent calls spw_story_tick() behind each decision; the rest follows from what
 * changed.
 *
 * Nothing in here can stop the agent: what cannot be written is said once, and told without.
 */
#ifndef SPW_AGENT_STORY_H
#define SPW_AGENT_STORY_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "config/policy.h"
#include "store/history.h"
#include "view/explain.h"

struct spw_story;

struct spw_story_places {
	const char *state_dir; /* history, events, learned.json */
	const char *run_dir;   /* level file */
	const char *hooks_dir; /* NULL: none */
	u64 hook_timeout_ns;   /* 0: 10 s */
	const char *config;    /* path of the configuration, for people */
};

/** spw_story_begin() - open everything that can be opened; what cannot is logged. NULL: no memory. */
struct spw_story *spw_story_begin(sd_event *loop, const struct spw_story_places *places);

/**
 * spw_story_policy() - another policy is in force: at the start, before the first tick, and after each reload.
 * @memory: gets by name what was learned of the services, by earlier runs and by this one, as they may stand in another
 *          order now
 */
void spw_story_policy(struct spw_story *story, const struct spw_named_policy *policy, struct spw_memory *memory,
		      const struct spw_story_places *places);

/**
 * spw_story_tick() - behind each decision: history, and what follows from a level that changed (event, journal, hooks,
 * level file), from signals that came or went, from a pin. Saves what was learned each minute.
 * @observing: mode observe
 */
void spw_story_tick(struct spw_story *story, struct spw_memory *memory, const struct spw_wish *wish,
		    const struct spw_facts *facts, const struct spw_decision *decision, bool observing);

/** spw_story_event() - anything else that happened; see io/events.h. Takes the reference of @fields, may be NULL. */
void spw_story_event(struct spw_story *story, const char *event, json_t *fields);

/** spw_story_explain() - the answer to {"verb":"explain"}, a new reference. @colour: of "text" in it. */
json_t *spw_story_explain(const struct spw_story *story, bool colour);

/** spw_story_history() - for metrics. */
struct spw_history_state spw_story_history(const struct spw_story *story);

/** spw_story_end() - write what is left, save what was learned (waits for the disk), free. */
void spw_story_end(struct spw_story *story, struct spw_memory *memory);

#endif
