/* SPDX-License-Identifier: GPL-2.0-only */
/* What a service can serve: rules 13 to 18 of decide.c. See capacity.h. */
#include "capacity.h"

#define SERVED_SECONDS	    0.5	 /* served and admitted are smoothed over so long before they are compared */
#define LEARN_SECONDS	    1.5	 /* a capacity follows what is served under saturation with this time constant */
#define LEARN_WORK	    50.0 /* or over so much work, if that takes longer: a tenth of noise */
#define BUSY_SECONDS	    1.0	 /* what is served under saturation is smoothed over so long */
#define BUSY_LEAST	    0.4	 /* and believed after so long */
#define SLACK		    0.85 /* ticks that serve less than this part of it in a row */
#define SUNK		    0.75 /* and together less than this part */
#define SUNK_DEVIATIONS	    5	 /* and than chance, show that it is another one altogether */
#define UPHELD		    1.25 /* a set capacity is upheld up to so many times what is served under saturation, */
#define UPHELD_PER_S	    0.1	 /* and comes back so fast when waits are within target */
#define FORMER_SECONDS	    60.0 /* so long it is remembered what the capacity was, */
#define FORMER		    0.85 /* and who is below this part of that */
#define RETURN		    12	 /* is tried upwards so many times as fast */
#define FIRST_WORK	    20.0 /* a first estimate rests on so much served work */
#define FIRST_LEAST	    0.15 /* of more than so long; */
#define FIRST_SECONDS	    1.0	 /* or on so long a time, and a quarter of the work */
#define CLEAR_TIMES	    2.5	 /* one tick is enough for it if so many times more was admitted than served, */
#define CLEAR		    5.0	 /* and that many times waits in targets come to so much; the more, the less work */
#define SURGE_TIMES	    1.5	 /* is asked for, if that is so many times what was admitted lately */
#define STALLED_SHARE	    0.05 /* who serves less of his capacity stalls, which teaches nothing of it */
#define PROOF		    0.1 /* served differs by this share from admitted: a queue grows or drains, so it is the capacity */
#define UNPROVEN	    0.5	 /* without such a proof the capacity falls no lower than to this share of the proven */
#define SEEN_MARGIN	    1.25 /* it is never more than what was seen served, and this margin */
#define CURB_PER_S	    0.1	 /* how fast guards and probe press, and a full accept queue */
#define GUARDED_SECONDS	    0.5	 /* guards and probe count when they last */
#define OVERWHELMED_SECONDS 2.0
#define OVERWHELMED_TARGETS 5
#define STRAIN_SECONDS	    3.0 /* a wait above target for longer is no passing queue */
#define STRAIN_PER_S	    0.1
#define JAM_TARGETS	    5	 /* a wait above so many targets, */
#define JAM_WORK	    30.0 /* and above what so many pieces of work take, */
#define JAM_SECONDS	    0.5	 /* for longer than this, where what is not shed leaves no room */
#define LONG_JAM	    2	 /* for new work, or where it is so many times as long, */
#define JAM_DRAIN_SECONDS   2.0	 /* for it to drain in this time too: */
#define JAM_PER_S	    0.4	 /* then strain grows so fast */
#define RELIEF		    6	 /* given back so many times as fast once waits are within target */
#define IDLE_PART	    8	 /* waits below this part of the target are next to nothing */
#define IDLE_SECONDS	    0.5	 /* as long as they are, */
#define BOLD		    4	 /* the probe is so many times as fast */
#define USUAL_TARGETS	    3	 /* no wait above so many targets is usual */
#define LASTING_SECONDS	    0.7	 /* what shares are dealt from is the law's mean over so long */
#define SINK_PER_S	    0.1	 /* and sinks no faster */
#define HELPLESS_SECONDS    5.0
#define HELPLESS_SHARE	    0.5 /* of the capacity: with less admitted than this, shedding should have helped */
#define RECOVERED_SHARE	    0.7

static bool above(const struct spw_reading *reading, double limit)
{
	return spw_reading_holds(reading) && reading->value > limit;
}

bool spw_has_signal(const struct spw_service_policy *service, const struct spw_service_facts *facts,
		    const struct spw_reading *guards, const struct spw_service_rates *rates)
{
	return rates->wait_source != SPW_WAIT_NONE || spw_reading_holds(&guards[SPW_SIGNAL_CPU]) ||
	       spw_reading_holds(&guards[SPW_SIGNAL_OVERFLOWS]) ||
	       (service->probe_limit > 0 && spw_reading_holds(&facts->probe));
}

/* Rule 17: the probe always, the host's guards where no wait is known. */
static bool is_guarded(const struct spw_policy *policy, const struct spw_service_policy *service,
		       const struct spw_service_facts *facts, const struct spw_reading *guards,
		       const struct spw_service_rates *rates)
{
	if (service->probe_limit > 0 && above(&facts->probe, service->probe_limit))
		return true;
	return rates->wait_source == SPW_WAIT_NONE && rates->admitted_per_s > 0 &&
	       (above(&guards[SPW_SIGNAL_CPU], policy->cpu_limit) || above(&guards[SPW_SIGNAL_OVERFLOWS], 0));
}

static void press(struct spw_capacity_memory *memory, const struct spw_policy *policy, bool guarded, double seconds)
{
	double step = guarded ? -CURB_PER_S : policy->probe_per_s;

	memory->guarded_s = guarded ? memory->guarded_s + seconds : 0;
	if (!guarded || memory->guarded_s >= GUARDED_SECONDS)
		memory->curb = spw_bounded(memory->curb + step * seconds, policy->floor, 1);
	if (memory->guarded_s >= GUARDED_SECONDS && memory->learned.capacity_per_s <= 0) {
		memory->learned.capacity_per_s = memory->admitted_per_s;
		memory->confirmed = true;
	}
}

/* A capacity without a past: the first, or one that was restored. */
static void begin_from(struct spw_capacity_memory *memory, double capacity_per_s)
{
	memory->learned.capacity_per_s = memory->anchor_per_s = memory->proven_per_s = capacity_per_s;
	if (memory->learned.served_peak_per_s <= 0 || memory->first)
		memory->learned.served_peak_per_s = spw_bounded(capacity_per_s, memory->learned.served_peak_per_s, 1e7);
}

/* Was the application busy to the end of the tick, so that what it served is what it can? */
static bool is_busy(const struct spw_service_policy *service, const struct spw_service_rates *rates)
{
	return rates->backlogged || rates->wait_ns >= 3 * service->wait_target_ns;
}

/*
 * How sure one tick of saturation makes that more comes than can be served, 1: enough. Who stalls for a moment looks
 * alike, but for the load, which then is what it was.
 */
static double clearness(const struct spw_capacity_memory *memory, const struct spw_service_policy *service,
			const struct spw_service_rates *rates)
{
	double times = rates->admitted_per_s / spw_bounded(rates->served_per_s, 1, 1e9);

	if (times <= CLEAR_TIMES)
		return 0;
	times *= (double)rates->wait_ns / (double)service->wait_target_ns / CLEAR;
	return rates->admitted_per_s > SURGE_TIMES * memory->admitted_per_s ? times : spw_bounded(times, 0, 1);
}

/* The first estimate: what was served since saturation began; its first tick was not saturated from its beginning. */
static void learn_first(struct spw_capacity_memory *memory, const struct spw_service_policy *service,
			const struct spw_service_rates *rates, double seconds)
{
	double served = rates->served_per_s * seconds, clear = clearness(memory, service, rates);
	double enough = FIRST_WORK / spw_bounded(clear, 1, 4);

	if (!is_busy(service, rates))
		return;
	if (memory->saturated_ticks == 2 && served >= memory->episode_served / 2)
		memory->episode_served = memory->episode_s = 0;
	memory->episode_served += served;
	memory->episode_s += seconds;
	if ((clear >= 1 || (memory->saturated_ticks >= 2 && memory->saturated_s > FIRST_LEAST)) &&
	    (memory->episode_served >= enough ||
	     (memory->episode_s >= FIRST_SECONDS && memory->episode_served >= FIRST_WORK / 4))) {
		memory->confirmed = memory->first = true;
		begin_from(memory, memory->episode_served / memory->episode_s);
	}
}

/* It is the mean of the whole episode, up to a second: the first tick or two say too little. */
static bool refine_first(struct spw_capacity_memory *memory, const struct spw_service_rates *rates)
{
	memory->first = memory->first && memory->saturated_s < FIRST_SECONDS && !rates->queue_full;
	if (memory->first && memory->busy_per_s > memory->learned.capacity_per_s)
		begin_from(memory, memory->busy_per_s);
	return memory->first;
}

/* Is @now, over so many seconds, by no chance the rate @before? */
static bool is_sunk(double now, double before, double seconds)
{
	double expected = before * seconds, lack = expected - now * seconds;

	return now < SUNK * before && lack * lack > SUNK_DEVIATIONS * SUNK_DEVIATIONS * expected;
}

/* Rules 14 and 15: under saturation the served rate is the capacity. */
static void learn_saturated(struct spw_capacity_memory *memory, const struct spw_policy *policy,
			    const struct spw_service_rates *rates, double seconds)
{
	double *capacity = &memory->learned.capacity_per_s, served = memory->busy_per_s;
	double apart = served - memory->admitted_per_s, least = policy->floor * memory->anchor_per_s, now;

	if (memory->busy_s < BUSY_LEAST || memory->helpless)
		return;
	if (apart > PROOF * served || apart < -PROOF * served) {
		if (*capacity < memory->proven_per_s)
			memory->proven_per_s = *capacity;
	} else if (least < UNPROVEN * memory->proven_per_s)
		least = UNPROVEN * memory->proven_per_s;
	if (rates->queue_full)
		served = *capacity * (1 - CURB_PER_S * LEARN_SECONDS);
	now = spw_smooth(*capacity, served, seconds, spw_bounded(LEARN_WORK / *capacity, LEARN_SECONDS, 10));
	if (is_sunk(memory->busy_per_s, *capacity, spw_bounded(memory->busy_s, 0, BUSY_SECONDS)))
		now = memory->busy_per_s;
	if (now > *capacity || now > least)
		*capacity = now;
	memory->confirmed = true;
}

/* How many times as fast the probe is. */
static double haste(const struct spw_capacity_memory *memory)
{
	if (memory->learned.capacity_per_s < FORMER * memory->former_per_s)
		return RETURN;
	return memory->idle_s > IDLE_SECONDS ? BOLD : 1;
}

/* Rule 16: not saturated, so it never falls, and is tried upwards while it binds. */
static void learn_calm(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		       const struct spw_service_policy *service, const struct spw_service_rates *rates, double seconds,
		       bool binding)
{
	double *capacity = &memory->learned.capacity_per_s, shown = memory->served_per_s;

	if (*capacity <= 0)
		return;
	memory->idle_s = rates->wait_ns < service->wait_target_ns / IDLE_PART ? memory->idle_s + seconds : 0;
	if (binding && rates->wait_ns < service->wait_target_ns / 2)
		*capacity += *capacity * policy->probe_per_s * seconds * haste(memory);
	/* A backlog read at one go is not served for long: what came in bounds it too. */
	if (shown > memory->admitted_per_s)
		shown = memory->admitted_per_s;
	if (rates->served_known && shown > *capacity)
		*capacity = shown;
	memory->anchor_per_s = memory->proven_per_s = *capacity;
}

static void learn(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		  const struct spw_service_policy *service, const struct spw_service_rates *rates, double seconds,
		  bool binding)
{
	double *capacity = &memory->learned.capacity_per_s;

	if (memory->saturated_s <= 0) {
		memory->episode_served = memory->episode_s = 0;
		memory->first = false;
		learn_calm(memory, policy, service, rates, seconds, binding);
	} else if (*capacity <= 0)
		learn_first(memory, service, rates, seconds);
	else if (!refine_first(memory, rates))
		learn_saturated(memory, policy, rates, seconds);
	if (memory->learned.served_peak_per_s > 0 && *capacity > SEEN_MARGIN * memory->learned.served_peak_per_s)
		*capacity = SEEN_MARGIN * memory->learned.served_peak_per_s;
}

/* Ticks in a row that serve less than before: once no chance explains them, what was before is no more. */
static bool slackens(struct spw_capacity_memory *memory, double served_per_s, double seconds)
{
	double mean;

	if (served_per_s >= SLACK * memory->busy_per_s) {
		memory->slack_s = memory->slack_served = 0;
		return false;
	}
	memory->slack_s += seconds;
	memory->slack_served += served_per_s * seconds;
	mean = memory->slack_served / memory->slack_s;
	if (memory->slack_s < 2.5 * seconds || !is_sunk(mean, memory->busy_per_s, memory->slack_s))
		return false;
	memory->busy_per_s = mean;
	memory->busy_s = memory->slack_s;
	memory->slack_s = memory->slack_served = 0;
	return true;
}

/*
 * The served rate under saturation. The first tick was not saturated from its beginning, and neither was one after a
 * stall: what it served counts until the next one.
 */
static void watch_busy(struct spw_capacity_memory *memory, const struct spw_service_policy *service,
		       const struct spw_service_rates *rates, double seconds)
{
	double served_per_s = rates->served_per_s;

	if (memory->saturated_s <= 0 || served_per_s < STALLED_SHARE * memory->learned.capacity_per_s) {
		memory->busy_s = memory->slack_s = memory->slack_served = 0;
		return;
	}
	if (!is_busy(service, rates))
		return;
	if (memory->busy_s < 1.5 * seconds)
		memory->busy_per_s = served_per_s;
	else if (!slackens(memory, served_per_s, seconds))
		memory->busy_per_s = spw_smooth(memory->busy_per_s, served_per_s, seconds,
						spw_bounded(memory->busy_s, 0, BUSY_SECONDS));
	memory->busy_s += seconds;
}

static void observe(struct spw_capacity_memory *memory, const struct spw_service_policy *service,
		    const struct spw_service_rates *rates, double seconds)
{
	struct spw_learned *learned = &memory->learned;
	bool saturated = rates->wait_source != SPW_WAIT_NONE && rates->wait_ns > service->wait_target_ns;

	memory->saturated_s = saturated ? memory->saturated_s + seconds : 0;
	memory->saturated_ticks = saturated ? memory->saturated_ticks + 1 : 0;
	watch_busy(memory, service, rates, seconds);
	memory->admitted_per_s = spw_smooth(memory->admitted_per_s, rates->admitted_per_s, seconds, SERVED_SECONDS);
	if (rates->served_known)
		memory->served_per_s = spw_smooth(memory->served_per_s, rates->served_per_s, seconds, SERVED_SECONDS);
	if (rates->served_known && !rates->queue_full && memory->served_per_s > learned->served_peak_per_s)
		learned->served_peak_per_s = memory->served_per_s;
	if (rates->reads > 0 && !saturated)
		learned->idle_wait_ns = spw_smooth(learned->idle_wait_ns, (double)rates->wait_p50_ns, seconds, 60);
}

/* Rule 18: waits stay above target although little is admitted and nothing drains: shedding does not help. */
static void watch_helpless(struct spw_capacity_memory *memory, double capacity, double seconds)
{
	bool draining = memory->served_per_s > (1 + PROOF) * memory->admitted_per_s + 1;
	bool wanting = memory->saturated_s > 0 && !draining && memory->admitted_per_s < HELPLESS_SHARE * capacity;

	if (memory->saturated_s <= 0 || memory->admitted_per_s > RECOVERED_SHARE * capacity)
		memory->wanting_s -= 5 * seconds;
	else if (wanting)
		memory->wanting_s += seconds;
	memory->wanting_s = spw_bounded(memory->wanting_s, 0, 2 * HELPLESS_SECONDS);
	if (memory->wanting_s >= HELPLESS_SECONDS && !memory->helpless) {
		memory->helpless = true;
		if (memory->learned.capacity_per_s > 0)
			memory->learned.capacity_per_s = memory->proven_per_s = memory->anchor_per_s;
	}
	if (memory->wanting_s <= 0)
		memory->helpless = false;
}

/*
 * How long work waits at the target share of the capacity, by chance alone, if it comes at random: eta / (2 (1 - eta))
 * pieces are ahead of it (Pollaczek-Khinchine, equal service times). Where that is longer than half of the target, as
 * it is where little is served, it is no queue to be drained.
 */
static double usual_ns(const struct spw_policy *policy, const struct spw_service_policy *service, double capacity_per_s)
{
	double half = (double)service->wait_target_ns / 2, most = USUAL_TARGETS * (double)service->wait_target_ns;
	double ahead = policy->eta / (2 * (1 - spw_bounded(policy->eta, 0, 0.99)));

	return capacity_per_s > 0 ? spw_bounded(ahead / capacity_per_s * 1e9, half, most) : half;
}

/* Rule 11, the budget law: capacity minus the drain of the queue. */
static double law(const struct spw_policy *policy, double usual, u64 wait_ns)
{
	double late = (double)wait_ns - usual;
	double share = policy->eta;

	if (late > 0)
		share -= late / (double)policy->drain_ns;
	return spw_bounded(share, policy->floor, policy->eta);
}

/* Rule 19: what shares are dealt from. A queue that passes is the budget's to drain: this sinks slowly. */
static double last(struct spw_capacity_memory *memory, const struct spw_policy *policy, double given, double seconds)
{
	double before = memory->given > 0 ? memory->given : policy->eta;
	double now = spw_smooth(before, given, seconds, LASTING_SECONDS), least = before - SINK_PER_S * seconds;

	memory->given = now < least ? least : now;
	return memory->given;
}

/*
 * Do classes that the level does not shed leave no room for the queue to drain soon? Then nothing but another level
 * drains it. It must be long, in pieces too: where little is served, few make a long wait, and come and go by chance.
 */
static void watch_jam(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		      const struct spw_service_policy *service, u64 wait_ns, double capacity_per_s, double seconds)
{
	double most_ns = JAM_TARGETS * (double)service->wait_target_ns, load_per_s = memory->unshed_per_s;
	bool jammed;

	if (capacity_per_s > 0 && most_ns < JAM_WORK / capacity_per_s * 1e9)
		most_ns = JAM_WORK / capacity_per_s * 1e9;
	if ((double)wait_ns > LONG_JAM * most_ns)
		load_per_s += (double)wait_ns / 1e9 * capacity_per_s / JAM_DRAIN_SECONDS;
	jammed = (double)wait_ns > most_ns && load_per_s >= policy->eta * capacity_per_s;
	memory->jammed_s = jammed ? memory->jammed_s + seconds : 0;
}

/* Rule 12: only a wait that stays takes from what can be sustained. */
static void watch_strain(struct spw_capacity_memory *memory, const struct spw_policy *policy, double given,
			 double seconds)
{
	double gap = policy->eta - given;
	bool jammed = memory->jammed_s > JAM_SECONDS;

	if (memory->helpless || (memory->saturated_s < STRAIN_SECONDS && !jammed) || gap < memory->strain)
		memory->strain -= (memory->saturated_s > 0 ? 1 : RELIEF) * STRAIN_PER_S / 2 * seconds;
	else
		memory->strain = spw_bounded(memory->strain + (jammed ? JAM_PER_S : STRAIN_PER_S) * seconds, 0, gap);
	memory->strain = spw_bounded(memory->strain, 0, policy->eta - policy->floor);
}

/*
 * Rule 13: how much of a set capacity is upheld. It may be a third wrong either way and the law makes up for it; but
 * who serves far less has not got it now.
 */
static double uphold(struct spw_capacity_memory *memory, const struct spw_policy *policy, double set_per_s,
		     double seconds)
{
	double share = UPHELD * memory->busy_per_s / set_per_s;

	if (memory->saturated_s <= 0)
		memory->doubt -= UPHELD_PER_S * seconds;
	else if (memory->busy_s >= BUSY_LEAST && memory->busy_s * memory->busy_per_s >= LEARN_WORK && !memory->helpless)
		memory->doubt = 1 - share;
	memory->doubt = spw_bounded(memory->doubt, 0, 1 - policy->floor);
	return set_per_s * (1 - memory->doubt);
}

/* What it was lately, though it is less now. */
static void remember_former(struct spw_capacity_memory *memory, double seconds)
{
	double now = memory->learned.capacity_per_s;

	memory->former_per_s =
		now > memory->former_per_s ? now : spw_smooth(memory->former_per_s, now, seconds, FORMER_SECONDS);
}

void spw_capacity_take(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		       const struct spw_service_policy *service, const struct spw_service_facts *facts,
		       const struct spw_reading *guards, const struct spw_service_rates *rates, double seconds,
		       bool binding, struct spw_capacity *capacity)
{
	bool set = service->capacity_per_s > 0;
	double known;

	if (memory->proven_per_s <= 0)
		begin_from(memory, memory->learned.capacity_per_s);
	observe(memory, service, rates, seconds);
	press(memory, policy, is_guarded(policy, service, facts, guards, rates), seconds);
	if (rates->wait_source != SPW_WAIT_NONE)
		learn(memory, policy, service, rates, seconds, binding);
	else if (binding && memory->guarded_s <= 0)
		learn_calm(memory, policy, service, rates, seconds, binding);
	remember_former(memory, seconds);
	watch_helpless(memory, set ? service->capacity_per_s : memory->proven_per_s, seconds);
	known = set ? uphold(memory, policy, service->capacity_per_s, seconds) : memory->learned.capacity_per_s;
	capacity->given = law(policy, usual_ns(policy, service, known), rates->wait_ns);
	capacity->lasting = last(memory, policy, capacity->given, seconds);
	watch_jam(memory, policy, service, rates->wait_ns, known, seconds);
	watch_strain(memory, policy, capacity->given, seconds);
	capacity->per_s = known * memory->curb;
	capacity->origin = set		       ? SPW_CAPACITY_SET
			   : known <= 0	       ? SPW_CAPACITY_UNKNOWN
			   : memory->confirmed ? SPW_CAPACITY_LEARNED
					       : SPW_CAPACITY_RESTORED;
	capacity->saturated = memory->saturated_s > 0 || memory->guarded_s >= GUARDED_SECONDS;
	capacity->overwhelmed = memory->saturated_s >= OVERWHELMED_SECONDS || memory->guarded_s >= GUARDED_SECONDS ||
				rates->wait_ns >= OVERWHELMED_TARGETS * service->wait_target_ns;
	capacity->helpless = memory->helpless;
	capacity->sustained = policy->eta - memory->strain;
}
