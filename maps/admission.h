/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much new work the datapath admits for each service, and from whom: rules 9 and 10 of the order of judgement
 * (bpf/verdict.h). Map `orders`, one struct spw_service_admission by service identity, written by the agent at every tick,
 * read-only to programs. Each field stands for itself: a packet that reads during a write is judged by old or new.
 *
 * TIME. Cells are metered in jiffies, which a program reads in half a nanosecond where any clock costs a call; finer
 * than a jiffy by SPW_TICK_SHIFT bits, so that a cost is exact to a thousandth at a million a second. Such a 2^24th of
 * a jiffy is called a tick here, and 64 bits of them last for 34 years at 1,000 jiffies a second.
 */
#ifndef SPW_MAPS_ORDER_H
#define SPW_MAPS_ORDER_H

#include "types.h"

#define SPW_TICK_SHIFT 24

#define SPW_TOLERANCE_ALL UINT64_MAX /* in place of a room: the budget never refuses this class, it is only charged */
#define SPW_SHARE_ALL	  UINT32_MAX /* in place of a share: every source of the class is in */
#ifndef UINT64_MAX
#define UINT64_MAX (~0ull)
#endif
#ifndef UINT32_MAX
#define UINT32_MAX (~0u)
#endif

/* For one class of one service. */
struct spw_class_admission {
	u64 room;     /* ticks: new work of the class is refused while the backlog of the budget cell exceeds this */
	u32 share;    /* a source is in if its place (a hash) is below; 0: none is */
	u32 withheld; /* 256ths of the room that are kept for fresh work: what is resent is late already */
};

struct spw_service_admission {
	u64 interval_ticks; /* what one unit of new work adds to the backlog; 0: there is no budget, rules 9 and 10 pass */
	u64 stay_jiffies; /* how long a source keeps its place among those of its class; 0: for ever */
	u64 salt;	  /* of the places; secret, and the same over reloads and restarts */
	u64 debt_ticks;	  /* work that is never refused moves the backlog up to here and no further; 0: without bound */
	struct spw_class_admission classes[SPW_CLASSES_MAX]; /* by class identity */
};

/*
 * Map budget_cells, by service identity; written by the datapath alone. Pinned, so that an upgrade does not hand out a
 * second burst. Each in a cache line of its own.
 */
struct spw_budget_cell {
	u64 arrival_ticks; /* theoretical arrival time (bpf/meter.h); 0: never used */
	u64 reserved[7];
};

/*
 * Map refusals, per CPU, by spw_work_index(): the last refusal by the budget that this CPU has seen. As the backlog of
 * a cell takes its time to drain, work of the same class with no more room is refused until then without a look at the
 * cell.
 */
struct spw_refusal {
	u64 until_ticks;
	u64 room;
};

_Static_assert(sizeof(struct spw_budget_cell) == 64, "layout of the pinned budget_cells map");
_Static_assert(sizeof(struct spw_service_admission) == 544, "layout of the pinned orders map");

#endif
