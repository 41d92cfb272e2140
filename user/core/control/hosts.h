/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many hosts like this one the demand of a service needs, for autoscalers: demand, including what is refused, over
 * the target share of one host's capacity. Pure; called by decide.c.
 *
 * Hysteresis: each second the value rises to the lowest need of the last 10 s, if that is above it, and falls to the
 * highest, if that is below. Both directions take the same time, so when demand moves from one host to another, the sum
 * over hosts stays right. Holding a high value for minutes is the autoscaler's part, as it knows the sum.
 */
#ifndef SPW_CORE_HOSTS_H
#define SPW_CORE_HOSTS_H

#include "maps/types.h"

/*
 * Share of a host's capacity that is planned with. Demand may then grow by a third before anybody is refused (at 0.95,
 * the default of `target`), which is the time for another host to start; and of four hosts one may fail. Waits are an
 * eighth of those at 0.95 (Pollaczek-Khinchine: share / (1 - share)).
 */
#define SPW_HOSTS_SHARE 0.70

#define SPW_HOSTS_SLOTS	 10u /* of the window, */
#define SPW_HOSTS_SLOT_S 1.0 /* so long each */

/* From tick to tick; zero it to begin. */
struct spw_hosts_memory {
	double wanted;		       /* once known */
	bool known;		       /* after a whole window with a capacity */
	u32 slots;		       /* complete ones in a row; no more than SPW_HOSTS_SLOTS count */
	u32 next;		       /* the oldest of them */
	double slot_s;		       /* of the current slot, */
	double sum;		       /* and the needs of its ticks times their seconds */
	double needs[SPW_HOSTS_SLOTS]; /* means of the complete slots */
};

/**
 * spw_hosts_take() - one tick of @seconds.
 * @demand_per_s: new work that arrives, admitted or not
 * @capacity_per_s: of this host; 0: unknown, which forgets everything
 * A tick that is not finite or not positive is ignored.
 */
void spw_hosts_take(struct spw_hosts_memory *memory, double demand_per_s, double capacity_per_s, double seconds);

#endif
