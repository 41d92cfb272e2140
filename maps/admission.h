/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much new work the datapath admits for each service, and from whom: rules 9 and 10 (bpf/verdict.h). Map admission,
 * one struct spw_service_admission by service identity, written by the agent at every tick, read-only to programs.
 * Fields are independent: a packet that reads during a write sees old or new, both valid.
 *
 * TICKS. Rates are metered in jiffies, which a program reads in half a nanosecond without a call, divided by
 * 2^SPW_TICK_SHIFT so that an interval is exact to a thousandth at a million a second. 64 bits of ticks last 34 years
 * at 1,000 jiffies a second.
 */
#ifndef SPW_MAPS_ADMISSION_H
#define SPW_MAPS_ADMISSION_H

#include "types.h"

#define SPW_TICK_SHIFT 24

#define SPW_TOLERANCE_ALL UINT64_MAX /* in place of a tolerance: charged but never refused */
#define SPW_SHARE_ALL	  UINT32_MAX /* in place of a share: every source of the class is in */
#ifndef UINT64_MAX
#define UINT64_MAX (~0ull)
#endif
#ifndef UINT32_MAX
#define UINT32_MAX (~0u)
#endif

/* For one class of one service. */
struct spw_class_admission {
	u64 tolerance_ticks; /* burst tolerance: new work of the class is refused while the backlog exceeds this */
	u32 share;	     /* a source is in if its place (a hash) is below; 0: none is */
	u32 withheld;	     /* 256ths of the tolerance that are kept for fresh work: what is resent is late already */
};

struct spw_service_admission {
	u64 interval_ticks; /* emission interval: what one unit of new work adds to the backlog; 0: no budget */
	u64 stay_jiffies;   /* how long a source keeps its place within its class; 0: for ever */
	u64 salt;	    /* of the places; secret, and the same over reloads and restarts */
	u64 debt_ticks;	    /* work that is never refused moves the backlog up to here; 0: without bound */
	struct spw_class_admission classes[SPW_CLASSES_MAX]; /* by class identity */
};

/*
 * Map budget_cells, by service identity, a cache line each; written by the datapath only. Pinned, so that an upgrade
 * does not grant a second burst.
 */
struct spw_budget_cell {
	u64 arrival_ticks; /* theoretical arrival time (bpf/meter.h); 0: never used */
	u64 reserved[7];
};

/*
 * Map refusals, per CPU, by spw_work_index(): the class's last refusal by the budget on this CPU. Until the backlog has
 * drained, new work with no higher tolerance is refused without reading the shared cell.
 */
struct spw_refusal {
	u64 until_ticks;
	u64 tolerance_ticks;
};

_Static_assert(sizeof(struct spw_budget_cell) == 64, "layout of the pinned budget_cells map");
_Static_assert(sizeof(struct spw_service_admission) == 544, "layout of the pinned admission map");

#endif
