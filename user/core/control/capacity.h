/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a service can serve, learned from what it did serve. Pure; called by decide.c alone, which has the rules in
 * prose.
 */
#ifndef SPW_CORE_CAPACITY_H
#define SPW_CORE_CAPACITY_H

#include "decide.h"
#include "rates.h"

/* Of one service, from tick to tick. */
struct spw_capacity_memory {
	struct spw_learned learned;
	bool confirmed;	     /* learned or confirmed by this run */
	double curb;	     /* factor by which guards and the probe hold the capacity down: floor to 1 */
	double strain;	     /* share of the capacity that a wait which will not go away has shown to be missing */
	double anchor_per_s; /* the capacity when it was last not saturated */
	double proven_per_s; /* the lowest that a queue has proven since: served was not just what was admitted */
	double saturated_s;  /* how long without a break, */
	u32 saturated_ticks; /* and for how many ticks */
	double wanting_s;    /* how long waits have been above target with too little admitted to explain it */
	double guarded_s;    /* how long guards or probe have been above their limits */
	double episode_served, episode_s;    /* since saturation began, for the first estimate */
	double served_per_s, admitted_per_s; /* smooth */
	double given;			     /* the law's share of the capacity, smooth; 0: nothing yet */
	double idle_s;			     /* how long waits have been next to nothing */
	double busy_per_s;		     /* served since saturation began, smooth */
	double busy_s;			     /* how long that has been, since it began or stood still */
	double slack_s, slack_served;	     /* ticks in a row that served much less than that */
	double doubt;			     /* share of a set capacity that is not upheld */
	double former_per_s;		     /* the most that the capacity was lately */
	bool first;			     /* the estimate is the first, and saturation has lasted since */
	bool helpless;
	double unshed_per_s; /* what classes brought that the level does not shed, in the tick before */
	double jammed_s;     /* how long waits have been far above target while that left no room to drain */
};

/* What one tick says. */
struct spw_capacity {
	double per_s;	  /* 0: unknown */
	u8 origin;	  /* enum spw_capacity_origin */
	bool saturated;	  /* wait above target, or without a wait a guard above its limit */
	bool overwhelmed; /* saturated, and not by chance: it lasts, or is far above */
	bool helpless;
	double sustained; /* share of the capacity that can be sustained */
	double given;	  /* share of it that is given out now: the budget law */
	double lasting;	  /* the same, smooth: by this shares are dealt */
};

/**
 * spw_capacity_take() - learn from one tick.
 * @guards: enum spw_host_signal readings; used where no wait is known
 * @binding: the limit held new work back in this tick
 */
void spw_capacity_take(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		       const struct spw_service_policy *service, const struct spw_service_facts *facts,
		       const struct spw_reading *guards, const struct spw_service_rates *rates, double seconds,
		       bool binding, struct spw_capacity *capacity);

/** spw_has_signal() - is there anything that could tell that this service is saturated? */
bool spw_has_signal(const struct spw_service_policy *service, const struct spw_service_facts *facts,
		    const struct spw_reading *guards, const struct spw_service_rates *rates);

#endif
