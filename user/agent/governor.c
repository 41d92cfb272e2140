/* SPDX-License-Identifier: GPL-2.0-only */
/* One tick: facts -> decision -> orders -> story. See deciding.h. */
#include "governor.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "state.h"

#define PLACE_SALT                                                                                                     \
	0x9e3779b97f4a7c15ull /* tells the places of sources from the hashes of flows: one seed serves both */

static struct spw_journal_places places_of(const struct agent *agent)
{
	return (struct spw_journal_places){
		.state_dir = agent->config.state_dir,
		.run_dir = agent->config.run_dir,
		.hooks_dir = agent->config.hooks_dir,
		.hook_timeout_ns = agent->config.hooks_timeout_ns,
		.config = agent->config_path,
	};
}

int agent_begin_deciding(struct agent *agent)
{
	struct agent_deciding *deciding = &agent->deciding;
	const struct spw_journal_places places = places_of(agent);

	deciding->memory = spw_memory_new();
	deciding->journal = spw_journal_begin(agent->loop, &places);
	if (!deciding->memory || !deciding->journal || spw_signals_open(agent->loop, &deciding->signals))
		return -ENOMEM;
	return agent_follow_policy(agent);
}

/* An operator's word on a capacity outlives the configuration's. */
static void take_capacities(struct agent *agent)
{
	struct spw_policy *policy = &agent->deciding.policy.policy;

	for (u32 i = 0; i < policy->services_count; i++) {
		u64 said = agent->registry.services[policy->services[i].id].operator_capacity_per_s;

		if (said)
			policy->services[i].capacity_per_s = (double)said;
	}
}

int agent_follow_policy(struct agent *agent)
{
	struct agent_deciding *deciding = &agent->deciding;
	const struct spw_journal_places places = places_of(agent);

	spw_policy_make(&agent->config, agent->identities.classes, agent->identities.services, &deciding->policy);
	take_capacities(agent);
	agent_follow_limits(agent);
	deciding->classes_read = 0;
	for (u32 i = 0; i < deciding->policy.policy.classes_count; i++)
		if (deciding->policy.policy.classes[i].id >= deciding->classes_read)
			deciding->classes_read = deciding->policy.policy.classes[i].id + 1u;
	deciding->held_back_known = false;
	spw_journal_policy(deciding->journal, &deciding->policy, deciding->memory, &places);
	return spw_signals_follow(deciding->signals, &agent->config, agent->identities.services);
}

/*
 * What a limit drops is no demand, or a flood that limits hold would still move the level. But a fair share is how a
 * class under the budget gives way: what that holds back is demand, and ends with it.
 */
static u64 demand_held_back(struct agent *agent, u32 service, u32 rank, u64 limited)
{
	struct agent_held_back *held = &agent->deciding.held_back[service][rank];

	if (agent->deciding.held_back_known && agent->limiting.fair_per_s[rank] > 0 && limited > held->limited)
		held->demand += limited - held->limited;
	held->limited = limited;
	return held->demand;
}

/* What the datapath has counted of each service, by rank of the class. */
static int read_work(struct agent *agent)
{
	struct agent_deciding *deciding = &agent->deciding;
	const struct spw_policy *policy = &deciding->policy.policy;
	struct spw_work_counter counters[SPW_CLASSES_MAX];

	for (u32 i = 0; i < policy->services_count; i++) {
		struct spw_service_facts *facts = &deciding->facts.services[i];
		int err = spw_read_work(&agent->pins, policy->services[i].id, deciding->classes_read, counters);

		if (err)
			return err;
		facts->crowded_present = true;
		for (u32 rank = 0; rank < policy->classes_count; rank++) {
			const struct spw_work_counter *counter = &counters[policy->classes[rank].id];

			memcpy(facts->fresh[rank], counter->fresh, sizeof(counter->fresh));
			facts->fresh[rank][SPW_DROP] += demand_held_back(agent, i, rank, counter->limited);
			memcpy(facts->resent[rank], counter->resent, sizeof(counter->resent));
			facts->crowded[rank] = counter->crowded;
		}
	}
	deciding->held_back_known = true;
	return 0;
}

static struct spw_override operator_override(const struct agent *agent)
{
	return (struct spw_override){
		.pinned = agent->control.pinned_level < SPW_LEVELS ? (u8)agent->control.pinned_level : SPW_LEVEL_NEVER,
		.least = agent->control.least_level,
		.most = agent->control.most_level,
	};
}

static void give_orders(struct agent *agent)
{
	struct agent_deciding *deciding = &agent->deciding;
	int err;

	spw_plan(&deciding->policy.policy, &deciding->decision, agent->datapath.jiffies_per_second,
		 agent->control.seed ^ PLACE_SALT, deciding->orders);
	err = spw_datapath_admit(&agent->datapath, deciding->orders);
	if (err && !deciding->admission_alarmed)
		spw_log(LOG_ERR, "cannot write the orders: %s; the former ones stand while the lease is renewed",
			strerror(-err));
	deciding->admission_alarmed = err;
}

static void note_pace(struct spw_deciding_pace *pace, const struct spw_decision *decision, u64 took_ns)
{
	pace->decisions++;
	pace->total_ns += took_ns;
	pace->last_ns = took_ns;
	if (took_ns > pace->longest_ns)
		pace->longest_ns = took_ns;
	if (decision->level != decision->former)
		pace->transitions[decision->level % SPW_LEVELS]++;
}

void agent_decide(struct agent *agent, u64 now)
{
	struct agent_deciding *deciding = &agent->deciding;
	const struct spw_override override = operator_override(agent);
	struct spw_signal_notes notes;
	int err;

	deciding->facts.now_ns = now;
	deciding->facts.services_count = deciding->policy.policy.services_count;
	err = read_work(agent);
	if (err) {
		/* Facts that are half old would be worse than none. */
		spw_log(LOG_ERR, "cannot read the counters of new work: %s; no decision at this tick", strerror(-err));
		deciding->decision.hurry = false;
		return;
	}
	spw_signals_read(deciding->signals, now, &deciding->facts);
	spw_decide(deciding->memory, &deciding->policy.policy, &override, &deciding->facts, &deciding->decision);
	give_orders(agent);
	agent->control.level = deciding->decision.level;
	note_pace(&deciding->pace, &deciding->decision, spw_monotonic_ns() - now);
	spw_signals_notes(deciding->signals, &deciding->facts, &notes);
	spw_journal_tick(deciding->journal, deciding->memory, &override, &deciding->facts, &notes, &deciding->decision,
			 agent->control.mode == SPW_OBSERVE);
}

json_t *agent_explain(struct agent *agent, bool colour)
{
	const struct agent_deciding *deciding = &agent->deciding;
	struct spw_signal_notes notes;

	spw_signals_notes(deciding->signals, &deciding->facts, &notes);
	return spw_journal_explain(deciding->journal, &notes, colour);
}

void agent_tell(struct agent *agent, const char *event, json_t *fields)
{
	if (agent->deciding.journal)
		spw_journal_event(agent->deciding.journal, event, fields);
	else
		json_decref(fields);
}

void agent_end_deciding(struct agent *agent)
{
	struct agent_deciding *deciding = &agent->deciding;

	spw_journal_end(deciding->journal, deciding->memory);
	spw_signals_close(deciding->signals);
	spw_memory_free(deciding->memory);
	deciding->journal = NULL;
	deciding->signals = NULL;
	deciding->memory = NULL;
}
