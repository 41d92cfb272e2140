/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fair share: of a class that gets less than it asks for, how much one source may have so that the heaviest give way
 * first. Pure; called by the agent for classes with `fair: true` (user/agent/limiter.c) and by the tests.
 *
 * Max-min fairness by water-filling (Bertsekas, Gallager: "Data Networks", 1992, section 6.5.2): everybody gets what
 * he asks for up to one common level, which is as high as the budget allows. So nobody below it is limited, and whoever
 * is, has no less than anybody else.
 */
#ifndef SPW_CORE_FAIR_H
#define SPW_CORE_FAIR_H

#include <stddef.h>

#include "core/control/decide.h"

/* What one source asks for, or one prefix. */
struct spw_fair_claim {
	u64 source; /* first 64 bits of its address, masked */
	u8 family;
	u8 class_id;	  /* identity */
	double new_per_s; /* new work */
};

/* Of a class at one moment, over all services that shed it. */
struct spw_fair_need {
	double demand_per_s; /* fresh new work */
	double budget_per_s; /* what is left for it by the classes above */
};

/** spw_fair_need() - of the class with rank @rank. Returns false if no service sheds it now. */
bool spw_fair_need(const struct spw_decision *decision, u32 rank, struct spw_fair_need *need);

/**
 * spw_fair_level() - the level of the water.
 * @rates_per_s: what each asks for, not negative; sorted by this call
 * @budget_per_s: for all of them
 * Returns F, with the sum of min(rate, F) being the budget; 0: all of it fits, nobody is to be limited.
 */
double spw_fair_level(double *rates_per_s, size_t count, double budget_per_s);

/**
 * spw_fair_rate() - for a class whose heaviest sources are known, the rest being lighter than each of them.
 * @claims: of any class; those of @class_id count
 * @scratch: room for @count numbers
 * The lighter ones are given what they ask for before; if that is more than there is, the lightest of the known is as
 * far as it goes. Returns as spw_fair_level().
 */
double spw_fair_rate(const struct spw_fair_claim *claims, size_t count, u8 class_id, const struct spw_fair_need *need,
		     double *scratch);

#endif
