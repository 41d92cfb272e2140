/* SPDX-License-Identifier: GPL-2.0-only */
/* One tick of limits. See limiting.h. */
#include "limiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/limit_policy.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/clock.h"
#include "state.h"

#define SCAN_PAGES  128u /* of sources, a tick: well below 0.2 ms, and all of them in four seconds */
#define FAIR_CHANGE 0.05 /* a fair share is written anew when it has moved by so much */

static u64 draw(void)
{
	u64 number = 0;

	/* Without entropy, which Linux has once it has booted, the old seed is as good as a guess. */
	return getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number) ? number : spw_monotonic_ns();
}

static void write_limits(struct agent *agent)
{
	struct agent_limiting *limiting = &agent->limiting;
	int err = spw_datapath_limit(&agent->datapath, &limiting->limits);

	if (err && !limiting->alarmed)
		spw_log(LOG_ERR, "cannot write the limits: %s; the former ones stand", strerror(-err));
	limiting->alarmed = err;
}

/* Seeds stand as they are, so that restart and upgrade forget nobody; in new pins there are none yet. */
int agent_begin_limiting(struct agent *agent)
{
	struct agent_limiting *limiting = &agent->limiting;
	int err = spw_datapath_limits(&agent->datapath, &limiting->limits);

	if (err)
		return err;
	if (!limiting->limits.seeds[0])
		for (u32 i = 0; i < 2; i++) {
			limiting->limits.seeds[i] = draw();
			limiting->limits.families[i].salt = draw();
		}
	limiting->meters = spw_datapath_meters(&agent->datapath);
	if (!limiting->meters)
		spw_log(LOG_WARNING, "cannot look into the meters: %s; how full they are is not known",
			strerror(errno));
	return 0;
}

void agent_follow_limits(struct agent *agent)
{
	struct agent_limiting *limiting = &agent->limiting;

	spw_limit_policy_make(&agent->config, agent->identities.classes, &limiting->policy);
	memset(limiting->fair_per_s, 0, sizeof(limiting->fair_per_s));
	spw_limits_plan(&limiting->policy, NULL, agent->datapath.jiffies_per_second, &limiting->limits);
	write_limits(agent);
}

/* ---- fair shares ---- */

/*
 * The sources that bring new work, of those that were seen to bring most. Returns how many there are; *claims is the
 * caller's.
 */
static size_t heaviest_sources(const struct agent *agent, struct spw_fair_claim **claims)
{
	const struct spw_talkers *talkers = agent->samples.talkers;
	u32 known = spw_talkers_count(talkers, SPW_TALKER_SOURCE);
	size_t count = 0;

	*claims = calloc(known + 1, sizeof(**claims));
	for (u32 i = 0; *claims && i < known; i++) {
		struct spw_talker talker;

		spw_talkers_get(talkers, SPW_TALKER_SOURCE, i, &talker);
		if (talker.new_per_s > 0)
			(*claims)[count++] = (struct spw_fair_claim){
				.source = talker.source_hi,
				.family = talker.family,
				.class_id = talker.class_id,
				.new_per_s = talker.new_per_s,
			};
	}
	return count;
}

static bool has_moved(double from, double to)
{
	return from > to * (1 + FAIR_CHANGE) || to > from * (1 + FAIR_CHANGE);
}

/* Returns whether any fair share has changed by enough to be written. */
static bool share_fairly(struct agent *agent)
{
	struct agent_limiting *limiting = &agent->limiting;
	_cleanup_free_ struct spw_fair_claim *claims = NULL;
	_cleanup_free_ double *scratch = NULL;
	struct spw_fair_need need;
	bool changed = false;
	size_t count = 0;

	for (u32 rank = 0; rank < limiting->policy.classes_count; rank++) {
		const struct spw_class_rates *class = &limiting->policy.classes[rank];
		double fair = 0;

		if (!class->fair)
			continue;
		if (!claims) {
			count = heaviest_sources(agent, &claims);
			scratch = calloc(count + 1, sizeof(*scratch));
		}
		if (scratch && spw_fair_need(&agent->deciding.decision, rank, &need))
			fair = spw_fair_rate(claims, count, class->id, &need, scratch);
		if (has_moved(limiting->fair_per_s[rank], fair)) {
			limiting->fair_per_s[rank] = fair;
			changed = true;
		}
	}
	return changed;
}

/* ---- fill ---- */

static void look_into_meters(struct agent *agent)
{
	struct agent_limiting *limiting = &agent->limiting;
	struct spw_meter_state *state = &limiting->state;
	u64 began = spw_monotonic_ns(), took, hz = agent->datapath.jiffies_per_second;
	u64 now = agent->control.lease_until_jiffies - agent->config.lease_ns * hz / 1000000000;
	u32 level = agent->control.level;

	if (!limiting->meters || !agent->control.lease_until_jiffies)
		return;
	now <<= SPW_TICK_SHIFT;
	spw_fill_scan(&state->fill[SPW_SCOPE_SOURCE], limiting->meters->source, SPW_SOURCE_PAGES, SCAN_PAGES, now,
		      spw_least_tolerance(&limiting->limits, SPW_SCOPE_SOURCE, level));
	spw_fill_scan(&state->fill[SPW_SCOPE_PREFIX], limiting->meters->prefix, SPW_PREFIX_PAGES,
		      SCAN_PAGES * SPW_PREFIX_PAGES / SPW_SOURCE_PAGES, now,
		      spw_least_tolerance(&limiting->limits, SPW_SCOPE_PREFIX, level));
	took = spw_monotonic_ns() - began;
	if (took > state->longest_scan_ns)
		state->longest_scan_ns = took;
}

static u64 longest_ns(const struct agent *agent)
{
	double ticks = (double)spw_limits_longest(&agent->limiting.limits);
	double second = (double)agent->datapath.jiffies_per_second * (double)(1u << SPW_TICK_SHIFT);

	return second > 0 ? (u64)(ticks / second * 1e9) : 0;
}

void agent_limit(struct agent *agent, u64 now)
{
	struct agent_limiting *limiting = &agent->limiting;
	bool changed = share_fairly(agent);

	if (changed)
		spw_limits_plan(&limiting->policy, limiting->fair_per_s, agent->datapath.jiffies_per_second,
				&limiting->limits);
	if (spw_reseed(&limiting->reseeding, now, longest_ns(agent), draw(), &limiting->limits) || changed)
		write_limits(agent);
	look_into_meters(agent);
	memcpy(limiting->state.warming, limiting->limits.warming, sizeof(limiting->state.warming));
	limiting->state.reseeds = limiting->reseeding.count;
	limiting->state.classes_count = limiting->policy.classes_count;
	memcpy(limiting->state.fair_per_s, limiting->fair_per_s, sizeof(limiting->state.fair_per_s));
}

void agent_end_limiting(struct agent *agent)
{
	spw_meters_unmap(agent->limiting.meters);
	agent->limiting.meters = NULL;
}
