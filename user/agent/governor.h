/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The governor decides the level at each tick: counters and signals become facts, core/control/decide.c decides, the
 * result becomes admission parameters for the datapath and goes to the journal.
 */
#ifndef SPW_AGENT_GOVERNOR_H
#define SPW_AGENT_GOVERNOR_H

#include "in_force.h"
#include "journal.h"
#include "core/control/timeline.h"
#include "lease.h"
#include "view/governance.h"

struct governor;

/**
 * governor_new() - load the signals, which takes 0.1 to 0.5 s.
 * @lease, @journal, @loop: borrowed, must outlive the governor
 * Returns 0 or -ENOMEM. Free with governor_free(), which passes what was learned to the journal.
 */
int governor_new(const struct in_force *in_force, struct lease *lease, struct journal *journal, sd_event *loop,
		 struct governor **governor);
void governor_free(struct governor *governor);

/**
 * governor_follow() - another configuration, or another capacity by an operator, is in force. Counters from before are
 * not compared with later ones. Returns 0, or -ENOMEM: not all signals are watched.
 */
int governor_follow(struct governor *governor);

/**
 * governor_tick() - decide.
 * @now_ns: CLOCK_MONOTONIC
 * @fair_per_s: by class rank, the fair share enforced per source; 0: none
 */
void governor_tick(struct governor *governor, u64 now_ns, const double *fair_per_s);

/** governor_light_sockets() - map of connections that the signals leave out (maps/light.h); -1: none. */
int governor_light_sockets(const struct governor *governor);

/** governor_hurries() - whether the next tick should come sooner. */
bool governor_hurries(const struct governor *governor);

/** governor_watches() - whether governor_glance() is of use before the next tick: a capacity is unknown. */
bool governor_watches(const struct governor *governor);

/** governor_glance() - between two ticks: true if the next one should come at once. Arguments as of governor_tick(). */
bool governor_glance(struct governor *governor, u64 now_ns, const double *fair_per_s);

/* Below: borrowed until the next tick or governor_follow(). */

const struct spw_named_policy *governor_policy(const struct governor *governor);

/** governor_decision() - the last one; NULL: none yet. */
const struct spw_decision *governor_decision(const struct governor *governor);

/** governor_timeline() - the last 15 minutes of each service. */
const struct spw_timeline *governor_timeline(const struct governor *governor);

/** governor_view() - for metrics; all but `meters`. Returns false: no decision yet. */
bool governor_view(const struct governor *governor, struct spw_governance *view);

/** governor_explain() - for `explain`. Returns false: no decision with the policy in force yet. */
bool governor_explain(struct governor *governor, struct spw_explanation *explanation);

#endif
