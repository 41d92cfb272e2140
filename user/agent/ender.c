/* SPDX-License-Identifier: GPL-2.0-only */
#include "ender.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/control/decide.h"

#define SWEEP_NS       2000000ull     /* per tick, for looking and ending, while something may be ended */
#define GLANCE_NS      500000ull      /* otherwise, to divide requests among classes */
#define CEASED_NS      10000000000ull /* without an end for so long, connections are no longer being ended */
#define ENDS_PER_S     4000.0	      /* SOCK_DESTROY takes some 3 us, and SYNs that come back are refused at the NIC */
#define LEFT_LEAST     0.1	      /* of a budget, for new connections */
#define HURRY_FROM     0.3	      /* of the capacity, on established connections */
#define STANDING_LEAST 0.05 /* of what can be sustained: less on established connections is not worth ending any */

/* From the first connection of a service that is ended to a pause. */
struct episode {
	u64 begun_ns, last_ns; /* 0: there is none */
	u64 ended;
	char service[SPW_NAME_MAX];
};

struct ender {
	const struct in_force *in_force;
	struct spw_signals *signals;
	struct journal *journal;
	bool gives_up; /* some class of the configuration does */
	bool patient;  /* some service has a patience */
	u64 counted_ns, acted_ns;
	double allowance; /* connections that may be ended now */
	struct episode episodes[SPW_SERVICES_MAX];
	int sweep_err, lookup_err, end_err; /* of the last tick, logged when they change */
	struct spw_established established[SPW_SERVICES_MAX];
	struct spw_decision planned; /* where classes give connections up */
	struct spw_connection found[SPW_SWEEP_STEP_MAX];
	struct spw_ending ending;
	u32 shares[SPW_SERVICES_MAX][SPW_CLASSES_MAX]; /* by which connections are ended, by rank */
	struct spw_picks picks;
};

struct ender *ender_new(const struct in_force *in_force, struct spw_signals *signals, struct journal *journal)
{
	struct ender *ender = calloc(1, sizeof(*ender));

	if (ender) {
		ender->in_force = in_force;
		ender->signals = signals;
		ender->journal = journal;
	}
	return ender;
}

/* ---- the journal ---- */

static void tell_begin(struct ender *ender, const struct spw_connection *first, u64 now_ns)
{
	struct episode *episode = &ender->episodes[first->service];
	const char *class = ender->in_force->config->classes[first->rank].name;
	bool share = spw_ending_reason(&ender->ending, first) == SPW_ENDING_SHARE;

	*episode = (struct episode){.begun_ns = now_ns};
	snprintf(episode->service, sizeof(episode->service), "%s",
		 ender->in_force->config->services[first->service].name);
	spw_log(LOG_NOTICE, "connections are being ended, the first of class %s of service %s: %s", class,
		episode->service,
		share ? "more requests come on established connections than can be served"
		      : "they wait for longer than the patience of their visitors");
	journal_event(ender->journal, "ending",
		      json_pack("{s:s,s:b,s:s,s:s}", "service", episode->service, "ending", true, "class", class,
				"reason", share ? "share" : "patience"));
}

static void tell_end(struct ender *ender, struct episode *episode)
{
	double seconds = (double)(episode->last_ns - episode->begun_ns) / 1e9;

	if (!episode->begun_ns)
		return;
	spw_log(LOG_NOTICE, "connections of service %s are no longer ended: %llu were, within %.1f s", episode->service,
		(unsigned long long)episode->ended, seconds);
	journal_event(ender->journal, "ending",
		      json_pack("{s:s,s:b,s:I,s:f}", "service", episode->service, "ending", false, "ended",
				(json_int_t)episode->ended, "seconds", seconds));
	*episode = (struct episode){0};
}

static void count_end(struct ender *ender, const struct spw_connection *connection, u64 now_ns)
{
	struct episode *episode = &ender->episodes[connection->service];

	if (!episode->begun_ns)
		tell_begin(ender, connection, now_ns);
	episode->last_ns = now_ns;
	episode->ended++;
}

static void tell_pauses(struct ender *ender, u64 now_ns)
{
	for (u32 i = 0; i < SPW_SERVICES_MAX; i++)
		if (now_ns - ender->episodes[i].last_ns > CEASED_NS)
			tell_end(ender, &ender->episodes[i]);
}

static void tell_ends(struct ender *ender)
{
	for (u32 i = 0; i < SPW_SERVICES_MAX; i++)
		tell_end(ender, &ender->episodes[i]);
}

void ender_free(struct ender *ender)
{
	if (ender)
		tell_ends(ender);
	free(ender);
}

void ender_follow(struct ender *ender)
{
	const struct spw_config *config = ender->in_force->config;

	tell_ends(ender); /* indices of services may change */
	ender->gives_up = ender->patient = false;
	for (size_t i = 0; i < config->classes_count; i++)
		ender->gives_up |= config->classes[i].gives_up;
	for (size_t i = 0; i < config->services_count; i++)
		ender->patient |= config->services[i].patience_ns > 0;
	memset(ender->established, 0, sizeof(ender->established));
	ender->counted_ns = ender->acted_ns = 0;
}

static double seconds_since(u64 *last_ns, u64 now_ns)
{
	double seconds = *last_ns && now_ns > *last_ns ? (double)(now_ns - *last_ns) / 1e9 : 0;

	*last_ns = now_ns;
	return seconds <= 1 ? seconds : 0;
}

void ender_count(struct ender *ender, struct spw_facts *facts)
{
	double seconds = seconds_since(&ender->counted_ns, facts->now_ns);
	u32 classes_count = (u32)ender->in_force->config->classes_count;

	for (u32 i = 0; i < facts->services_count; i++)
		spw_established_take(&ender->established[i], &facts->services[i], classes_count, seconds);
	ender_add(ender, facts);
}

void ender_add(struct ender *ender, struct spw_facts *facts)
{
	for (u32 i = 0; ender->gives_up && i < facts->services_count; i++)
		spw_established_add(&ender->established[i], (u32)ender->in_force->config->classes_count,
				    &facts->services[i]);
}

const struct spw_decision *ender_plan(struct ender *ender, const struct spw_decision *decision)
{
	if (!ender->gives_up)
		return decision;
	ender->planned = *decision;
	for (u32 i = 0; i < decision->services_count; i++) {
		double budget = decision->services[i].budget_per_s, left = budget - ender->established[i].per_s;

		ender->planned.services[i].budget_per_s = left > LEFT_LEAST * budget ? left : LEFT_LEAST * budget;
	}
	return &ender->planned;
}

/* ---- classes of sources ---- */

static u64 join(u32 upper, u32 lower)
{
	return (u64)ntohl(upper) << 32 | ntohl(lower);
}

static struct spw_lookup question(const struct ender *ender, const struct spw_connection *connection)
{
	const u32 *remote = connection->remote;
	struct spw_addr addr = {join(remote[0], remote[1]), join(remote[2], remote[3])};
	bool ipv4 = connection->family == 4 || spw_addr_unmap(&addr);

	return (struct spw_lookup){
		.service = ender->in_force->identities->services[connection->service],
		.family = ipv4 ? 4 : 6,
		.source_hi = addr.hi,
		.source_lo = addr.lo,
	};
}

/* What cannot be classified is never touched. */
static void classify(const struct ender *ender, const struct spw_lookup *lookup, struct spw_connection *connection)
{
	const struct spw_config *config = ender->in_force->config;

	connection->rank = SPW_CLASSES_MAX;
	for (u32 rank = 0; rank < config->classes_count; rank++)
		if (ender->in_force->identities->classes[rank] == lookup->class_id)
			connection->rank = (u8)rank;
	if (!(lookup->flags & SPW_LOOKUP_ANSWERED) || lookup->flags & SPW_LOOKUP_MANAGEMENT ||
	    spw_config_is_management_port(config, ntohs(connection->local_port)))
		connection->flags |= SPW_CONNECTION_MANAGEMENT;
	if (lookup->flags & SPW_LOOKUP_INSIDE || (connection->rank < SPW_CLASSES_MAX &&
						  lookup->place < ender->shares[connection->service][connection->rank]))
		connection->flags |= SPW_CONNECTION_INSIDE;
}

static int look_up(const struct ender *ender, struct spw_connection *connections, u32 count)
{
	struct spw_lookup lookups[SPW_LOOKUPS_MAX];
	int err = 0;

	for (u32 from = 0, some; from < count; from += some) {
		int one;

		some = count - from < SPW_LOOKUPS_MAX ? count - from : SPW_LOOKUPS_MAX;
		for (u32 i = 0; i < some; i++)
			lookups[i] = question(ender, &connections[from + i]);
		one = spw_datapath_look_up(ender->in_force->datapath, lookups, some);
		for (u32 i = 0; i < some; i++) {
			if (one)
				lookups[i].flags = 0;
			classify(ender, &lookups[i], &connections[from + i]);
		}
		err = one ? one : err;
	}
	return err;
}

/* ---- a tick ---- */

/* The load comes on established connections, and is more than can be served. */
static bool is_pressed(const struct spw_established *established, const struct spw_service_decision *decision)
{
	return established->present && decision->budget_per_s > 0 &&
	       established->per_s > STANDING_LEAST * decision->sustained_per_s &&
	       (decision->saturated || decision->admitted_per_s > decision->sustained_per_s);
}

/* What may be ended; false: nothing. */
static bool permit(struct ender *ender, const struct spw_decision *decision, bool acts)
{
	const struct spw_config *config = ender->in_force->config;
	struct spw_ending *ending = &ender->ending;
	bool any = false;

	memset(ending, 0, sizeof(*ending));
	for (u32 i = 0; acts && i < decision->services_count && i < config->services_count; i++) {
		const struct spw_service_decision *service = &decision->services[i];
		bool pressed = is_pressed(&ender->established[i], service);

		ending->patience_ns[i] = config->services[i].patience_ns;
		any |= ending->patience_ns[i] > 0;
		for (u32 rank = 0; rank < config->classes_count && rank < SPW_CLASSES_MAX; rank++) {
			const struct spw_class_decision *class = &service->classes[rank];

			ending->gives_up[i][rank] = pressed && config->classes[rank].gives_up &&
						    (class->sheds || class->cut);
			ender->shares[i][rank] =
				spw_share_of(spw_established_share(&ender->established[i], rank, service));
			any |= ending->gives_up[i][rank];
		}
	}
	return any;
}

static void tell(int *before, int err, const char *what)
{
	if (err && err != *before)
		spw_log(LOG_ERR, "%s: %s; the connections stay", what, strerror(-err));
	*before = err;
}

/* Look at connections until the sweep is whole or the time is up. */
static void sweep(struct ender *ender, u64 now_ns, u64 until_ns)
{
	struct spw_connections *connections = spw_signals_connections(ender->signals);
	int sweep_err = 0, lookup_err = 0, one;
	bool whole = false;
	u32 count;

	while (!whole && spw_monotonic_ns() < until_ns) {
		one = spw_connections_sweep(connections, now_ns, ender->found, &count, &whole);
		sweep_err = one ? one : sweep_err;
		one = look_up(ender, ender->found, count);
		lookup_err = one ? one : lookup_err;
		for (u32 i = 0; i < count; i++) {
			spw_established_see(&ender->established[ender->found[i].service], &ender->found[i]);
			spw_picks_offer(&ender->picks, &ender->ending, &ender->found[i]);
		}
	}
	for (u32 i = 0; whole && i < SPW_SERVICES_MAX; i++)
		spw_established_swept(&ender->established[i]);
	tell(&ender->sweep_err, sweep_err, "cannot look at established connections");
	tell(&ender->lookup_err, lookup_err, "cannot ask for the classes of established connections");
}

static void end_picks(struct ender *ender, u64 now_ns)
{
	const struct spw_connection *victims = ender->picks.heap;
	bool ended[SPW_PICKS_MAX];
	u32 total = 0;
	int err;

	if (!ender->picks.count)
		return;
	spw_picks_sort(&ender->picks, &ender->ending);
	err = spw_connections_end(spw_signals_connections(ender->signals), victims, ender->picks.count, ended);
	for (u32 i = 0; i < ender->picks.count; i++) {
		if (!ended[i])
			continue;
		total++;
		count_end(ender, &victims[i], now_ns);
		spw_established_ended(&ender->established[victims[i].service], &victims[i],
				      spw_ending_reason(&ender->ending, &victims[i]));
	}
	ender->allowance -= total;
	tell(&ender->end_err, err, "cannot end connections");
}

static bool has_requests(const struct ender *ender, u32 services_count)
{
	for (u32 i = 0; i < services_count; i++)
		if (ender->established[i].per_s > 0.01)
			return true;
	return false;
}

void ender_tick(struct ender *ender, u64 now_ns, const struct spw_decision *decision, bool acts)
{
	double seconds = seconds_since(&ender->acted_ns, now_ns);
	u32 classes_count = (u32)ender->in_force->config->classes_count;
	bool may_end = permit(ender, decision, acts);

	ender->allowance += seconds * ENDS_PER_S;
	if (ender->allowance > ENDS_PER_S * SPW_TICK_NS / 1e9)
		ender->allowance = ENDS_PER_S * SPW_TICK_NS / 1e9;
	spw_picks_begin(&ender->picks, may_end && ender->allowance > 0 ? (u32)ender->allowance : 0);
	if (may_end || has_requests(ender, decision->services_count)) {
		u64 begin_ns = spw_monotonic_ns();

		sweep(ender, begin_ns, begin_ns + (may_end ? SWEEP_NS : GLANCE_NS));
		end_picks(ender, now_ns);
	}
	tell_pauses(ender, now_ns);
	for (u32 i = 0; i < decision->services_count; i++)
		spw_established_withhold(&ender->established[i], &decision->services[i], classes_count, seconds);
}

bool ender_hurries(const struct ender *ender, const struct spw_decision *decision)
{
	for (u32 i = 0; ender->gives_up && i < decision->services_count; i++) {
		const struct spw_service_decision *service = &decision->services[i];

		if (service->capacity_per_s > 0 && ender->established[i].per_s > HURRY_FROM * service->capacity_per_s)
			return true;
	}
	return false;
}

const struct spw_established *ender_established(const struct ender *ender)
{
	return ender->established;
}
