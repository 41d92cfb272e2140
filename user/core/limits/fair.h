/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fair share: how much one source of a class that gets less than it asks for may have, so that the heaviest give way
 * first. Pure; used by the agent for classes with `fair: true` (user/agent/limiter.c).
 *
 * Max-min fairness by water-filling (Bertsekas, Gallager: "Data Networks", 1992, section 6.5.2): each source gets what
 * it asks for up to a common level, as high as the budget allows. Nobody below it is limited, and a limited source has
 * no less than any other.
 */
#ifndef SPW_CORE_FAIR_H
#define SPW_CORE_FAIR_H

#include <stddef.h>

#include "core/control/decide.h"

/* What one source, or one prefix, asks for. */
struct spw_fair_claim {
	u64 source; /* first 64 bits of its address, masked */
	u8 family;
	u8 class_id;	  /* identity */
	double new_per_s; /* new work */
};

/* State of a class, over all services that shed it. */
struct spw_fair_need {
	double demand_per_s; /* fresh new work */
	double budget_per_s; /* left for it by the classes above */
};

/** spw_fair_need() - of the class with rank @rank. Returns false if no service sheds it. */
bool spw_fair_need(const struct spw_decision *decision, u32 rank, struct spw_fair_need *need);

/**
 * spw_fair_level() - the water level.
 * @rates_per_s: what each asks for, not negative; sorted by this call
 * @budget_per_s: for all of them
 * Returns F such that the sum of min(rate, F) is the budget; 0: everything fits, nobody is to be limited.
 */
double spw_fair_level(double *rates_per_s, size_t count, double budget_per_s);

/**
 * spw_fair_rate() - for a class whose heaviest sources are known; all others are lighter.
 * @claims: of any class; those of @class_id count
 * @scratch: @count numbers
 * The lighter ones are served first; if they exceed the budget, the result is the rate of the lightest known one.
 * Returns as spw_fair_level().
 */
double spw_fair_rate(const struct spw_fair_claim *claims, size_t count, u8 class_id, const struct spw_fair_need *need,
		     double *scratch);

#endif
