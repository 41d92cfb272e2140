/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decision: facts of a tick in, level, budgets and shares out, with every number that led there. Pure, with
 * whatever clock the facts use. Called by the agent each tick, by `replay` over a recorded history and by the
 * simulation tests.
 *
 *   facts -> rates -> capacity -> budget -> level -> shares -> decision -> plan (admission parameters for the datapath)
 *
 * decide.c has the numbered rules, which decisions name (spw_decision.rule).
 */
#ifndef SPW_CORE_DECIDE_H
#define SPW_CORE_DECIDE_H

#include "decision.h"

/* All state from tick to tick. Opaque; begin with spw_memory_new(). */
struct spw_memory;

/** spw_default_reserve() - of the class with rank @rank (0: highest) among @count: 0, .12, .30, .45, .60, .75. */
double spw_default_reserve(u32 rank, u32 count);

/** spw_memory_new() - allocate, with nothing learned; NULL: no memory. The caller frees it with spw_memory_free(). */
struct spw_memory *spw_memory_new(void);
void spw_memory_free(struct spw_memory *memory);

/**
 * spw_memory_learned() - what was learned about the service with index @service: to be saved, and to be restored after
 * a restart or reload (indices may change).
 */
struct spw_learned *spw_memory_learned(struct spw_memory *memory, u32 service);

/** spw_learned_check() - true if every number is finite, not negative and no more than a service can serve (1e7/s). */
bool spw_learned_check(const struct spw_learned *learned);

/**
 * spw_memory_forget_rates() - earlier facts are not comparable with later ones (reload, changed indices, SIGCONT after
 * a long stop): restart the differences; keep what was learned, level and hold.
 */
void spw_memory_forget_rates(struct spw_memory *memory);

/**
 * spw_memory_follow() - @policy replaces @former, under which @memory was built: the state of a service or class moves
 * with its identity; new ones start empty. Rates are forgotten as above. If memory is out, all start empty.
 */
void spw_memory_follow(struct spw_memory *memory, const struct spw_policy *former, const struct spw_policy *policy);

/**
 * spw_decide() - one tick.
 * @memory: changed
 * @facts: never earlier than those before; a gap of more than a second, or of nothing, is not taken for load
 * @decision: filled in whole
 * Any input, even NaN, infinite, stuck or wrapped, yields a valid decision: budgets finite and not below the floor.
 */
void spw_decide(struct spw_memory *memory, const struct spw_policy *policy, const struct spw_override *override,
		const struct spw_facts *facts, struct spw_decision *decision);

/**
 * spw_glance() - between two ticks: has so much more arrived since the last one, for a service of unknown capacity,
 * that the next tick should come at once (rule 22)?
 * @facts: of these, only now_ns and the counts of fresh new work are read
 */
bool spw_glance(const struct spw_memory *memory, const struct spw_policy *policy, const struct spw_facts *facts);

/**
 * spw_plan() - a decision as admission parameters for the datapath.
 * @jiffies_per_second: of this kernel
 * @salt: of the places; the same over reloads and restarts, so that no source changes its place
 * @all: SPW_SERVICES_MAX + 1, by service identity; filled in whole, with interval 0 for those without a budget
 */
void spw_plan(const struct spw_policy *policy, const struct spw_decision *decision, u32 jiffies_per_second, u64 salt,
	      struct spw_service_admission *all);

/** spw_share_of() - a share of 0 to 1 as the datapath gets it: sources whose place is below are in. */
u32 spw_share_of(double share);

#endif
