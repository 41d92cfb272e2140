/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work on established connections: counts their requests by class, and ends connections of classes with
 * `established: end` that are outside their share, and of services with `patience` that wait for too long. A part of the
 * governor. Whatever fails is logged once, and the traffic passes.
 */
#ifndef SPW_AGENT_ENDER_H
#define SPW_AGENT_ENDER_H

#include "core/control/established.h"
#include "in_force.h"
#include "journal.h"
#include "signals/signals.h"

struct ender;

/** ender_new() - @in_force, @signals, @journal: borrowed. NULL: no memory. Free with ender_free(), before the journal. */
struct ender *ender_new(const struct in_force *in_force, struct spw_signals *signals, struct journal *journal);
void ender_free(struct ender *ender);

/** ender_follow() - another configuration is in force: counting begins anew. */
void ender_follow(struct ender *ender);

/** ender_count() - take the requests of this tick; ends with ender_add(). Between reading the facts and deciding. */
void ender_count(struct ender *ender, struct spw_facts *facts);

/** ender_add() - add what was counted so far to @facts, if a class of the configuration gives connections up. */
void ender_add(struct ender *ender, struct spw_facts *facts);

/**
 * ender_plan() - @decision as the datapath gets it: where a class of the configuration gives connections up, budgets are
 * for new connections alone, so they are lower by what comes on established ones, but no lower than a tenth.
 * The result is @decision itself, or valid until the next call.
 */
const struct spw_decision *ender_plan(struct ender *ender, const struct spw_decision *decision);

/**
 * ender_tick() - look at connections for 2 ms at most, and end what may be ended.
 * @acts: mode enforce, and the lease is in force
 */
void ender_tick(struct ender *ender, u64 now_ns, const struct spw_decision *decision, bool acts);

/** ender_hurries() - requests on connections that could be ended come near the capacity, so a sudden rise must be seen soon. */
bool ender_hurries(const struct ender *ender, const struct spw_decision *decision);

/** ender_established() - what was counted, by index of the service; borrowed until the next tick. */
const struct spw_established *ender_established(const struct ender *ender);

#endif
