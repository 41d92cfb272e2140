/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A decision in sentences, with its arithmetic. Values in, text out: called by the agent (answer of the control socket,
 * reason of a level change) and by `explain` over the history.
 */
#ifndef SPW_VIEW_EXPLAIN_H
#define SPW_VIEW_EXPLAIN_H

#include "config/policy.h"
#include "core/control/signal_notes.h"
#include "reason.h"
#include "view.h"

/* A change of the level, as it was said when it came. */
struct spw_level_change {
	u64 wall_ns; /* CLOCK_REALTIME */
	u8 level;
	u8 former;
	u8 rule;
	char service[SPW_NAME_MAX]; /* "": none */
	char reason[512];
};

#define SPW_CHANGES_KEPT 16

/* The newest first. */
struct spw_changes {
	u32 count;
	struct spw_level_change changes[SPW_CHANGES_KEPT];
};

/** spw_changes_add() - a change, in front; the oldest goes. */
void spw_changes_add(struct spw_changes *changes, const struct spw_level_change *change);

struct spw_explanation {
	const struct spw_named_policy *policy;
	const struct spw_decision *decision;
	const struct spw_override *override;
	const struct spw_changes *changes;    /* may be NULL */
	const struct spw_signal_notes *notes; /* where signals come from, or why they are absent; NULL: not known */
	u64 wall_ns;			      /* CLOCK_REALTIME of the decision */
	u64 since_wall_ns;		      /* from when on this level holds; 0: not known */
	bool observing;			      /* mode observe: nothing of it is enforced */
	const char *note;		      /* said first, as "the agent is not running; ..."; NULL */
	bool utc;			      /* times of day in UTC; else local */
};

void spw_view_explain(FILE *out, const struct spw_explanation *explanation, struct spw_style style);
json_t *spw_view_explain_json(const struct spw_explanation *explanation);

#endif
