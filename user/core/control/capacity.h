/* SPDX-License-Identifier: GPL-2.0-only */
/* What a service can serve, learned from what it served. Pure; called by decide.c, which states the rules. */
#ifndef SPW_CORE_CAPACITY_H
#define SPW_CORE_CAPACITY_H

#include "decision.h"
#include "rates.h"

/* A test of change: evidence for another rate, and what was served since it began to grow. */
struct spw_change {
	double evidence; /* nats */
	double served, seconds;
};

/* Changes by a busy tick, to be undone if the next tick shows that the server stopped in it. */
struct spw_capacity_undo {
	bool possible, confirmed;
	double capacity_per_s, anchor_per_s, proven_per_s, known_s, busy_s, first_served, first_s;
	struct spw_change fall, rise;
};

/* Of one service, from tick to tick. */
struct spw_capacity_memory {
	struct spw_learned learned;
	bool confirmed;		      /* learned or confirmed by this run */
	double curb;		      /* factor by which guards and probe reduce the capacity: floor to 1 */
	double strain;		      /* share of the capacity that a standing queue has shown to be missing */
	double anchor_per_s;	      /* capacity when it was last not saturated */
	double proven_per_s;	      /* lowest since then that a queue has proven: served differed from admitted */
	bool saturated;		      /* waits of this tick are above target, */
	double saturated_s;	      /* for so long without a break */
	double silent_s;	      /* how long nothing was served while work waited, */
	double standing_s;	      /* the same until the end of this tick */
	double busy_s;		      /* busy time measured since saturation began */
	double known_s;		      /* busy time behind the estimate */
	double first_served, first_s; /* busy ticks so far towards the first estimate */
	struct spw_change fall, rise;
	struct spw_capacity_undo undo;
	bool surged;	      /* the load stepped up while the capacity was unknown: a queue is no surprise */
	bool doubtful;	      /* the first estimate is from the last tick, in which the server may have stopped */
	double page;	      /* connections that come at once */
	double idle_s;	      /* how long waits have been near zero although work is refused */
	double trial_s;	      /* so long before the next step, */
	double trial_step;    /* share of the capacity by which the last one raised it; 0: none, or it failed */
	double since_trial_s; /* and so long since the last */
	double wanting_s;     /* how long waits have been above target with too little admitted to explain it */
	double guarded_s;     /* how long guards or probe have been above their limits */
	double served_per_s, admitted_per_s; /* smooth, over time in which the server was not stalled */
	double given;			     /* share of the capacity that the law gives out, smooth; 0: none yet */
	double doubt;			     /* share of a set capacity that is not believed */
	double low_ns;			     /* lowest wait since saturation or the last stall began, */
	double stuck_s;			     /* and how long it has not been lower */
	bool helpless;
};

/* Result of one tick. */
struct spw_capacity {
	double per_s;	  /* 0: unknown */
	u8 origin;	  /* enum spw_capacity_origin */
	bool saturated;	  /* wait above target, or without a wait a guard above its limit */
	bool overwhelmed; /* saturated, and not by chance: it lasts, or is far above */
	bool helpless;
	bool trial;	  /* the capacity has just been tried upwards */
	bool vague;	  /* learned from less work than a first estimate should rest on */
	double sustained; /* share of the capacity that can be sustained */
	double given;	  /* share of it that is given out now: the budget law */
	double lasting;	  /* the same, smooth: base of the shares */
};

/**
 * spw_capacity_take() - learn from one tick.
 * @guards: enum spw_host_signal readings; used where no wait is known
 * @binding: the limit refused new work in this tick
 * @page: connections that arrive together, at least 1
 */
void spw_capacity_take(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		       const struct spw_service_policy *service, const struct spw_service_facts *facts,
		       const struct spw_reading *guards, const struct spw_service_rates *rates, double seconds,
		       bool binding, double page, struct spw_capacity *capacity);

/** spw_has_signal() - whether any signal could show that this service is saturated. */
bool spw_has_signal(const struct spw_service_policy *service, const struct spw_service_facts *facts,
		    const struct spw_reading *guards, const struct spw_service_rates *rates);

#endif
