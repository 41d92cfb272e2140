/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's part in limits: it writes them when a policy comes into force or a fair share changes, gives the rows of
 * meters another seed in turn, and looks how full they are. The datapath does the limiting.
 */
#ifndef SPW_AGENT_LIMITING_H
#define SPW_AGENT_LIMITING_H

#include "core/limits/fair.h"
#include "core/limits/limits.h"
#include "view/limiter.h"

struct agent;
struct spw_identities;

struct agent_limiting {
	struct spw_limit_policy policy;
	struct spw_limits limits;
	struct spw_reseeding reseeding;
	struct spw_meter_state state;	    /* what metrics show */
	const struct spw_meters *meters;    /* mapped; NULL: their fill is not known */
	double fair_per_s[SPW_CLASSES_MAX]; /* by rank; 0: nobody is held to it */
	bool alarmed;
};

/** agent_begin_limiting() - when the datapath is loaded: go on from where an agent before has left off. 0 or -errno. */
int agent_begin_limiting(struct agent *agent);

/** agent_follow_limits() - another configuration is in force. */
void agent_follow_limits(struct agent *agent);

/** agent_limit() - one tick, behind the decision and the renewal of the lease. */
void agent_limit(struct agent *agent, u64 now);

void agent_end_limiting(struct agent *agent);

#endif
