/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which share of its sources each class has admitted: the budget is dealt out from the highest class down. Pure; called
 * by decide.c alone, which has the rules in prose.
 */
#ifndef SPW_CORE_SHARE_H
#define SPW_CORE_SHARE_H

#include "decision.h"

/* Of one class of one service, from tick to tick. */
struct spw_share_memory {
	double share;	       /* 0 to 1 */
	double weight;	       /* what its admitted sources bring, over what their number would: 1 */
	double fast_per_s;     /* load, smooth over the time in which a level rises */
	double slow_per_s;     /* and over that in which it falls */
	double burst;	       /* how many connections come at once: variance over mean of a tick's count, at least 1 */
	double odd_s;	       /* how long without a break more came than chance explains easily, */
	double odd_work;       /* how much, */
	double before_per_s;   /* and the load before that */
	double since_s;	       /* since the load was another one altogether: loads are means over no more than that */
	double fresh_per_s;    /* smooth over a second */
	double expected_per_s; /* the part of it that the share alone would let in; as smooth */
	double inside_per_s;   /* what its admitted sources bring afresh, passed or crowded out; as smooth */
};

/* What all classes of a service share in. */
struct spw_share_tick {
	double seconds;
	bool trial; /* the capacity has just been tried upwards */
	bool crowded_known;
	bool crowded; /* the budget is used up, so it refuses some of those who are in the share */
};

/** spw_share_begin() - everybody is in. */
void spw_share_begin(struct spw_share_memory *memory);

/**
 * spw_share_take() - one tick of one class that sheds.
 * @left_per_s: of the budget, once the classes above have theirs
 * Returns what it takes of that.
 */
double spw_share_take(struct spw_share_memory *memory, const struct spw_share_tick *tick, double left_per_s);

#endif
