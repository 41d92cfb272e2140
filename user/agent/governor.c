/* SPDX-License-Identifier: GPL-2.0-only */
#include "governor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ender.h"
#include "kernel/snapshot_reader.h"
#include "signals/signals.h"

/* The seed also hashes flows: derives another one for the places of sources. */
#define PLACE_SALT 0x9e3779b97f4a7c15ull

#define SAVE_NS 60000000000ull

/* New work of a class for a service dropped by limits, cumulative. */
struct held_back {
	u64 limited; /* as last counted */
	u64 demand;  /* the part held back by a fair share */
};

struct governor {
	const struct in_force *in_force;
	struct lease *lease;
	struct journal *journal;
	struct spw_signals *signals;
	struct spw_signal_notes notes;
	struct ender *ender;
	struct spw_memory *memory;
	struct spw_named_policy policy;
	bool has_policy;
	struct spw_override override;
	bool expecting; /* a step of demand is announced for about now */
	struct spw_facts facts;
	struct spw_facts glance; /* between two ticks: the counts of new work alone */
	struct spw_decision decision;
	bool decided; /* with the policy in force */
	struct spw_service_admission admission[SPW_SERVICE_IDENTITIES];
	bool admission_failed;
	u32 classes_read;					       /* identities of classes below this are read */
	struct held_back held_back[SPW_SERVICES_MAX][SPW_CLASSES_MAX]; /* by rank of the class */
	bool held_back_known;
	struct spw_deciding_pace pace;
	struct spw_timeline timeline;
	u64 saved_ns; /* when what was learned was saved; 0: not yet */
};

int governor_new(const struct in_force *in_force, struct lease *lease, struct journal *journal, sd_event *loop,
		 struct governor **result)
{
	struct governor *governor = calloc(1, sizeof(*governor));
	int err = governor ? 0 : -ENOMEM;

	if (!err) {
		governor->in_force = in_force;
		governor->lease = lease;
		governor->journal = journal;
		governor->memory = spw_memory_new();
		err = governor->memory ? spw_signals_open(loop, &governor->signals) : -ENOMEM;
	}
	if (!err) {
		governor->ender = ender_new(in_force, governor->signals, governor->journal);
		err = governor->ender ? governor_follow(governor) : -ENOMEM;
	}
	if (err)
		governor_free(governor);
	else
		*result = governor;
	return err;
}

/* ---- what was learned ---- */

static void keep_learned(struct governor *governor)
{
	const struct spw_named_policy *policy = &governor->policy;

	for (u32 i = 0; governor->has_policy && i < policy->policy.services_count; i++)
		journal_keep_learned(governor->journal, policy->services[i], spw_memory_learned(governor->memory, i));
}

/* New services get what an earlier run, or an earlier configuration, learned about them. */
static void restore_learned(struct governor *governor, const struct spw_named_policy *policy)
{
	for (u32 i = 0; i < policy->policy.services_count; i++) {
		const struct spw_learned *known = journal_learned(governor->journal, policy->services[i]);

		if (!governor->has_policy || spw_policy_service(&governor->policy, policy->services[i]) < 0)
			*spw_memory_learned(governor->memory, i) = known ? *known : (struct spw_learned){0};
	}
}

static void save_learned(struct governor *governor, u64 now_ns)
{
	if (!governor->saved_ns)
		governor->saved_ns = now_ns;
	if (now_ns - governor->saved_ns < SAVE_NS)
		return;
	governor->saved_ns = now_ns;
	keep_learned(governor);
	journal_save_learned(governor->journal);
}

void governor_free(struct governor *governor)
{
	if (!governor)
		return;
	keep_learned(governor);
	ender_free(governor->ender);
	spw_signals_close(governor->signals);
	spw_memory_free(governor->memory);
	free(governor);
}

/* ---- the policy ---- */

/* A capacity set by an operator overrides the configuration's. */
static void override_capacities(const struct governor *governor, struct spw_policy *policy)
{
	const struct spw_service_record *services = governor->in_force->registry->services;

	for (u32 i = 0; i < policy->services_count; i++) {
		u64 set = services[policy->services[i].id].operator_capacity_per_s;

		if (set)
			policy->services[i].capacity_per_s = (double)set;
	}
}

/* State moves with each service to its index in the new policy. */
static void adopt_policy(struct governor *governor, const struct spw_named_policy *policy)
{
	struct spw_learned learned[SPW_SERVICES_MAX] = {0};
	bool same = governor->has_policy && spw_policy_same(&governor->policy, policy);

	keep_learned(governor);
	if (governor->has_policy)
		spw_memory_follow(governor->memory, &governor->policy.policy, &policy->policy);
	restore_learned(governor, policy);
	for (u32 i = 0; i < policy->policy.services_count; i++)
		learned[i] = *spw_memory_learned(governor->memory, i);
	governor->policy = *policy;
	governor->has_policy = true;
	if (!same)
		governor->decided = false;
	journal_policy(governor->journal, policy, learned, governor->in_force->config->path, same);
}

int governor_follow(struct governor *governor)
{
	const struct in_force *in_force = governor->in_force;
	struct spw_named_policy policy;

	spw_policy_make(in_force->config, in_force->identities->classes, in_force->identities->services, &policy);
	override_capacities(governor, &policy.policy);
	governor->classes_read = 0;
	for (u32 i = 0; i < policy.policy.classes_count; i++)
		if (policy.policy.classes[i].id >= governor->classes_read)
			governor->classes_read = policy.policy.classes[i].id + 1u;
	governor->held_back_known = false;
	adopt_policy(governor, &policy);
	ender_follow(governor->ender);
	return spw_signals_follow(governor->signals, in_force->config, in_force->identities->services);
}

/* ---- the tick ---- */

/*
 * What a limit drops is not demand, or a flood held by limits would still raise the level. But a class under the budget
 * is shed by its fair share, so what that holds back counts.
 */
static u64 demand_held_back(struct governor *governor, u32 service, u32 rank, u64 limited, double fair_per_s)
{
	struct held_back *held = &governor->held_back[service][rank];

	if (governor->held_back_known && fair_per_s > 0 && limited > held->limited)
		held->demand += limited - held->limited;
	held->limited = limited;
	return held->demand;
}

/* Read the datapath's counters of each service into @its, by class rank. */
static int read_work(struct governor *governor, const double *fair_per_s, struct spw_facts *its)
{
	const struct spw_policy *policy = &governor->policy.policy;
	struct spw_work_counter counters[SPW_CLASSES_MAX];

	for (u32 i = 0; i < policy->services_count; i++) {
		struct spw_service_facts *facts = &its->services[i];
		int err = spw_read_work(governor->in_force->pins, policy->services[i].id, governor->classes_read,
					counters);

		if (err)
			return err;
		facts->crowded_present = true;
		for (u32 rank = 0; rank < policy->classes_count; rank++) {
			const struct spw_work_counter *counter = &counters[policy->classes[rank].id];

			memcpy(facts->fresh[rank], counter->fresh, sizeof(counter->fresh));
			facts->fresh[rank][SPW_DROP] +=
				demand_held_back(governor, i, rank, counter->limited, fair_per_s[rank]);
			memcpy(facts->resent[rank], counter->resent, sizeof(counter->resent));
			facts->crowded[rank] = counter->crowded;
		}
	}
	governor->held_back_known = true;
	return 0;
}

static void admit(struct governor *governor)
{
	const struct spw_datapath *datapath = governor->in_force->datapath;
	int err;

	spw_plan(&governor->policy.policy, ender_plan(governor->ender, &governor->decision),
		 datapath->jiffies_per_second, lease_control(governor->lease)->seed ^ PLACE_SALT, governor->admission);
	err = spw_datapath_admit(datapath, governor->admission);
	if (err && !governor->admission_failed)
		spw_log(LOG_ERR,
			"cannot write the admission parameters: %s; the former ones hold while the lease is renewed",
			strerror(-err));
	governor->admission_failed = err;
}

static void note_pace(struct spw_deciding_pace *pace, const struct spw_decision *decision, u64 took_ns)
{
	pace->decisions++;
	pace->total_ns += took_ns;
	if (took_ns > pace->longest_ns)
		pace->longest_ns = took_ns;
	if (decision->level != decision->former)
		pace->transitions[decision->level % SPW_LEVELS]++;
}

static void tell_journal(struct governor *governor)
{
	const struct journal_tick tick = {
		.policy = &governor->policy,
		.override = &governor->override,
		.facts = &governor->facts,
		.decision = &governor->decision,
		.notes = &governor->notes,
		.observing = lease_control(governor->lease)->mode == SPW_OBSERVE,
	};

	spw_signals_notes(governor->signals, &governor->facts, &governor->notes);
	journal_tick(governor->journal, &tick);
}

/* Announced steps of demand: short ticks, and a floor of the level. */
static bool expect(struct governor *governor)
{
	const struct spw_config *config = governor->in_force->config;

	return config &&
	       spw_expect(config->expectations, config->expectations_count, spw_wall_ns(), &governor->override);
}

/* Whether the datapath obeys what is decided. */
static bool acts(const struct governor *governor, u64 now_ns)
{
	const struct spw_control *control = lease_control(governor->lease);

	return control->mode == SPW_ENFORCE && control->lease_until_ns > now_ns;
}

void governor_tick(struct governor *governor, u64 now_ns, const double *fair_per_s)
{
	struct spw_facts *facts = &governor->facts;
	int err;

	facts->now_ns = now_ns;
	facts->services_count = governor->policy.policy.services_count;
	err = read_work(governor, fair_per_s, facts);
	if (err) {
		/* Half-updated facts would be worse than none. */
		spw_log(LOG_ERR, "cannot read the counters of new work: %s; no decision at this tick", strerror(-err));
		governor->decision.hurry = false;
		return;
	}
	spw_signals_read(governor->signals, now_ns, facts);
	ender_count(governor->ender, facts);
	governor->override = lease_override(governor->lease);
	governor->expecting = expect(governor);
	spw_decide(governor->memory, &governor->policy.policy, &governor->override, facts, &governor->decision);
	governor->decided = true;
	admit(governor);
	lease_set_level(governor->lease, governor->decision.level);
	ender_tick(governor->ender, now_ns, &governor->decision, acts(governor, now_ns));
	spw_timeline_add(&governor->timeline, &governor->policy.policy, &governor->decision);
	note_pace(&governor->pace, &governor->decision, spw_monotonic_ns() - now_ns);
	tell_journal(governor);
	save_learned(governor, now_ns);
}

/* ---- views ---- */

int governor_light_sockets(const struct governor *governor)
{
	return spw_signals_light(governor->signals);
}

bool governor_hurries(const struct governor *governor)
{
	return governor->decision.hurry || governor->expecting || ender_hurries(governor->ender, &governor->decision);
}

bool governor_watches(const struct governor *governor)
{
	const struct spw_decision *decision = &governor->decision;

	for (u32 i = 0; governor->decided && i < decision->services_count; i++)
		if (decision->services[i].origin == SPW_CAPACITY_UNKNOWN && !decision->blind)
			return true;
	return false;
}

bool governor_glance(struct governor *governor, u64 now_ns, const double *fair_per_s)
{
	struct spw_facts *glance = &governor->glance;

	glance->now_ns = now_ns;
	glance->services_count = governor->policy.policy.services_count;
	if (read_work(governor, fair_per_s, glance))
		return false;
	ender_add(governor->ender, glance);
	return spw_glance(governor->memory, &governor->policy.policy, glance);
}

const struct spw_named_policy *governor_policy(const struct governor *governor)
{
	return &governor->policy;
}

const struct spw_decision *governor_decision(const struct governor *governor)
{
	return governor->pace.decisions ? &governor->decision : NULL;
}

const struct spw_timeline *governor_timeline(const struct governor *governor)
{
	return &governor->timeline;
}

bool governor_view(const struct governor *governor, struct spw_governance *view)
{
	*view = (struct spw_governance){
		.policy = &governor->policy,
		.facts = &governor->facts,
		.decision = &governor->decision,
		.established = ender_established(governor->ender),
		.pace = &governor->pace,
		.history = journal_history(governor->journal),
	};
	return governor->pace.decisions;
}

bool governor_explain(struct governor *governor, struct spw_explanation *explanation)
{
	*explanation = (struct spw_explanation){
		.policy = &governor->policy,
		.decision = &governor->decision,
		.override = &governor->override,
		.notes = &governor->notes,
		.established = ender_established(governor->ender),
		.observing = lease_control(governor->lease)->mode == SPW_OBSERVE,
	};
	/* Their texts are valid only until the next call into signals. */
	spw_signals_notes(governor->signals, &governor->facts, &governor->notes);
	journal_explain(governor->journal, explanation);
	return governor->decided;
}
