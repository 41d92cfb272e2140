/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the tests of this ring begin a world, drive it and judge what came of it. A test that needs more than a case says
 * sets it in sim->setup before the first step, or draws a whole setup of its own and calls sim_new().
 */
#ifndef SPW_SIM_RUNNER_H
#define SPW_SIM_RUNNER_H

#include "plant.h"

/* What differs from sim_defaults() in most tests; what is left out stays as it is there. */
struct sim_case {
	double (*load)(const struct sim *sim, u32 site, double time);
	double (*strength)(const struct sim *sim, u32 site, double time);
	bool (*tamper)(struct sim *sim, struct spw_facts *facts);
	double parameter; /* the callbacks' own */
	bool known;	  /* the policy says what the sites can serve */
	u32 sites;	  /* all alike; 0: one */
	u64 seed;
};

/* What a while has brought, of the first site. */
struct sim_score {
	double good;		     /* of what it can serve, answered within a second */
	double top_good, top_prompt; /* of what the highest class asked, within a second, within 250 ms */
	double refused;		     /* of all first SYNs */
};

/** sim_steady() - a load that is always the setup's parameter. */
double sim_steady(const struct sim *sim, u32 site, double time);

/** sim_begin() - a world at time 0 as @its says. The caller ends it with sim_end(). */
struct sim *sim_begin(const struct sim_case *its);

/** sim_check() - fails the test, naming @what, if something was that must never be. */
void sim_check(const struct sim *sim, const char *what);

/** sim_end() - sim_check(), and it is freed. */
void sim_end(struct sim *sim, const char *what);

/** sim_score() - run to @to and tell what there was from @from on; fails the test as sim_check() does. */
struct sim_score sim_score(struct sim *sim, const char *what, double from, double to);

#endif
