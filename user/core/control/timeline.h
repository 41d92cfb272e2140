/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Each service's last 15 minutes in slots of 5 s, for the status page. Of fixed size (about 280 KiB), so it needs no
 * disk and cannot grow; the history on disk has every decision. Pure; filled by the agent at each tick.
 */
#ifndef SPW_CORE_TIMELINE_H
#define SPW_CORE_TIMELINE_H

#include "decision.h"

#define SPW_TIMELINE_SLOT_NS 5000000000ull
#define SPW_TIMELINE_SLOTS   180u

/* One slot of one service. */
struct spw_timeline_point {
	u32 ticks;		    /* decisions in it; 0: none, and all else is 0 */
	u32 waits;		    /* decisions that knew a wait */
	float demand_per_s;	    /* mean */
	float admitted_per_s;	    /* mean */
	float capacity_per_s;	    /* as last known; 0: unknown */
	float budget_per_s;	    /* as last decided; 0: none */
	float wait_s, wait_s_worst; /* mean and highest of the known waits */
};

/* Zero it to begin. Services by identity, so that they keep their slots over a reload. */
struct spw_timeline {
	u64 slot;		       /* number of the newest: time by SPW_TIMELINE_SLOT_NS; 0: none yet */
	u8 levels[SPW_TIMELINE_SLOTS]; /* highest of the slot, plus 1; 0: no decision in it */
	struct spw_timeline_point points[SPW_SERVICE_IDENTITIES][SPW_TIMELINE_SLOTS];
};

/** spw_timeline_add() - add a decision made with @policy; one older than the newest slot is ignored. */
void spw_timeline_add(struct spw_timeline *timeline, const struct spw_policy *policy,
		      const struct spw_decision *decision);

/**
 * spw_timeline_point() - of the service with identity @id, @age slots before the newest one.
 * Returns NULL if @id or @age is out of range.
 */
const struct spw_timeline_point *spw_timeline_point(const struct spw_timeline *timeline, u32 id, u32 age);

/** spw_timeline_level() - highest level of the slot @age before the newest; SPW_LEVEL_NEVER: no decision in it. */
u8 spw_timeline_level(const struct spw_timeline *timeline, u32 age);

#endif
