/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting, driving and judging a simulation. A test that needs more than a sim_case sets it in sim->setup before the
 * first step, or makes its own setup and calls sim_new().
 */
#ifndef SPW_SIM_RUNNER_H
#define SPW_SIM_RUNNER_H

#include "plant.h"

/* The usual differences to sim_defaults(); omitted ones keep the default. */
struct sim_case {
	double (*load)(const struct sim *sim, u32 site, double time);
	double (*strength)(const struct sim *sim, u32 site, double time);
	bool (*tamper)(struct sim *sim, struct spw_facts *facts);
	double parameter; /* for the callbacks */
	bool known;	  /* the capacity is set by the policy */
	u32 sites;	  /* all alike; 0: one */
	u64 seed;
};

/* Results over a period, of the first site. */
struct sim_score {
	double good;		     /* of its capacity: answered within a second */
	double top_good, top_prompt; /* of the highest class's requests: within a second, within 250 ms */
	double refused;		     /* of all first SYNs */
};

/** sim_steady() - a constant load: the setup's parameter. */
double sim_steady(const struct sim *sim, u32 site, double time);

/** sim_begin() - a simulation at time 0 according to @its. The caller ends it with sim_end(). */
struct sim *sim_begin(const struct sim_case *its);

/** sim_check() - fail the test, naming @what, if an invariant was violated. */
void sim_check(const struct sim *sim, const char *what);

/** sim_end() - sim_check(), then free. */
void sim_end(struct sim *sim, const char *what);

/** sim_score() - run until @to and return the results from @from on; fails the test like sim_check(). */
struct sim_score sim_score(struct sim *sim, const char *what, double from, double to);

#endif
