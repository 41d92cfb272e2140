/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent knows beyond the pinned maps: its decision and the inputs. So /metrics shows it, but not `status` of a
 * dead agent.
 */
#ifndef SPW_VIEW_GOVERNANCE_H
#define SPW_VIEW_GOVERNANCE_H

#include <stdio.h>

#include "config/policy.h"
#include "core/control/established.h"
#include "core/control/facts.h"
#include "store/history.h"
#include "limiter.h"

/* Duration of deciding, from the first fact read to the last parameter written. */
struct spw_deciding_pace {
	u64 decisions;
	u64 total_ns;
	u64 longest_ns;
	u64 transitions[SPW_LEVELS]; /* changes of the level, by the level they led to */
};

struct spw_governance {
	const struct spw_named_policy *policy;
	const struct spw_facts *facts;
	const struct spw_decision *decision;
	const struct spw_deciding_pace *pace;
	struct spw_history_state history;
	const struct spw_meter_state *meters;
	const struct spw_established *established; /* by index of the service; NULL: not known */
};

/** spw_view_governance_metrics() - the decision's part of /metrics, after spw_view_metrics(). */
void spw_view_governance_metrics(FILE *out, const struct spw_governance *governance);

#endif
