/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decision. Pure: facts and policy in, decision out; called once a tick (decide.h).
 *
 * THE RULES. 1 to 10 determine the level; the decision names the one that did (enum spw_rule).
 *
 *  1. The first tick, a tick more than a second after the last, and a counter that restarted allow no comparison:
 *     level, capacity and shares stay, and the hold restarts.
 *  2. A service without any signal (no wait, probe or guard) asks for green, in steps; once there, its budget is
 *     lifted. If all services are so, the decision is blind.
 *  3. While its capacity is unknown a service asks for green and has no budget.
 *  4. Green if everything fits: what a level does not shed (at green: all) fits unless it exceeds what can be sustained
 *     by a sixth (about the ceiling), or by 2 % for two seconds. At green the latter counts only while waits are above
 *     target and stay so, since slightly more than the target share harms nobody yet. What limits refuse is not load.
 *     Loads are smoothed over enough work to tell them from chance, and longer where connections come in bursts, which
 *     is learned. A step that chance does not explain counts at once, and loads are then means since it; a load far
 *     below what can be sustained has ended.
 *  5. Otherwise the lowest level at which what is not shed fits; up at once. What a level cuts counts as shed.
 *  6. If it fits at no level: red.
 *  7. Down only after a lower level would have sufficed for a whole hold, with 3 % to spare.
 *  8. Then one step. While the load goes on, steps are two holds after any change, so that a steady load sees at most
 *     one in 10 s; once green would suffice, the next ones follow after half a hold, at most 4 s. Up again within two
 *     holds of a step down is flapping: it doubles the hold, up to 16 times the configured one; six holds without
 *     flapping halve it.
 *  9. An operator's bounds apply to every service; the automatic level goes on beneath and applies when they end.
 * 10. So does a pinned level. At green set by an operator nothing is shed, and there is no ceiling. The host's level is
 *     the highest of its services'.
 *
 * 11. Budget. While shedding: capacity x (target share - (wait - usual wait) / drain time), within floor and target
 *     share, and no less than the floor of a capacity that was set. The usual wait is half of the wait target, or the
 *     mean by chance where little is served. At green the ceiling: 1.10 capacities, as no signal precedes a step. The
 *     drain does not hold back what a level doesn't shed: the budget is then at least a tenth more than that load, up
 *     to the ceiling; the shares of classes that are shed do the draining.
 * 12. Sustained is the target share of the capacity. A wait above target that makes no new low for a second (or 200
 *     pieces of work) and is not being drained shows a standing queue: the budget's deficit is then taken from what is
 *     sustained too, with a time constant of 1.7 s, and given back once waits are within target. A draining queue and a
 *     stalled server take nothing; one stalled for more than 1.2 s sustains only the floor.
 *
 * 13. Capacity. As set, or learned from what the application serves: first reads; behind a proxy, which accepts
 *     everything at once, all its reads, divided by the reads per piece of new work seen while nothing waited; where no
 *     reads are known, what was admitted less the growth of the accept queue. A set capacity is believed up to 1.25
 *     times what is served under saturation; the rest comes back by a tenth a second once waits are within target.
 * 14. Saturated (wait above target), the served rate of busy time is the capacity: the mean over 1.5 s of it, or what
 *     was served since it changed, where a test of change says so. Stalls do not count, nor does the tick in which one
 *     begins. The first estimate is made from 20 pieces of work, plus a little; from 5 where far more comes than it may
 *     be. capacity.c has the argument.
 * 15. It falls no lower than the floor times what it was when last not saturated; and no lower than half, unless
 *     served and admitted differ by a tenth: only a queue that grows or drains proves a capacity. A full accept queue
 *     loses work unseen: the capacity then falls by a tenth a second.
 * 16. Not saturated, it never falls. It rises to what was served, and creeps up by 2 % a second while the limit binds
 *     and waits are below half the target. Where work is refused although waits have been far below those of a server
 *     at its target share for 0.3 s (a queue inside: as long as the estimate was measured), a learned one is raised on
 *     trial: by 15 %, then by twice as much each time, until a step doubles it; after one that ends in saturation the
 *     next one is small and waits longer. It is at most 1.25 times the highest rate seen served, or twice what is
 *     served.
 * 17. The application's probe above its limit, or where no wait is known a guard above its own, reduces the capacity
 *     (set or learned) by a tenth a second, down to the floor; afterwards it recovers as in 16.
 * 18. Shedding does not help if for 5 s waits stay above target, less than half of the capacity is admitted, and
 *     no queue drains: this is reported, the capacity returns to what it was when last not saturated, and nothing is
 *     lowered further.
 *
 * 19. Shares. The budget is dealt out from the highest class down; classes that don't shed take their load. The first
 *     that does not fit is admitted by share: 98 % of what is left, over its load and the weight of its sources
 *     (learned from what the admitted bring). Below it nobody is admitted. The smoothed budget is dealt out: rule 10 of
 *     the datapath handles a dip while a queue drains.
 * 20. A share moves gradually to its target; it falls at once if that is far below, and rises faster the less of the
 *     rest is used.
 * 21. As long as a class is not whole, those below it have no share, whatever is left.
 *
 * 22. While a service's capacity is unknown, nothing protects it from a step: if more arrives than chance explains,
 *     the next tick comes after 25 ms instead of 100, for at most 2 s, until the estimate rests on 20 pieces of work.
 *     What arrives is looked at every 25 ms, so that the first of these ticks is not late.
 */
#include <stdlib.h>
#include <string.h>

#include "capacity.h"
#include "constants.h"
#include "decide.h"
#include "hosts.h"
#include "level.h"
#include "rates.h"
#include "share.h"
#include "wait_choice.h"

#define SECOND_NS 1000000000ull
#define GAP_NS	  SECOND_NS /* rule 1 */

struct service_memory {
	struct spw_rates_memory rates;
	struct spw_answer_memory answers;
	u64 target_ns; /* of the wait in use */
	struct spw_capacity_memory capacity;
	struct spw_level_memory level;
	struct spw_share_memory shares[SPW_CLASSES_MAX];
	struct spw_service_rates now;
	struct spw_capacity known;
	struct spw_hosts_memory hosts;
	bool primed; /* loads have a value */
	bool blind;
	bool hurry;
	double hurried_s; /* without a break */
	u8 rule;
	double budget_per_s; /* of the tick before */
};

struct spw_memory {
	bool begun;
	u64 at_ns;
	u8 level;
	struct service_memory services[SPW_SERVICES_MAX];
};

/* Loads by level: keep[L] is not shed at L. */
struct loads {
	double fast[SPW_LEVELS], slow[SPW_LEVELS];
	double fast_total;
};

double spw_default_reserve(u32 rank, u32 count)
{
	static const double usual[] = {0, 0.12, 0.30, 0.45, 0.60, 0.75};
	const u32 known = sizeof(usual) / sizeof(usual[0]);

	if (count <= known)
		return rank < known ? usual[rank] : usual[known - 1];
	return rank < count ? usual[known - 1] * rank / (count - 1) : usual[known - 1];
}

/* Reset to "nothing known". */
static void forget_service(struct service_memory *service)
{
	memset(service, 0, sizeof(*service));
	service->capacity.curb = 1;
	for (u32 rank = 0; rank < SPW_CLASSES_MAX; rank++)
		spw_share_begin(&service->shares[rank]);
}

struct spw_memory *spw_memory_new(void)
{
	struct spw_memory *memory = calloc(1, sizeof(*memory));

	for (u32 i = 0; memory && i < SPW_SERVICES_MAX; i++)
		forget_service(&memory->services[i]);
	return memory;
}

void spw_memory_free(struct spw_memory *memory)
{
	free(memory);
}

struct spw_learned *spw_memory_learned(struct spw_memory *memory, u32 service)
{
	return &memory->services[service % SPW_SERVICES_MAX].capacity.learned;
}

bool spw_learned_check(const struct spw_learned *learned)
{
	return learned->capacity_per_s >= 0 && learned->capacity_per_s <= 1e7 && learned->served_peak_per_s >= 0 &&
	       learned->served_peak_per_s <= 1e7 && learned->idle_wait_ns >= 0 && learned->idle_wait_ns <= 1e12 &&
	       learned->reads_per_work >= 0 && learned->reads_per_work <= 1e7;
}

void spw_memory_forget_rates(struct spw_memory *memory)
{
	memory->begun = false;
	for (u32 i = 0; i < SPW_SERVICES_MAX; i++)
		memory->services[i].primed = false;
}

/* The same service, whose classes may have changed ranks. */
static void carry_over(struct service_memory *to, const struct service_memory *from, const struct spw_policy *former,
		       const struct spw_policy *policy)
{
	*to = *from;
	for (u32 rank = 0; rank < SPW_CLASSES_MAX; rank++)
		spw_share_begin(&to->shares[rank]);
	for (u32 rank = 0; rank < policy->classes_count; rank++)
		for (u32 was = 0; was < former->classes_count; was++)
			if (former->classes[was].id == policy->classes[rank].id)
				to->shares[rank] = from->shares[was];
}

void spw_memory_follow(struct spw_memory *memory, const struct spw_policy *former, const struct spw_policy *policy)
{
	struct service_memory *known = malloc(sizeof(memory->services));

	if (known)
		memcpy(known, memory->services, sizeof(memory->services));
	for (u32 i = 0; i < SPW_SERVICES_MAX; i++)
		forget_service(&memory->services[i]);
	for (u32 i = 0; known && i < policy->services_count; i++)
		for (u32 was = 0; was < former->services_count; was++)
			if (former->services[was].id == policy->services[i].id)
				carry_over(&memory->services[i], &known[was], former, policy);
	free(known);
	spw_memory_forget_rates(memory);
}

/* Long enough for @work to arrive, within bounds. */
static double longer(double least, double most, double work, double capacity_per_s)
{
	return capacity_per_s > 0 ? spw_bounded(work / capacity_per_s, least, most) : least;
}

/* Learn how bursty arrivals are, as one page opens several connections: variance over mean of a tick's count. */
static void learn_burst(struct spw_share_memory *share, double load, double seconds)
{
	double mean = share->fast_per_s * seconds, more = load * seconds - mean;
	double burst = spw_bounded(share->burst, 1, PAGE_MOST);

	/* A count far off, as at the end of a load, says nothing about bursts. */
	more = more * more / (mean + 1);
	if (more < PAGE_FAR * burst)
		share->burst = spw_bounded(spw_smooth(burst, more, seconds, PAGE_SECONDS), 1, PAGE_MOST);
}

/*
 * A step: a load that two ticks, or one clearly, show to be another one, beyond chance, is not smoothed. Compared with
 * the load before the first of these ticks, which would otherwise hide the second.
 */
static bool is_step(struct spw_share_memory *share, double load, double burst, double seconds)
{
	double before = share->fast_per_s > share->slow_per_s ? share->fast_per_s : share->slow_per_s;
	double mean, more, spread, deviations;

	if (share->odd_s > 0)
		before = share->before_per_s;
	if (load <= STEP_TIMES * before) {
		share->odd_s = share->odd_work = 0;
		return false;
	}
	share->before_per_s = before;
	share->odd_s += seconds;
	share->odd_work += load * seconds;
	mean = before * share->odd_s;
	more = share->odd_work - mean;
	spread = spw_bounded(share->burst, burst, PAGE_MOST) * mean + 1;
	deviations = more * more / (STEP_DEVIATIONS * STEP_DEVIATIONS * spread);
	return deviations > STEP_CLEAR * STEP_CLEAR || (deviations > 1 && share->odd_s > seconds * 1.5);
}

/* Means over the time since a step at first, then smoothed. */
static void smooth_load(struct spw_share_memory *share, const struct spw_class_work_rates *now, bool primed,
			double burst, double fast, double slow, double seconds)
{
	double load = now->fresh_per_s > now->admitted_per_s ? now->fresh_per_s : now->admitted_per_s;
	double lately;

	if (is_step(share, load, burst, seconds) || !primed) {
		share->fast_per_s = share->slow_per_s = share->odd_s > 0 ? share->odd_work / share->odd_s : load;
		share->fresh_per_s = share->fast_per_s;
		share->inside_per_s = now->inside_per_s;
		share->expected_per_s = share->share * now->fresh_per_s;
		share->since_s = share->odd_s;
		share->odd_s = share->odd_work = 0;
		return;
	}
	learn_burst(share, load, seconds);
	lately = share->since_s < SHARE_SECONDS ? share->since_s : SHARE_SECONDS;
	share->fast_per_s = spw_smooth(share->fast_per_s, load, seconds, share->since_s < fast ? share->since_s : fast);
	share->slow_per_s = spw_smooth(share->slow_per_s, load, seconds, share->since_s < slow ? share->since_s : slow);
	share->fresh_per_s = spw_smooth(share->fresh_per_s, now->fresh_per_s, seconds, lately);
	share->expected_per_s = spw_smooth(share->expected_per_s, share->share * now->fresh_per_s, seconds, lately);
	share->inside_per_s = spw_smooth(share->inside_per_s, now->inside_per_s, seconds, lately);
	share->since_s += seconds;
}

/*
 * Connections that arrive together, of all or of what is admitted: refused visitors open one connection of their page,
 * however many it has. The more there are, the longer the smoothing.
 */
static double burst_of(const struct service_memory *service, u32 classes_count, bool admitted)
{
	double spread = 0, total = 0;

	for (u32 i = 0; i < classes_count; i++) {
		const struct spw_share_memory *share = &service->shares[i];
		double per_s = admitted ? share->inside_per_s : share->slow_per_s;

		spread += share->burst * per_s;
		total += per_s;
	}
	return total > 0 ? spw_bounded(spread / total, 1, PAGE_MOST) : 1;
}

/* Connections per page; a spread that chance explains counts as one. */
static double page_of(const struct service_memory *service, u32 classes_count)
{
	double burst = burst_of(service, classes_count, false);

	return burst < PAGE_LEAST ? 1 : burst;
}

static void smooth_loads(struct service_memory *service, u32 classes_count, double seconds)
{
	double capacity = service->known.per_s, burst = burst_of(service, classes_count, false);
	double fast = longer(FAST_SECONDS, FAST_MOST, FAST_WORK * burst, capacity);
	double slow = longer(SLOW_SECONDS, SLOW_MOST, SLOW_WORK * burst, capacity);

	for (u32 i = 0; i < classes_count; i++)
		smooth_load(&service->shares[i], &service->now.classes[i], service->primed, burst, fast, slow, seconds);
	service->primed = true;
}

/* Is the class subject to the budget at that level? */
static bool sheds_at(const struct spw_class_policy *class, u32 level)
{
	return level > SPW_GREEN && class->shed_from <= level;
}

static void sum_loads(const struct service_memory *service, const struct spw_policy *policy, struct loads *loads)
{
	memset(loads, 0, sizeof(*loads));
	for (u32 i = 0; i < policy->classes_count; i++) {
		const struct spw_class_policy *class = &policy->classes[i];

		loads->fast_total += service->shares[i].fast_per_s;
		for (u32 level = SPW_GREEN; level < SPW_LEVELS; level++) {
			if (sheds_at(class, level) || class->cut_from <= level)
				continue;
			loads->fast[level] += service->shares[i].fast_per_s;
			loads->slow[level] += service->shares[i].slow_per_s;
		}
	}
}

/* A load that is now far below has ended, whatever its slow average. */
static double steady_load(const struct loads *loads, u8 level, double sustained)
{
	return loads->fast[level] < FAR_BELOW * sustained ? loads->fast[level] : loads->slow[level];
}

/* Rules 4 to 7. */
static void find_need(const struct service_memory *service, const struct loads *loads, struct spw_level_need *need)
{
	double sustained = service->known.per_s * service->known.sustained;

	*need = (struct spw_level_need){.least = SPW_RED, .enough = SPW_RED, .because = SPW_RULE_NOT_ENOUGH};
	for (u8 level = SPW_LEVELS; level-- > SPW_GREEN;) {
		bool counts = level > SPW_GREEN || service->known.overwhelmed;

		if (loads->fast[level] > BURST * sustained ||
		    (counts && steady_load(loads, level, sustained) > STEADY * sustained))
			break;
		need->least = level;
		need->because = level ? SPW_RULE_COVERS : SPW_RULE_FITS;
	}
	for (u8 level = SPW_LEVELS; level-- > SPW_GREEN;) {
		if (loads->fast[level] > SPARE_BURST * sustained ||
		    steady_load(loads, level, sustained) > SPARE * sustained)
			break;
		need->enough = level;
	}
	/* The two may contradict each other at green, where less counts. */
	if (need->enough < need->least)
		need->enough = need->least;
}

/* Rules 2 to 8. */
static void take_level(struct service_memory *service, const struct spw_policy *policy, double seconds)
{
	struct spw_level_need need = {.because = SPW_RULE_UNKNOWN};
	struct loads loads;

	if (service->blind)
		need.because = SPW_RULE_BLIND;
	else if (service->known.per_s > 0) {
		sum_loads(service, policy, &loads);
		find_need(service, &loads, &need);
	}
	service->rule = spw_level_take(&service->level, &need, (double)policy->hold_ns / SECOND_NS, seconds);
}

/* Is @fresh, of so many seconds, more than chance explains? */
static bool is_more(const struct service_memory *service, u32 classes_count, double fresh, double seconds)
{
	double usual = 0, more;

	for (u32 i = 0; i < classes_count; i++)
		usual += service->shares[i].slow_per_s * seconds;
	more = fresh - usual;
	return fresh > STEP_TIMES * usual &&
	       more * more > STEP_DEVIATIONS * STEP_DEVIATIONS * burst_of(service, classes_count, false) * (usual + 1);
}

/* Does more arrive than chance explains, or did it until lately? */
static bool is_surged(const struct service_memory *service, u32 classes_count, double seconds)
{
	for (u32 i = 0; i < classes_count; i++)
		if (service->shares[i].since_s < HURRY_SECONDS)
			return true;
	return is_more(service, classes_count, service->now.fresh_per_s * seconds, seconds);
}

/* Rule 22. */
static void watch_hurry(struct service_memory *service, u32 classes_count, double seconds)
{
	bool needed = service->known.vague && !service->blind && is_surged(service, classes_count, seconds);

	service->hurried_s = needed ? service->hurried_s + seconds : 0;
	service->hurry = needed && service->hurried_s < HURRY_MOST_SECONDS;
}

/* For autoscalers: no part of the rules. */
static void count_hosts(struct service_memory *service, const struct spw_policy *policy, double seconds)
{
	double demand = 0;

	/* A class that is always cut would not be served by any number of hosts. */
	for (u32 i = 0; i < policy->classes_count; i++)
		if (policy->classes[i].cut_from > SPW_GREEN)
			demand += service->shares[i].slow_per_s;
	spw_hosts_take(&service->hosts, demand, service->known.per_s, seconds);
}

/* Rules 1 to 8 and 12 to 18 for one service. */
static void take_service(struct service_memory *service, const struct spw_policy *policy, u32 index,
			 const struct spw_facts *facts, double seconds)
{
	struct spw_service_policy own = policy->services[index];
	const struct spw_service_facts *its = &facts->services[index];
	bool binding;

	if (!spw_learned_check(&service->capacity.learned))
		service->capacity.learned = (struct spw_learned){0};
	spw_rates_take(&service->rates, &own, its, facts->now_ns, seconds, policy->classes_count,
		       &service->capacity.learned.reads_per_work, &service->now);
	if (!service->now.valid) {
		service->rule = SPW_RULE_NOTHING_NEW;
		service->level.quiet_s = 0;
		service->hurry = false;
		return;
	}
	spw_wait_choose(&service->answers, its, seconds, &own, &service->now);
	service->target_ns = own.wait_target_ns;
	smooth_loads(service, policy->classes_count, seconds);
	binding = service->budget_per_s > 0 && service->now.refused_per_s > 0 &&
		  (service->capacity.admitted_per_s >= BINDS * service->budget_per_s ||
		   service->now.admitted_per_s >= BINDS * service->budget_per_s);
	spw_capacity_take(&service->capacity, policy, &own, its, facts->host, &service->now, seconds, binding,
			  page_of(service, policy->classes_count), &service->known);
	service->blind = !spw_has_signal(&own, its, facts->host, &service->now);
	take_level(service, policy, seconds);
	count_hosts(service, policy, seconds);
	watch_hurry(service, policy->classes_count, seconds);
}

/* Rule 1: no comparison; how long ago the last reads were is unknown too. */
static void begin_service(struct service_memory *service, const struct spw_facts *facts, u32 index)
{
	spw_rates_begin(&service->rates, &facts->services[index], facts->now_ns);
	spw_answers_begin(&service->answers, &facts->services[index]);
	service->now = (struct spw_service_rates){0};
	service->rule = SPW_RULE_NOTHING_NEW;
	service->level.quiet_s = 0;
	service->hurry = false;
	service->capacity.saturated_s = service->capacity.wanting_s = 0;
	service->capacity.saturated = false;
}

/* Rules 9 and 10. Returns the rule if it changed the level. */
static u8 bound_level(const struct spw_override *override, u8 *level)
{
	u8 before = *level;

	if (override->pinned <= SPW_RED) {
		*level = override->pinned;
		return SPW_RULE_PINNED;
	}
	if (*level > override->most)
		*level = override->most;
	if (*level < override->least && override->least <= SPW_RED)
		*level = override->least;
	return *level == before ? SPW_RULE_NONE : SPW_RULE_BOUNDED;
}

static bool is_held_green(const struct spw_override *override)
{
	return override->pinned == SPW_GREEN || (override->pinned > SPW_RED && override->most == SPW_GREEN);
}

/* Rule 11. */
static void settle_budget(struct service_memory *service, const struct spw_policy *policy,
			  const struct spw_service_policy *own, const struct spw_override *override,
			  struct spw_service_decision *decision)
{
	double capacity = service->known.per_s, ceiling = policy->ceiling * capacity, unshed = 0;

	for (u32 i = 0; i < policy->classes_count; i++)
		if (!sheds_at(&policy->classes[i], decision->level) && !decision->classes[i].cut)
			unshed += service->shares[i].fast_per_s;
	if (!(capacity > 0) || is_held_green(override) || (service->blind && decision->level == SPW_GREEN))
		return;
	if (decision->level == SPW_GREEN) {
		decision->armed = true;
		decision->budget_per_s = ceiling;
		return;
	}
	decision->budget_per_s = capacity * service->known.given;
	if (decision->budget_per_s < policy->floor * own->capacity_per_s)
		decision->budget_per_s = policy->floor * own->capacity_per_s;
	if (decision->budget_per_s < LIFT * unshed)
		decision->budget_per_s = LIFT * unshed < ceiling ? LIFT * unshed : ceiling;
}

/* Rules 19 to 21. */
static void settle_shares(struct service_memory *service, const struct spw_policy *policy, double seconds,
			  struct spw_service_decision *decision)
{
	double left = service->known.per_s * service->known.lasting;
	struct spw_share_tick tick = {
		.seconds = seconds,
		.trial = service->known.trial,
		.crowded_known = service->now.crowded_known,
		.crowded = service->capacity.admitted_per_s > CROWDED * decision->budget_per_s,
	};
	bool whole = true;

	for (u32 i = 0; i < policy->classes_count; i++) {
		struct spw_class_decision *class = &decision->classes[i];
		struct spw_share_memory *share = &service->shares[i];

		class->sheds = decision->budget_per_s > 0 && sheds_at(&policy->classes[i], decision->level);
		if (class->cut)
			share->share = 0;
		else if (!class->sheds) {
			spw_share_begin(share);
			left -= share->slow_per_s;
		} else if (seconds > 0)
			left -= spw_share_take(share, &tick, whole && left > 0 ? left : 0);
		class->share = share->share;
		whole = whole && (class->cut || share->share >= 1);
	}
}

static void tell_rates(const struct service_memory *service, const struct spw_policy *policy,
		       struct spw_service_decision *decision)
{
	struct loads loads;

	sum_loads(service, policy, &loads);
	for (u32 level = 0; level < SPW_LEVELS; level++)
		decision->sheddable_per_s[level] = loads.fast_total - loads.fast[level];
	decision->demand_per_s = loads.fast_total;
	decision->excess_per_s =
		service->known.per_s > 0 ? spw_bounded(loads.fast_total - decision->sustained_per_s, 0, 1e12) : 0;
	for (u32 i = 0; i < policy->classes_count; i++) {
		decision->classes[i].fresh_per_s = service->now.classes[i].fresh_per_s;
		decision->classes[i].admitted_per_s = service->now.classes[i].admitted_per_s;
		decision->classes[i].refused_per_s = service->now.classes[i].refused_per_s;
	}
}

static void tell_service(const struct service_memory *service, const struct spw_policy *policy,
			 const struct spw_service_policy *own, struct spw_service_decision *decision)
{
	decision->origin = service->known.origin;
	decision->wait_source = service->now.wait_source;
	decision->saturated = service->known.saturated;
	decision->helpless = service->known.helpless;
	decision->admitted_per_s = service->now.admitted_per_s;
	decision->served_per_s = service->now.served_known ? service->now.served_per_s : 0;
	decision->capacity_per_s = service->known.per_s;
	decision->sustained_per_s = service->known.per_s * service->known.sustained;
	decision->wait_ns = service->now.wait_ns;
	decision->wait_p50_ns = service->now.wait_p50_ns;
	decision->wait_p90_ns = service->now.wait_p90_ns;
	decision->wait_p99_ns = service->now.wait_p99_ns;
	decision->wait_target_ns = service->target_ns ? service->target_ns : own->wait_target_ns;
	decision->page = page_of(service, policy->classes_count);
	decision->admitted_burst = burst_of(service, policy->classes_count, true);
	decision->hosts_known = service->hosts.known;
	decision->hosts_wanted = service->hosts.wanted;
	tell_rates(service, policy, decision);
}

static void settle_service(struct service_memory *service, const struct spw_policy *policy, u32 index,
			   const struct spw_override *override, u8 host_level, double seconds,
			   struct spw_service_decision *decision)
{
	for (u32 i = 0; i < policy->classes_count; i++)
		decision->classes[i].cut = policy->classes[i].cut_from <= host_level;
	settle_budget(service, policy, &policy->services[index], override, decision);
	settle_shares(service, policy, service->now.valid ? seconds : 0, decision);
	service->budget_per_s = decision->budget_per_s;
	tell_service(service, policy, &policy->services[index], decision);
}

/* The host's level is the highest of its services'; the first of equals names it. */
static void settle_level(struct spw_memory *memory, const struct spw_override *override, struct spw_decision *decision)
{
	const struct service_memory *leader = &memory->services[0];
	u8 moved;

	decision->former = memory->level;
	decision->blind = decision->services_count > 0;
	decision->rule = decision->services_count ? leader->rule : SPW_RULE_FITS;
	for (u32 i = 0; i < decision->services_count; i++) {
		struct service_memory *service = &memory->services[i];

		decision->blind = decision->blind && service->blind;
		decision->hurry = decision->hurry || service->hurry;
		decision->services[i].level = service->level.level;
		decision->services[i].rule = service->rule;
		moved = bound_level(override, &decision->services[i].level);
		if (moved)
			decision->services[i].rule = moved;
		if (service->level.level > leader->level.level) {
			leader = service;
			decision->service = (u8)i;
			decision->rule = service->rule;
		}
	}
	if (decision->services_count)
		decision->level = leader->level.level;
	moved = bound_level(override, &decision->level);
	if (moved)
		decision->rule = moved;
	decision->pinned = override->pinned <= SPW_RED ? override->pinned : SPW_LEVEL_NEVER;
	decision->hold_left_ns =
		decision->services_count ? (u64)(spw_level_hold_left(&leader->level) * (double)SECOND_NS) : 0;
	memory->level = decision->level;
}

/* Seconds since the tick before; 0: no comparison is possible. */
static double elapsed(const struct spw_memory *memory, const struct spw_facts *facts)
{
	if (!memory->begun || facts->now_ns <= memory->at_ns || facts->now_ns - memory->at_ns > GAP_NS)
		return 0;
	return (double)(facts->now_ns - memory->at_ns) / (double)SECOND_NS;
}

void spw_decide(struct spw_memory *memory, const struct spw_policy *policy, const struct spw_override *override,
		const struct spw_facts *facts, struct spw_decision *decision)
{
	double seconds = elapsed(memory, facts);
	bool again = memory->begun && facts->now_ns <= memory->at_ns;

	memset(decision, 0, sizeof(*decision));
	decision->at_ns = facts->now_ns;
	decision->classes_count = policy->classes_count;
	decision->services_count = policy->services_count < facts->services_count ? policy->services_count
										  : facts->services_count;
	memcpy(decision->host, facts->host, sizeof(decision->host));
	for (u32 i = 0; i < decision->services_count; i++)
		if (seconds > 0)
			take_service(&memory->services[i], policy, i, facts, seconds);
		else if (!again)
			begin_service(&memory->services[i], facts, i);
	settle_level(memory, override, decision);
	for (u32 i = 0; i < decision->services_count; i++)
		settle_service(&memory->services[i], policy, i, override, decision->level, seconds,
			       &decision->services[i]);
	if (!again)
		memory->at_ns = facts->now_ns;
	memory->begun = true;
}

bool spw_glance(const struct spw_memory *memory, const struct spw_policy *policy, const struct spw_facts *facts)
{
	double seconds = elapsed(memory, facts);

	for (u32 i = 0; seconds > 0 && i < policy->services_count && i < facts->services_count; i++) {
		const struct service_memory *service = &memory->services[i];

		if (service->primed && service->known.per_s <= 0 && !service->blind &&
		    service->hurried_s < HURRY_MOST_SECONDS &&
		    is_more(service, policy->classes_count,
			    spw_rates_fresh(&service->rates, &facts->services[i], policy->classes_count), seconds))
			return true;
	}
	return false;
}
