/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The admitted share of each class's sources: the budget is dealt out from the highest class down. Pure; called by
 * decide.c, which states the rules.
 */
#ifndef SPW_CORE_SHARE_H
#define SPW_CORE_SHARE_H

#include "decision.h"

/* State of one class of one service, from tick to tick. */
struct spw_share_memory {
	double share;	       /* 0 to 1 */
	double weight;	       /* what its admitted sources bring, relative to their number: 1 */
	double fast_per_s;     /* load, smoothed for rising levels */
	double slow_per_s;     /* and for falling ones */
	double burst;	       /* connections that arrive together: variance over mean of a tick's count, at least 1 */
	double odd_s;	       /* how long without a break more came than chance readily explains, */
	double odd_work;       /* how much, */
	double before_per_s;   /* and the load before */
	double since_s;	       /* since the last step: loads are means over at most that time */
	double fresh_per_s;    /* smooth over a second */
	double expected_per_s; /* the part of it that the share alone would admit; smoothed alike */
	double inside_per_s;   /* fresh work of its admitted sources, passed or refused by the budget; smoothed alike */
};

/* Common to all classes of a service. */
struct spw_share_tick {
	double seconds;
	bool trial; /* the capacity has just been tried upwards */
	bool crowded_known;
	bool crowded; /* the budget is used up, so it refuses some sources in the share */
};

/** spw_share_begin() - admit all sources. */
void spw_share_begin(struct spw_share_memory *memory);

/**
 * spw_share_take() - one tick of one class that sheds.
 * @left_per_s: of the budget, after the classes above
 * Returns how much of it the class takes.
 */
double spw_share_take(struct spw_share_memory *memory, const struct spw_share_tick *tick, double left_per_s);

#endif
