/* SPDX-License-Identifier: GPL-2.0-only */
/* The meters of limits as seen by the agent, and their part of /metrics. */
#ifndef SPW_VIEW_LIMITER_H
#define SPW_VIEW_LIMITER_H

#include <stdio.h>

#include "core/limits/limits.h"

struct spw_meter_state {
	struct spw_fill fill[SPW_METER_TABLES];
	u64 warming[SPW_ROWS]; /* as in struct spw_limits */
	u64 reseeds;	       /* since the agent started */
	u64 longest_scan_ns;   /* of a tick */
	struct spw_session_count sessions;
	u32 classes_count;
	double fair_per_s[SPW_CLASSES_MAX]; /* by rank; 0: none */
};

struct spw_named_policy;

/** spw_view_meter_metrics() - written after spw_view_governance_metrics(). @policy: names of classes. */
void spw_view_meter_metrics(FILE *out, const struct spw_meter_state *meters, const struct spw_named_policy *policy);

#endif
