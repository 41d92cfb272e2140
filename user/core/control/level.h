/* SPDX-License-Identifier: GPL-2.0-only */
/* The level of one service: up at once, down after a hold. Pure; called by decide.c, which states the rules. */
#ifndef SPW_CORE_LEVEL_H
#define SPW_CORE_LEVEL_H

#include "decision.h"

/* From tick to tick; zero it to begin. */
struct spw_level_memory {
	u8 level;
	bool to_green;	/* green would suffice: the load has ended */
	bool fell;	/* the last change was a step down */
	double hold_s;	/* current; doubled by flapping */
	double since_s; /* since the last change */
	double quiet_s; /* how long a lower level would have sufficed */
	double calm_s;	/* how long without flapping */
};

/* The level needed in this tick. */
struct spw_level_need {
	u8 least;   /* lower ones don't cover the excess: up to this at once */
	u8 enough;  /* covers it with a margin: down towards this, in time */
	u8 because; /* enum spw_rule, for least */
};

/** spw_level_take() - one tick of @seconds. Returns the rule that settled memory->level. */
enum spw_rule spw_level_take(struct spw_level_memory *memory, const struct spw_level_need *need, double base_hold_s,
			     double seconds);

/** spw_level_hold_left() - seconds until it may go down. */
double spw_level_hold_left(const struct spw_level_memory *memory);

#endif
