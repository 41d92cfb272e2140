/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent decides: at each tick facts are gathered, core/decide.c makes a decision of them, the decision becomes
 * orders for the datapath, and is told. Nothing else in the agent moves the level.
 */
#ifndef SPW_AGENT_DECIDING_H
#define SPW_AGENT_DECIDING_H

#include "signals/signals.h"
#include "view/governance.h"
#include "journal.h"

struct agent;
struct spw_registry;

/* New work of a class for a service that limits dropped. */
struct agent_held_back {
	u64 limited; /* as counted, lately */
	u64 demand;  /* that of it which a fair share held back */
};

/* All that one decision is made of, and where it goes. */
struct agent_deciding {
	struct spw_signals *signals;
	struct spw_journal *journal;
	struct spw_memory *memory;
	struct spw_named_policy policy;
	struct spw_facts facts;
	struct spw_decision decision;
	struct spw_service_admission orders[SPW_SERVICE_IDENTITIES];
	u32 classes_read; /* identities of classes below this are in use */
	struct spw_deciding_pace pace;
	bool admission_alarmed;
	struct agent_held_back held_back[SPW_SERVICES_MAX][SPW_CLASSES_MAX]; /* by rank of the class */
	bool held_back_known;
};

/** agent_begin_deciding() - signals, history and what was learned are there from here on. 0, or -ENOMEM. */
int agent_begin_deciding(struct agent *agent);

/**
 * agent_follow_policy() - another configuration is in force: at the start and after each publication. Counts before it
 * are not compared with those after it. 0, or -ENOMEM: decided on by the former policy.
 */
int agent_follow_policy(struct agent *agent);

/** agent_decide() - one tick: the level goes to agent->control, the orders to the datapath. */
void agent_decide(struct agent *agent, u64 now);

/** agent_explain() - the answer to {"verb":"explain"}, a new reference. @colour: of "text" in it. */
json_t *agent_explain(struct agent *agent, bool colour);

/** agent_tell() - an event for `events`; takes the reference of @fields. Before the story begins: nothing. */
void agent_tell(struct agent *agent, const char *event, json_t *fields);

/** agent_end_deciding() - what was learned is saved. */
void agent_end_deciding(struct agent *agent);

#endif
