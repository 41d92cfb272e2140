/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's part in limits, which the datapath enforces: write them when a policy comes into force or a fair share
 * changes, reseed the rows of meters in turn, and measure their fill.
 */
#ifndef SPW_AGENT_LIMITER_H
#define SPW_AGENT_LIMITER_H

#include "core/limits/fair.h"
#include "core/talkers/talkers.h"
#include "in_force.h"
#include "view/limiter.h"

struct limiter;

/** limiter_new() - continue where an earlier agent stopped: seeds stay. Returns 0 or -errno. */
int limiter_new(const struct in_force *in_force, struct limiter **limiter);
void limiter_free(struct limiter *limiter);

/** limiter_follow() - another configuration is in force. */
void limiter_follow(struct limiter *limiter);

/* Inputs of a tick. */
struct limiter_tick {
	u64 now_ns;			     /* CLOCK_MONOTONIC */
	u64 jiffies;			     /* at the same moment; 0: unknown */
	u32 level;			     /* in force */
	const struct spw_decision *decision; /* NULL: none yet, so no fair share */
	const struct spw_talkers *talkers;   /* heaviest sources, for fair shares */
};

/** limiter_tick() - call after the decision. */
void limiter_tick(struct limiter *limiter, const struct limiter_tick *tick);

/** limiter_fair() - by class rank, fair share of a source in new work per second; 0: none. */
const double *limiter_fair(const struct limiter *limiter);

/** limiter_meters() - for metrics. */
const struct spw_meter_state *limiter_meters(const struct limiter *limiter);

#endif
