/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A decision as orders for the datapath. Pure; called by the agent at every tick, by `replay` and the sim ring.
 *
 * One unit of new work costs the time in which the budget affords one. A class has room for its part of the depth: what
 * sheds now, the depth less its reserve; what sheds at a higher level only, all of it; what never sheds is charged
 * but not refused. Rooms fall strictly with rank, so that whatever is refused, everything below it is refused too.
 *
 * Whoever was refused and comes again is late already, and admitted in place of somebody who comes for the first time
 * makes that one late as well. So while a class sheds, three quarters of its room are kept for fresh work; but no more
 * than leaves what is resent as much as any class below has, lest it be refused while a lower class is not.
 *
 * Where the depth holds few units, as at a small budget, chance alone would fill it: no room is smaller than a few.
 */
#include <string.h>

#include "decide.h"
#include "rates.h"

#define SECOND_NS	  1e9
#define TICKS_MAX	  9e18
#define DEBT		  0.5 /* beyond the largest room, in depths: so far what is never refused holds all others back */
#define RESENT_SHARE	  0.25 /* of its room, for what was refused before */
#define LEAST_UNITS	  8.0  /* room of the lowest class while it sheds, in units of new work */
#define LEAST_UNITS_ARMED 24.0 /* and while nothing sheds: only the ceiling is to hold */

static double ticks_of(double seconds, u32 jiffies_per_second)
{
	return seconds * (double)jiffies_per_second * (double)(1u << SPW_TICK_SHIFT);
}

static u64 as_ticks(double ticks)
{
	return (u64)spw_bounded(ticks, 1, TICKS_MAX);
}

static u32 as_share(double share)
{
	if (!(share < 1))
		return SPW_SHARE_ALL;
	return (u32)(spw_bounded(share, 0, 1) * 4294967295.0);
}

/* In ticks. */
static double room_of(const struct spw_class_policy *class, const struct spw_class_decision *now, double depth,
		      double cost)
{
	double least = now->sheds ? LEAST_UNITS : LEAST_UNITS_ARMED;
	double room = depth * (1 - spw_bounded(class->reserve, 0, 1));

	return room > least * cost ? room : least * cost;
}

/* In 256ths of @room; @below: the largest room of a lower class that admits anybody. */
static u32 withheld_of(double room, double below)
{
	double left = below > room * RESENT_SHARE ? below : room * RESENT_SHARE;

	return (u32)spw_bounded(256 * (1 - left / room), 0, 255);
}

static void plan_classes(const struct spw_policy *policy, const struct spw_service_decision *decision, double depth,
			 double cost, struct spw_service_admission *order)
{
	double below = cost, below_open = 0;

	/* From the lowest class up, so that each has at least a unit more than the one below. */
	for (u32 rank = policy->classes_count; rank-- > 0;) {
		const struct spw_class_policy *class = &policy->classes[rank];
		const struct spw_class_decision *now = &decision->classes[rank];
		struct spw_class_admission *to = &order->classes[class->id % SPW_CLASSES_MAX];
		double room;

		to->share = as_share(now->share);
		if (class->shed_from > SPW_RED && !now->sheds) {
			to->room = SPW_TOLERANCE_ALL;
			continue;
		}
		room = room_of(class, now, depth, cost);
		if (!now->sheds && !decision->armed && room < depth)
			room = depth;
		if (room < below + cost)
			room = below + cost;
		below = room;
		to->room = as_ticks(room);
		if (now->sheds)
			to->withheld = withheld_of(room, below_open);
		if (to->share && !now->cut)
			below_open = room;
	}
	order->debt_ticks = as_ticks((below > depth ? below : depth) + DEBT * depth);
}

void spw_plan(const struct spw_policy *policy, const struct spw_decision *decision, u32 jiffies_per_second, u64 salt,
	      struct spw_service_admission *orders)
{
	memset(orders, 0, sizeof(*orders) * (SPW_SERVICES_MAX + 1));
	for (u32 i = 0; i < decision->services_count && i < policy->services_count; i++) {
		const struct spw_service_decision *now = &decision->services[i];
		u8 id = policy->services[i].id;
		struct spw_service_admission *order;
		double cost;

		if (!(now->budget_per_s > 0) || id > SPW_SERVICES_MAX)
			continue;
		order = &orders[id];
		cost = (double)as_ticks(ticks_of(1 / now->budget_per_s, jiffies_per_second));
		order->interval_ticks = (u64)cost;
		order->stay_jiffies = (u64)((double)policy->stay_ns / SECOND_NS * jiffies_per_second);
		order->salt = salt;
		plan_classes(policy, now, ticks_of((double)policy->depth_ns / SECOND_NS, jiffies_per_second), cost,
			     order);
	}
}
