/* SPDX-License-Identifier: GPL-2.0-only */
#include "limiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/limit_policy.h"

#define SCAN_PAGES  128u /* of the table of sources, per tick: below 0.2 ms, and the whole table in 4 s */
#define SCAN_SETS   256u /* of the table of UDP sessions, per tick: all of it in 3.2 s */
#define FAIR_CHANGE 0.05 /* relative change after which a fair share is written */

struct limiter {
	const struct in_force *in_force;
	struct spw_limit_policy policy;
	struct spw_limits limits;
	struct spw_reseeding reseeding;
	struct spw_meter_state state;
	const struct spw_meters *meters;     /* mapped; NULL: fill unknown */
	const struct spw_sessions *sessions; /* the same */
	double fair_per_s[SPW_CLASSES_MAX];  /* by rank; 0: no fair share */
	bool write_failed;
};

static u64 draw(void)
{
	u64 number = 0;

	/* Linux has entropy once booted. */
	return getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number) ? number : spw_monotonic_ns();
}

static void write_limits(struct limiter *limiter)
{
	int err = spw_datapath_limit(limiter->in_force->datapath, &limiter->limits);

	if (err && !limiter->write_failed)
		spw_log(LOG_ERR, "cannot write the limits: %s; the former ones hold", strerror(-err));
	limiter->write_failed = err;
}

/* Seeds are kept: a restart or upgrade forgets no source. New pins have none. */
static int read_seeds(struct limiter *limiter)
{
	struct spw_limits *limits = &limiter->limits;
	int err = spw_datapath_limits(limiter->in_force->datapath, limits);

	if (err || limits->seeds[0])
		return err;
	for (u32 i = 0; i < 2; i++) {
		limits->seeds[i] = draw();
		limits->families[i].salt = draw();
	}
	return 0;
}

int limiter_new(const struct in_force *in_force, struct limiter **result)
{
	struct limiter *limiter = calloc(1, sizeof(*limiter));
	int err;

	if (!limiter)
		return -ENOMEM;
	limiter->in_force = in_force;
	err = read_seeds(limiter);
	if (err) {
		free(limiter);
		return err;
	}
	limiter->meters = spw_datapath_meters(in_force->datapath);
	if (!limiter->meters)
		spw_log(LOG_WARNING, "cannot map the meters: %s; metrics do not tell how full they are",
			strerror(errno));
	limiter->sessions = spw_datapath_sessions(in_force->datapath);
	if (!limiter->sessions)
		spw_log(LOG_WARNING, "cannot map the table of UDP sessions: %s; metrics do not tell how many there are",
			strerror(errno));
	limiter_follow(limiter);
	*result = limiter;
	return 0;
}

void limiter_free(struct limiter *limiter)
{
	if (limiter) {
		spw_meters_unmap(limiter->meters);
		spw_sessions_unmap(limiter->sessions);
	}
	free(limiter);
}

void limiter_follow(struct limiter *limiter)
{
	const struct in_force *in_force = limiter->in_force;

	spw_limit_policy_make(in_force->config, in_force->identities->classes, &limiter->policy);
	memset(limiter->fair_per_s, 0, sizeof(limiter->fair_per_s));
	spw_limits_plan(&limiter->policy, NULL, in_force->datapath->jiffies_per_second, &limiter->limits);
	write_limits(limiter);
}

/* ---- fair shares ---- */

/* The heaviest sources of new work. Returns how many; *claims belongs to the caller. */
static size_t heaviest_sources(const struct spw_talkers *talkers, struct spw_fair_claim **claims)
{
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

/* Returns whether a fair share has changed enough to be written. */
static bool share_fairly(struct limiter *limiter, const struct limiter_tick *tick)
{
	_cleanup_free_ struct spw_fair_claim *claims = NULL;
	_cleanup_free_ double *scratch = NULL;
	struct spw_fair_need need;
	bool changed = false;
	size_t count = 0;

	for (u32 rank = 0; rank < limiter->policy.classes_count; rank++) {
		const struct spw_class_rates *class = &limiter->policy.classes[rank];
		double fair = 0;

		if (!class->fair)
			continue;
		if (!claims) {
			count = heaviest_sources(tick->talkers, &claims);
			scratch = calloc(count + 1, sizeof(*scratch));
		}
		if (claims && scratch && tick->decision && spw_fair_need(tick->decision, rank, &need))
			fair = spw_fair_rate(claims, count, class->id, &need, scratch);
		if (has_moved(limiter->fair_per_s[rank], fair)) {
			limiter->fair_per_s[rank] = fair;
			changed = true;
		}
	}
	return changed;
}

/* ---- fill ---- */

static void measure_fill(struct limiter *limiter, const struct limiter_tick *tick)
{
	struct spw_meter_state *state = &limiter->state;
	u64 began = spw_monotonic_ns(), now = tick->jiffies << SPW_TICK_SHIFT, took;

	if (!limiter->meters || !tick->jiffies)
		return;
	spw_fill_scan(&state->fill[SPW_SCOPE_SOURCE], limiter->meters->source, SPW_SOURCE_PAGES, SCAN_PAGES, now,
		      spw_least_tolerance(&limiter->limits, SPW_SCOPE_SOURCE, tick->level));
	spw_fill_scan(&state->fill[SPW_SCOPE_PREFIX], limiter->meters->prefix, SPW_PREFIX_PAGES,
		      SCAN_PAGES * SPW_PREFIX_PAGES / SPW_SOURCE_PAGES, now,
		      spw_least_tolerance(&limiter->limits, SPW_SCOPE_PREFIX, tick->level));
	if (limiter->sessions)
		spw_sessions_count(&state->sessions, limiter->sessions, SCAN_SETS, tick->jiffies,
				   &limiter->limits.sessions);
	took = spw_monotonic_ns() - began;
	if (took > state->longest_scan_ns)
		state->longest_scan_ns = took;
}

/* ---- the tick ---- */

static u64 longest_ns(const struct limiter *limiter)
{
	double ticks = (double)spw_limits_longest(&limiter->limits);
	double second = (double)limiter->in_force->datapath->jiffies_per_second * (double)(1u << SPW_TICK_SHIFT);

	return second > 0 ? (u64)(ticks / second * 1e9) : 0;
}

void limiter_tick(struct limiter *limiter, const struct limiter_tick *tick)
{
	struct spw_meter_state *state = &limiter->state;
	bool changed = share_fairly(limiter, tick);

	if (changed)
		spw_limits_plan(&limiter->policy, limiter->fair_per_s, limiter->in_force->datapath->jiffies_per_second,
				&limiter->limits);
	if (spw_reseed(&limiter->reseeding, tick->now_ns, longest_ns(limiter), draw(), &limiter->limits) || changed)
		write_limits(limiter);
	measure_fill(limiter, tick);
	memcpy(state->warming, limiter->limits.warming, sizeof(state->warming));
	state->reseeds = limiter->reseeding.count;
	state->classes_count = limiter->policy.classes_count;
	memcpy(state->fair_per_s, limiter->fair_per_s, sizeof(state->fair_per_s));
}

const double *limiter_fair(const struct limiter *limiter)
{
	return limiter->fair_per_s;
}

const struct spw_meter_state *limiter_meters(const struct limiter *limiter)
{
	return &limiter->state;
}
