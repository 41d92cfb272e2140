/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A decision as admission parameters for the datapath. Pure; called by the agent at every tick, by `replay` and the
 * simulation tests.
 *
 * The emission interval of new work is 1 / budget. The burst tolerance of a class is its part of the depth: the depth
 * less its reserve if it sheds now, all of it if it sheds at a higher level only; classes that never shed are charged
 * but not refused. Tolerances fall strictly with rank, so whenever a class is refused, so is everything below it.
 *
 * A retry is late already, and each one admitted instead of a first attempt makes that one late too. So while a class
 * sheds, three quarters of its tolerance are withheld from retries; fifteen sixteenths if pages of several connections
 * are fetched, as one that is sent again makes its whole page late. But retries keep at least the tolerance of any lower
 * class, lest they be refused while a lower class is not.
 *
 * With a small budget the depth holds few units and would fill by chance alone: hence a minimum in units.
 */
#include <string.h>

#include "decide.h"
#include "rates.h"

#define SECOND_NS	  1e9
#define TICKS_MAX	  9e18
#define DEBT		  0.5  /* depths beyond the largest tolerance: bound of backlog by work that is never refused */
#define RESENT_SHARE	  0.25 /* of a class's tolerance, for retries, */
#define RESENT_OF_PAGES	  0.0625 /* or if connections are those of pages: */
#define PAGES_FROM	  1.5	 /* so many arrive together, in the mean of pages and single ones */
#define LEAST_UNITS	  8.0	 /* tolerance of the lowest class while it sheds, in units of new work */
#define LEAST_UNITS_ARMED 24.0	 /* while nothing sheds: only the ceiling is to be enforced */

static double ticks_of(double seconds, u32 jiffies_per_second)
{
	return seconds * (double)jiffies_per_second * (double)(1u << SPW_TICK_SHIFT);
}

static u64 as_ticks(double ticks)
{
	return (u64)spw_bounded(ticks, 1, TICKS_MAX);
}

u32 spw_share_of(double share)
{
	if (!(share < 1))
		return SPW_SHARE_ALL;
	return (u32)(spw_bounded(share, 0, 1) * 4294967295.0);
}

/* In ticks. */
static double tolerance_of(const struct spw_class_policy *class, const struct spw_class_decision *now, double page,
			   double depth, double interval)
{
	double least = (now->sheds ? LEAST_UNITS : LEAST_UNITS_ARMED) * spw_bounded(page, 1, 16);
	double tolerance = depth * (1 - spw_bounded(class->reserve, 0, 1));

	return tolerance > least * interval ? tolerance : least * interval;
}

/* In 256ths of @tolerance; @below: the largest tolerance of a lower class that admits anybody. */
static u32 withheld_of(double tolerance, double below, const struct spw_service_decision *decision)
{
	double left = tolerance * RESENT_SHARE * 2 / spw_bounded(decision->page, 2, 16);

	if (decision->admitted_burst >= PAGES_FROM && left > tolerance * RESENT_OF_PAGES)
		left = tolerance * RESENT_OF_PAGES;
	if (left < below)
		left = below;
	return (u32)spw_bounded(256 * (1 - left / tolerance), 0, 255);
}

static void plan_classes(const struct spw_policy *policy, const struct spw_service_decision *decision, double depth,
			 double interval, struct spw_service_admission *admission)
{
	double below = interval, below_open = 0;

	/* From the lowest class up: each gets at least one unit more than the one below. */
	for (u32 rank = policy->classes_count; rank-- > 0;) {
		const struct spw_class_policy *class = &policy->classes[rank];
		const struct spw_class_decision *now = &decision->classes[rank];
		struct spw_class_admission *to = &admission->classes[class->id % SPW_CLASSES_MAX];
		double tolerance;

		to->share = spw_share_of(now->share);
		if (class->shed_from > SPW_RED && !now->sheds) {
			to->tolerance_ticks = SPW_TOLERANCE_ALL;
			continue;
		}
		tolerance = tolerance_of(class, now, decision->page, depth, interval);
		if (!now->sheds && !decision->armed && tolerance < depth)
			tolerance = depth;
		if (tolerance < below + interval)
			tolerance = below + interval;
		below = tolerance;
		to->tolerance_ticks = as_ticks(tolerance);
		if (now->sheds)
			to->withheld = withheld_of(tolerance, below_open, decision);
		if (to->share && !now->cut)
			below_open = tolerance;
	}
	admission->debt_ticks = as_ticks((below > depth ? below : depth) + DEBT * depth);
}

void spw_plan(const struct spw_policy *policy, const struct spw_decision *decision, u32 jiffies_per_second, u64 salt,
	      struct spw_service_admission *all)
{
	memset(all, 0, sizeof(*all) * (SPW_SERVICES_MAX + 1));
	for (u32 i = 0; i < decision->services_count && i < policy->services_count; i++) {
		const struct spw_service_decision *now = &decision->services[i];
		u8 id = policy->services[i].id;
		struct spw_service_admission *admission;
		double interval;

		if (!(now->budget_per_s > 0) || id > SPW_SERVICES_MAX)
			continue;
		admission = &all[id];
		interval = (double)as_ticks(ticks_of(1 / now->budget_per_s, jiffies_per_second));
		admission->interval_ticks = (u64)interval;
		admission->stay_jiffies = (u64)((double)policy->stay_ns / SECOND_NS * jiffies_per_second);
		admission->salt = salt;
		plan_classes(policy, now,
			     ticks_of((double)policy->depth_ns / SECOND_NS * spw_bounded(now->page, 1, 16),
				      jiffies_per_second),
			     interval, admission);
	}
}
