/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which share of its sources each class has admitted: the budget is dealt out from the highest class down. Pure; called
 * by decide.c alone, which has the rules in prose.
 */
#ifndef SPW_CORE_SHARE_H
#define SPW_CORE_SHARE_H

#include "decide.h"

/* Of one class of one service, from tick to tick. */
struct spw_share_memory {
	double share;			    /* 0 to 1 */
	double weight;			    /* what its admitted sources bring, over what their number would: 1 */
	double fast_per_s;		    /* load, smooth over the time in which a level rises */
	double slow_per_s;		    /* and over that in which it falls */
	double fresh_per_s, admitted_per_s; /* smooth over a second */
};

/** spw_share_begin() - everybody is in. */
void spw_share_begin(struct spw_share_memory *memory);

/**
 * spw_share_take() - one tick of one class that sheds.
 * @left_per_s: of the budget, once the classes above have theirs
 * Returns what it takes of that.
 */
double spw_share_take(struct spw_share_memory *memory, double left_per_s, double seconds);

#endif
