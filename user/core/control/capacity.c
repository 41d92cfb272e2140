/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a service can serve: rules 12 to 18 of decide.c. See capacity.h.
 *
 * THE ARGUMENT
 *
 * A server that has work waiting serves as fast as it can. So its capacity is what it served while it was busy, as BBR
 * takes the delivery rate of a path for its bandwidth only where the sender was not the limit. The questions are which
 * time counts, how long a measurement holds, and what to do when nothing can be measured.
 *
 * Which time counts. A tick is busy if half of its reads waited longer than the target, in the tick before as well, and
 * work was left at its end. A tick in which work waited from beginning to end and none was served is a stall (garbage
 * collection, a reload, a stopped process): neither it nor the ticks before and after it count, parts of which were
 * stalled too; the one before is undone. So a stall teaches nothing, and the busy time after it, while its queue
 * drains, teaches the true capacity. Where little is served, a tick without a read may be chance: a silence is a stall
 * only if it is longer than SILENCE pieces of work take, which happens by chance once in e^SILENCE.
 *
 * How long it holds. The estimate is the mean rate over the last WINDOW of busy time. A changed capacity shows as ticks
 * that the mean does not explain: two CUSUM tests (Page 1954), sums of the log likelihood ratio of a rate CHANGE times
 * as high or as low, for Poisson counts. Once one exceeds EVIDENCE, over at least LEAST_SECONDS, longer than a tick cut
 * short by a stall, the estimate becomes the rate served since that sum left zero. A first estimate is made from
 * FIRST_WORK pieces, with OPTIMISM pieces added: with little known, nobody should be shed for it.
 *
 * BBR's windowed maximum is not needed, as idle ticks are told apart; and it is biased upwards by chance: the largest
 * of ten counts of 100 pieces is 15 % too high.
 *
 * When nothing waits, nothing is measured: served is what was admitted. The estimate never falls then. While the limit
 * binds it creeps upwards by the configured share a second. Where work is refused although waits are far below those of
 * a server at its target share (Pollaczek-Khinchine), it is probably too low, and is raised in steps that grow until
 * they double it: an underestimate, whatever its cause, ends within two seconds, while a step taken by chance is small.
 * A step too far makes a queue, the queue is measured, and the next step waits longer.
 *
 * The queue length follows from its wait (Little's law: length = rate x wait). The budget law is a proportional
 * controller: it subtracts the rate at which the queue is to drain from the capacity. Strain is the integral part:
 * while a queue does not drain, the law's deficit is slowly taken from what can be sustained, which sets the level. A
 * draining queue adds nothing to it, however long it is: less arrives than is served, so no level is needed. Neither
 * does a stalled server, for as long as a pause may last (PAUSE_SECONDS): beyond that it sustains nothing.
 */
#include "capacity.h"
#include "constants.h"

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

/* Rule 17: the probe always, the host's guards only where no wait is known. */
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
	if (!guarded || memory->guarded_s >= LASTED_SECONDS)
		memory->curb = spw_bounded(memory->curb + step * seconds, policy->floor, 1);
	if (memory->guarded_s >= LASTED_SECONDS && memory->learned.capacity_per_s <= 0) {
		memory->learned.capacity_per_s = memory->admitted_per_s;
		memory->confirmed = true;
	}
}

/*
 * Mean wait at the target share of the capacity with random arrivals: eta / (2 (1 - eta)) pieces are ahead
 * (Pollaczek-Khinchine, equal service times). Where that exceeds half of the target, as it does where little is served,
 * it is not a queue to be drained.
 */
static double usual_ns(const struct spw_policy *policy, const struct spw_service_policy *service, double page,
		       double capacity_per_s)
{
	double half = (double)service->wait_target_ns / 2, most = USUAL_TARGETS * (double)service->wait_target_ns;
	double ahead = page * policy->eta / (2 * (1 - spw_bounded(policy->eta, 0, 0.99)));

	return capacity_per_s > 0 ? spw_bounded(ahead / capacity_per_s * 1e9, half, most) : half;
}

/* Busy time that the mean covers. */
static double window_of(double rate_per_s)
{
	return spw_bounded(WINDOW_WORK / spw_bounded(rate_per_s, 1, 1e9), WINDOW_SECONDS, 10);
}

/* Start from a capacity without history: the first, or a restored one. @behind: seconds of measurement. */
static void begin_from(struct spw_capacity_memory *memory, double capacity_per_s, double behind)
{
	memory->learned.capacity_per_s = memory->anchor_per_s = memory->proven_per_s = capacity_per_s;
	if (memory->learned.served_peak_per_s <= 0 || memory->confirmed)
		memory->learned.served_peak_per_s = spw_bounded(capacity_per_s, memory->learned.served_peak_per_s, 1e7);
	memory->known_s = behind;
	memory->fall = memory->rise = (struct spw_change){0};
}

/* Best known rate: the estimate, or, before the first, what was served so far plus a margin. */
static double rate_of(const struct spw_capacity_memory *memory)
{
	if (memory->learned.capacity_per_s > 0)
		return memory->learned.capacity_per_s;
	return memory->first_s > 0 ? (memory->first_served + OPTIMISM) / memory->first_s : 0;
}

/*
 * Has the load grown so much that a queue is no surprise? Then the first tick of a saturation was busy too. A stall
 * looks alike, except that the load is unchanged.
 */
static bool is_surge(const struct spw_capacity_memory *memory, const struct spw_service_rates *rates)
{
	return memory->learned.capacity_per_s <= 0 && rates->admitted_per_s > SURGE * memory->admitted_per_s &&
	       rates->admitted_per_s > SURGE * rates->served_per_s;
}

/* Whether a silence is too long for chance. */
static bool is_stall(double silent_s, double rate_per_s)
{
	return silent_s > 0 && (rate_per_s <= 0 || silent_s * rate_per_s >= SILENCE);
}

static void keep_undo(struct spw_capacity_memory *memory)
{
	memory->undo = (struct spw_capacity_undo){
		.possible = true,
		.confirmed = memory->confirmed,
		.capacity_per_s = memory->learned.capacity_per_s,
		.anchor_per_s = memory->anchor_per_s,
		.proven_per_s = memory->proven_per_s,
		.known_s = memory->known_s,
		.busy_s = memory->busy_s,
		.first_served = memory->first_served,
		.first_s = memory->first_s,
		.fall = memory->fall,
		.rise = memory->rise,
	};
}

static void undo_last(struct spw_capacity_memory *memory)
{
	const struct spw_capacity_undo *undo = &memory->undo;

	if (!undo->possible)
		return;
	memory->confirmed = undo->confirmed;
	memory->learned.capacity_per_s = undo->capacity_per_s;
	memory->anchor_per_s = undo->anchor_per_s;
	memory->proven_per_s = undo->proven_per_s;
	memory->known_s = undo->known_s;
	memory->busy_s = undo->busy_s;
	memory->first_served = undo->first_served;
	memory->first_s = undo->first_s;
	memory->fall = undo->fall;
	memory->rise = undo->rise;
}

/* Busy seconds of this tick, 0: it counts for nothing. A silence that chance explains is added once it has ended. */
static double busy_seconds(struct spw_capacity_memory *memory, const struct spw_service_policy *service,
			   const struct spw_service_rates *rates, double seconds)
{
	bool was_saturated = memory->saturated_s > 0 || is_surge(memory, rates), partial;
	double silent_s = memory->silent_s, rate = rate_of(memory);

	memory->silent_s = rates->standing ? silent_s + seconds : 0;
	/* Work arrived in this tick, and none was served since. */
	if (!rates->standing && rates->backlogged && rates->served_known && rates->served_per_s * seconds < 1)
		memory->silent_s = spw_bounded((double)rates->wait_ns / 1e9, 0, seconds);
	if (is_stall(memory->silent_s, rate))
		undo_last(memory);
	memory->undo.possible = false;
	memory->saturated =
		rates->wait_source != SPW_WAIT_NONE &&
		(rates->wait_ns > service->wait_target_ns || (memory->saturated && rates->standing && !rates->reads));
	memory->saturated_s = memory->saturated ? memory->saturated_s + seconds : 0;
	if (rates->standing)
		return 0;
	partial = is_stall(silent_s, rate);
	if (partial) /* so was part of the tick before it */
		memory->first_served = memory->first_s = 0;
	if (!memory->saturated || !was_saturated || partial ||
	    !(rates->backlogged || rates->wait_ns >= 3 * service->wait_target_ns))
		return 0;
	return silent_s + seconds;
}

/* The first estimate. */
static void learn_first(struct spw_capacity_memory *memory, double served, double admitted_per_s, double seconds)
{
	double enough;

	memory->first_served += served;
	memory->first_s += seconds;
	/* Where far more comes than it may be, a rough estimate is enough. */
	enough = memory->surged && admitted_per_s * memory->first_s > SURGE * (memory->first_served + OPTIMISM)
			 ? FIRST_WORK / 4
			 : FIRST_WORK;
	if (memory->first_served < enough &&
	    (memory->first_s < WINDOW_SECONDS || memory->first_served < FIRST_WORK / 4))
		return;
	memory->confirmed = true;
	begin_from(memory, memory->first_served / memory->first_s, memory->first_s);
}

/* Natural logarithm near 1, by the artanh series: five digits from 1/2 to 2. */
static double ln(double ratio)
{
	double z = (ratio - 1) / (ratio + 1);

	return 2 * z * (1 + z * z / 3 + z * z * z * z / 5);
}

/* One CUSUM step for a rate @ratio times @expected. True: the rate has changed. */
static bool has_changed(struct spw_change *change, double ratio, double served, double expected, double seconds)
{
	change->evidence += served * ln(ratio) + expected * (1 - ratio);
	if (change->evidence <= 0) {
		*change = (struct spw_change){0};
		return false;
	}
	change->served += served;
	change->seconds += seconds;
	return change->evidence > EVIDENCE && change->seconds >= LEAST_SECONDS;
}

/* Rule 15: the lower bound. */
static double least_of(struct spw_capacity_memory *memory, const struct spw_policy *policy)
{
	double apart = memory->served_per_s - memory->admitted_per_s, least = policy->floor * memory->anchor_per_s;

	if (apart > PROOF * memory->served_per_s || apart < -PROOF * memory->served_per_s) {
		if (memory->learned.capacity_per_s < memory->proven_per_s)
			memory->proven_per_s = memory->learned.capacity_per_s;
	} else if (least < UNPROVEN * memory->proven_per_s)
		least = UNPROVEN * memory->proven_per_s;
	return least;
}

/* Rules 14 and 15: the mean of what was served while busy, and the test of change. */
static void learn_busy(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		       const struct spw_service_rates *rates, double served, double seconds)
{
	double *capacity = &memory->learned.capacity_per_s, expected = *capacity * seconds, now;
	double least = least_of(memory, policy);

	memory->confirmed = true;
	memory->busy_s += seconds;
	if (rates->queue_full) /* admitted work is lost unseen: served is not known */
		now = *capacity * (1 - CURB_PER_S * seconds);
	else if (has_changed(&memory->fall, CHANGE, served, expected, seconds)) {
		now = memory->fall.served / memory->fall.seconds;
		memory->known_s = memory->fall.seconds;
		memory->fall = (struct spw_change){0};
	} else if (has_changed(&memory->rise, 1 / CHANGE, served, expected, seconds)) {
		now = memory->rise.served / memory->rise.seconds;
		memory->known_s = memory->rise.seconds;
		memory->rise = (struct spw_change){0};
	} else {
		now = *capacity + (served - expected) / (memory->known_s + seconds);
		memory->known_s += seconds;
	}
	memory->known_s = spw_bounded(memory->known_s, 0, window_of(*capacity));
	if (now > *capacity || now > least)
		*capacity = now;
}

/*
 * Rule 16, the trial: work is refused although waits are far below those of a server at its target share, so the
 * estimate is too low. The first step is small, as waits are short by chance too; each further one, while waits stay
 * short, is twice as large. After a step that ends in saturation the next one is small again and waits longer.
 */
static void try_more(struct spw_capacity_memory *memory, double usual, const struct spw_service_rates *rates,
		     double seconds)
{
	double *capacity = &memory->learned.capacity_per_s, least;

	memory->trial_s = spw_bounded(memory->trial_s, TRIAL_SECONDS, TRIAL_MOST_SECONDS);
	/* A queue inside is empty whenever one of many workers is free: require it for the measured time. */
	least = memory->trial_s;
	if (rates->wait_source == SPW_WAIT_ANSWER && least < WINDOW_SECONDS)
		least = spw_bounded(memory->known_s, least, WINDOW_SECONDS);
	memory->since_trial_s += seconds;
	if ((double)rates->wait_ns * IDLE_PART >= usual)
		memory->idle_s = spw_bounded(memory->idle_s - seconds, 0, memory->idle_s);
	else if (rates->refused_per_s > 0)
		memory->idle_s += seconds;
	if (memory->idle_s < least || memory->admitted_per_s * TRIAL < *capacity)
		return;
	if (memory->since_trial_s > memory->trial_s + TRIAL_FAILED_SECONDS)
		memory->trial_step = 0;
	memory->trial_step = spw_bounded(2 * memory->trial_step, TRIAL_FIRST - 1, TRIAL - 1);
	*capacity *= 1 + memory->trial_step;
	memory->idle_s = memory->since_trial_s = 0;
	memory->trial_s /= 2;
}

/* Rule 16: not saturated, so it never falls, and creeps upwards while it binds. */
static void learn_calm(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		       const struct spw_service_policy *service, const struct spw_service_rates *rates, double seconds,
		       bool binding)
{
	double *capacity = &memory->learned.capacity_per_s, shown = memory->served_per_s;

	if (*capacity <= 0)
		return;
	if (binding && rates->wait_ns < service->wait_target_ns / 2)
		*capacity += *capacity * policy->probe_per_s * seconds;
	if (policy->probe_per_s > 0 && service->capacity_per_s <= 0)
		try_more(memory, usual_ns(policy, service, memory->page, *capacity), rates, seconds);
	/* A backlog read at one go is not a lasting rate: what came in bounds it too. */
	if (shown > memory->admitted_per_s)
		shown = memory->admitted_per_s;
	if (rates->served_known && shown > *capacity)
		*capacity = shown;
	memory->anchor_per_s = memory->proven_per_s = *capacity;
}

static void learn(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		  const struct spw_service_policy *service, const struct spw_service_rates *rates, double seconds,
		  double busy_s, bool binding)
{
	double *capacity = &memory->learned.capacity_per_s, served = rates->served_per_s * seconds;
	bool unknown = *capacity <= 0;

	if (!memory->saturated) {
		memory->first_served = memory->first_s = memory->busy_s = 0;
		memory->fall = memory->rise = (struct spw_change){0};
		learn_calm(memory, policy, service, rates, seconds, binding);
	} else if (busy_s > 0) {
		if (memory->since_trial_s < TRIAL_FAILED_SECONDS && memory->trial_s > 0)
			memory->trial_s *= 2;
		memory->since_trial_s = TRIAL_FAILED_SECONDS;
		memory->idle_s = memory->trial_step = 0;
		keep_undo(memory);
		if (*capacity <= 0)
			learn_first(memory, served, rates->admitted_per_s, busy_s);
		else if (!memory->helpless)
			learn_busy(memory, policy, rates, served, busy_s);
	}
	memory->doubtful = unknown && *capacity > 0 && !memory->surged && rates->wait_source != SPW_WAIT_ANSWER;
	if (memory->learned.served_peak_per_s > 0)
		*capacity = spw_bounded(*capacity, 0,
					spw_bounded(TRIAL * memory->served_per_s,
						    SEEN_MARGIN * memory->learned.served_peak_per_s, 1e7));
}

/* Smooth rates over time in which the server was not stalled. */
static void observe(struct spw_capacity_memory *memory, const struct spw_service_policy *service,
		    const struct spw_service_rates *rates, double seconds)
{
	struct spw_learned *learned = &memory->learned;

	if (rates->standing) {
		memory->standing_s += seconds;
		return;
	}
	memory->standing_s = 0;
	memory->surged = rates->admitted_per_s > SURGE * memory->admitted_per_s ||
			 (memory->surged && memory->saturated);
	memory->admitted_per_s = spw_smooth(memory->admitted_per_s, rates->admitted_per_s, seconds, SERVED_SECONDS);
	if (rates->served_known)
		memory->served_per_s = spw_smooth(memory->served_per_s, rates->served_per_s, seconds, SERVED_SECONDS);
	if (rates->served_known && !rates->queue_full && memory->served_per_s > learned->served_peak_per_s)
		learned->served_peak_per_s = memory->served_per_s;
	if (rates->reads > 0 && rates->wait_ns <= service->wait_target_ns)
		learned->idle_wait_ns = spw_smooth(learned->idle_wait_ns, (double)rates->wait_p50_ns, seconds, 60);
}

/* More is served than arrives or was admitted: the queue drains. */
static bool is_draining(const struct spw_capacity_memory *memory)
{
	return memory->served_per_s > (1 + PROOF) * memory->admitted_per_s + 1;
}

/* Rule 18: waits stay above target although little is admitted and no queue drains: shedding does not help. */
static void watch_helpless(struct spw_capacity_memory *memory, double capacity, double seconds)
{
	bool wanting = memory->saturated_s > 0 && !is_draining(memory) &&
		       memory->admitted_per_s < HELPLESS_SHARE * capacity;

	if (memory->saturated_s <= 0 || memory->admitted_per_s > HELPLESS_SHARE * capacity)
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

/* Rule 11, the budget law: capacity minus the drain of the queue. */
static double law(const struct spw_policy *policy, double usual, u64 wait_ns)
{
	double late = (double)wait_ns - usual;
	double share = policy->eta;

	if (late > 0)
		share -= late / (double)policy->drain_ns;
	return spw_bounded(share, policy->floor, policy->eta);
}

/* Rule 19: the base of shares. Sinks slowly, as a transient queue is the budget's to drain. */
static double last(struct spw_capacity_memory *memory, const struct spw_policy *policy, double given, double seconds)
{
	double before = memory->given > 0 ? memory->given : policy->eta;
	double now = spw_smooth(before, given, seconds, LASTING_SECONDS), least = before - SINK_PER_S * seconds;

	memory->given = now < least ? least : now;
	return memory->given;
}

/*
 * Time since the wait made a new low: a draining queue makes one every few ticks, a standing or growing one makes none
 * (CoDel's test, with the level's patience). By a sixteenth, as waits come from a histogram.
 */
static void watch_low(struct spw_capacity_memory *memory, u64 wait_ns, double seconds)
{
	if (!memory->saturated || memory->low_ns <= 0 || memory->standing_s > 0 ||
	    (double)wait_ns < NEW_LOW * memory->low_ns) {
		memory->low_ns = memory->saturated ? (double)wait_ns : 0;
		memory->stuck_s = 0;
	} else
		memory->stuck_s += seconds;
}

/* Rule 12: while a queue stays, the law's deficit is taken from what can be sustained. */
static void watch_strain(struct spw_capacity_memory *memory, const struct spw_policy *policy, double given,
			 double capacity_per_s, double seconds)
{
	double gap = policy->eta - given, least = spw_bounded(STRAIN_WORK / spw_bounded(capacity_per_s, 1, 1e9), 1, 3);

	if (memory->standing_s > PAUSE_SECONDS)
		memory->strain = policy->eta - policy->floor;
	else if (!memory->saturated || memory->helpless)
		memory->strain = spw_bounded(memory->strain - seconds / 2 / STRAIN_SECONDS, 0, 1);
	else if (memory->stuck_s > least && gap > memory->strain && !is_draining(memory))
		memory->strain = spw_bounded(memory->strain + gap * seconds / STRAIN_SECONDS, 0, gap);
}

/*
 * Rule 13: how much of a set capacity is believed. It may be a third wrong either way, which the law compensates; but a
 * server that serves far less does not have it now.
 */
static double uphold(struct spw_capacity_memory *memory, const struct spw_policy *policy, double set_per_s,
		     double seconds)
{
	double share = SEEN_MARGIN * memory->learned.capacity_per_s / set_per_s;

	if (!memory->saturated)
		memory->doubt -= CURB_PER_S * seconds;
	else if (memory->busy_s >= LEAST_SECONDS &&
		 memory->busy_s * memory->learned.capacity_per_s >= WINDOW_WORK / 2 && !memory->helpless)
		memory->doubt = 1 - share;
	memory->doubt = spw_bounded(memory->doubt, 0, 1 - policy->floor);
	return set_per_s * (1 - memory->doubt);
}

/*
 * A learned capacity with little data behind it counts as the most that it may be, and as its value before a tick in
 * which the server may have stopped.
 */
static double believed(const struct spw_capacity_memory *memory)
{
	double learned = memory->learned.capacity_per_s, whole = window_of(learned);

	if (memory->doubtful)
		return 0;
	if (!(memory->known_s > 0) || learned <= 0 || memory->known_s >= whole)
		return learned;
	if (memory->undo.possible && !memory->surged && learned < memory->undo.capacity_per_s)
		return memory->undo.capacity_per_s;
	return learned + OPTIMISM / memory->known_s - OPTIMISM / whole;
}

void spw_capacity_take(struct spw_capacity_memory *memory, const struct spw_policy *policy,
		       const struct spw_service_policy *service, const struct spw_service_facts *facts,
		       const struct spw_reading *guards, const struct spw_service_rates *rates, double seconds,
		       bool binding, double page, struct spw_capacity *capacity)
{
	bool set = service->capacity_per_s > 0;
	double known, busy_s;

	memory->page = page;
	if (memory->proven_per_s <= 0 && memory->learned.capacity_per_s > 0)
		begin_from(memory, memory->learned.capacity_per_s, window_of(memory->learned.capacity_per_s));
	busy_s = busy_seconds(memory, service, rates, seconds);
	observe(memory, service, rates, seconds);
	press(memory, policy, is_guarded(policy, service, facts, guards, rates), seconds);
	if (rates->wait_source != SPW_WAIT_NONE)
		learn(memory, policy, service, rates, seconds, busy_s, binding);
	else if (binding && memory->guarded_s <= 0)
		learn_calm(memory, policy, service, rates, seconds, binding);
	watch_helpless(memory, set ? service->capacity_per_s : memory->proven_per_s, seconds);
	known = set ? uphold(memory, policy, service->capacity_per_s, seconds) : believed(memory);
	capacity->given = law(policy, usual_ns(policy, service, memory->page, known), rates->wait_ns);
	capacity->lasting = last(memory, policy, capacity->given, seconds);
	watch_low(memory, rates->wait_ns, seconds);
	watch_strain(memory, policy, capacity->given, known, seconds);
	capacity->per_s = known * memory->curb;
	capacity->origin = set		       ? SPW_CAPACITY_SET
			   : known <= 0	       ? SPW_CAPACITY_UNKNOWN
			   : memory->confirmed ? SPW_CAPACITY_LEARNED
					       : SPW_CAPACITY_RESTORED;
	capacity->saturated = memory->saturated || memory->guarded_s >= LASTED_SECONDS;
	capacity->overwhelmed = memory->saturated_s >= OVERWHELMED_SECONDS || memory->guarded_s >= LASTED_SECONDS ||
				(double)rates->wait_ns >= OVERWHELMED_TARGETS * (double)service->wait_target_ns;
	capacity->helpless = memory->helpless;
	capacity->vague = !set && memory->known_s * memory->learned.capacity_per_s < FIRST_WORK;
	capacity->trial = memory->trial_s > 0 && memory->since_trial_s < TRIAL_FAILED_SECONDS;
	capacity->sustained = policy->eta - memory->strain;
}
