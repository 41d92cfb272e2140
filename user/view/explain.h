/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A decision in sentences, with its arithmetic. Used by the agent (answer on the control socket, reason of a level
 * change) and by `explain` over the history.
 */
#ifndef SPW_VIEW_EXPLAIN_H
#define SPW_VIEW_EXPLAIN_H

#include "config/policy.h"
#include "core/control/established.h"
#include "core/control/signal_notes.h"
#include "light.h"
#include "own.h"
#include "reason.h"
#include "view.h"

/* A change of the level, with its reason at that time. */
struct spw_level_change {
	u64 wall_ns; /* CLOCK_REALTIME */
	u8 level;
	u8 former;
	u8 rule;
	char service[SPW_NAME_MAX]; /* "": none */
	char reason[512];
};

#define SPW_CHANGES_KEPT 16

/* Newest first. */
struct spw_changes {
	u32 count;
	struct spw_level_change changes[SPW_CHANGES_KEPT];
};

/** spw_changes_add() - insert a change in front; drops the oldest. */
void spw_changes_add(struct spw_changes *changes, const struct spw_level_change *change);

struct spw_explanation {
	const struct spw_named_policy *policy;
	const struct spw_decision *decision;
	const struct spw_override *override;
	const struct spw_changes *changes;	   /* may be NULL */
	const struct spw_signal_notes *notes;	   /* source of each signal, or why it is absent; NULL: unknown */
	const struct spw_own_state *own;	   /* NULL: unknown */
	const struct spw_light_state *light;	   /* NULL: unknown */
	const struct spw_established *established; /* by index of the service; NULL: unknown */
	u64 wall_ns;				   /* CLOCK_REALTIME of the decision */
	u64 since_wall_ns;			   /* start of the current level; 0: unknown */
	bool observing;				   /* mode observe: nothing is enforced */
	const char *note; /* printed first, such as "the agent is not running; ..."; NULL: none */
	bool utc;	  /* times of day in UTC, else local */
};

void spw_view_explain(FILE *out, const struct spw_explanation *explanation, struct spw_style style);
json_t *spw_view_explain_json(const struct spw_explanation *explanation);

#endif
