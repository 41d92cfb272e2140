/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner.h"

double sim_steady(const struct sim *sim, u32 site, double time)
{
	(void)site;
	(void)time;
	return sim->setup.parameter;
}

struct sim *sim_begin(const struct sim_case *its)
{
	struct sim_setup setup;

	sim_defaults(&setup);
	setup.load = its->load;
	setup.strength = its->strength;
	setup.tamper = its->tamper;
	setup.parameter = its->parameter;
	if (its->seed)
		setup.seed = its->seed;
	if (its->sites)
		setup.sites_count = setup.policy.services_count = its->sites;
	for (u32 i = 0; i < setup.sites_count; i++) {
		setup.sites[i] = setup.sites[0];
		setup.policy.services[i] = setup.policy.services[0];
		setup.policy.services[i].id = (u8)(i + 1);
		setup.policy.services[i].capacity_per_s = its->known ? setup.sites[i].capacity_per_s : 0;
	}
	return sim_new(&setup);
}

void sim_check(const struct sim *sim, const char *what)
{
	if (sim->broken)
		fail_msg("%s, seed %llu: %s, at %.1f s", what, (unsigned long long)sim->setup.seed, sim->broken,
			 sim->broken_at);
}

void sim_end(struct sim *sim, const char *what)
{
	sim_check(sim, what);
	sim_free(sim);
}

struct sim_score sim_score(struct sim *sim, const char *what, double from, double to)
{
	const struct sim_tally *top = &sim->sites[0].tallies[0];
	struct sim_tally sum;

	sim_run(sim, from);
	sim_tally_anew(sim);
	sim_run(sim, to);
	sim_check(sim, what);
	sum = sim_sum(sim, 0);
	return (struct sim_score){
		.good = (double)sum.good / (sim->setup.sites[0].capacity_per_s * (to - from)),
		.top_good = (double)top->good / (double)top->offered,
		.top_prompt = (double)top->prompt / (double)top->offered,
		.refused = (double)sum.refused / (double)sum.offered,
	};
}
