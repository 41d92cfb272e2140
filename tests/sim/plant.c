/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulated plant. See plant.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/meter.h"
#include "bpf/share.h"
#include "bpf/verdict.h"
#include "plant.h"

#define SECOND_NS     1000000000ull
#define STEP_NS	      1000000ull
#define LEASE_NS      (3 * SECOND_NS)
#define JIFFIES_PER_S 250
#define GOOD_NS	      SECOND_NS
#define PROMPT_NS     (SECOND_NS / 4)
#define AT_ONCE_NS    20000 /* until an event loop reads */
#define SLOTS	      16384 /* of a millisecond: more than the last retry is away */

/* Times of SYN retransmissions since the first SYN: Linux 6.5 and later. */
static const u64 again_ms[] = {1000, 2000, 3000, 4000, 5000, 7000, 11000};
#define AGAIN (sizeof(again_ms) / sizeof(again_ms[0]))

/* A page fetched by a browser. Freed with its last connection. */
struct page {
	u64 first_ns;
	u32 unopened, open; /* connections */
	bool lost;	    /* one of them gave up */
};

/* One connection of a shopper, or (class SIM_CLASSES_MAX) a request on an established one. */
struct shopper {
	struct shopper *next;
	struct page *page; /* NULL: not part of one */
	u64 first_ns, patience_ns, ready_ns;
	u32 source;
	u8 class, site, attempt;
};

struct sim_queue {
	struct shopper *head, **tail;
	u64 length;
	u64 free_ns[64]; /* by worker */
	u64 owed_ns[64]; /* when the request was ready whose answer the worker owes; 0: none */
};

struct sim_retries {
	struct shopper *slots[SLOTS];
	struct shopper *spare;
};

double sim_draw_from(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (double)(*state >> 11) * 0x1p-53;
}

double sim_draw(struct sim *sim)
{
	return sim_draw_from(&sim->random);
}

/* Knuth's method; means above 30 in parts. */
static u32 draw_poisson(struct sim *sim, double mean)
{
	u32 count = 0;

	for (; mean > 30; mean -= 30)
		count += draw_poisson(sim, 30);
	for (double limit = exp(-mean), product = sim_draw(sim); product > limit; product *= sim_draw(sim))
		count++;
	return count;
}

static void break_rule(struct sim *sim, const char *what)
{
	if (!sim->broken) {
		sim->broken = what;
		sim->broken_at = sim->time;
	}
}

static struct shopper *new_shopper(struct sim *sim)
{
	struct shopper *shopper = sim->retries->spare;

	if (shopper)
		sim->retries->spare = shopper->next;
	else if (!(shopper = malloc(sizeof(*shopper))))
		abort();
	memset(shopper, 0, sizeof(*shopper));
	return shopper;
}

static void leave(struct sim *sim, struct shopper *shopper)
{
	shopper->next = sim->retries->spare;
	sim->retries->spare = shopper;
}

/* Close one connection; true: it was the last. */
static bool close_page(struct page *page)
{
	if (!page || --page->open)
		return false;
	free(page);
	return true;
}

static void knock_at(struct sim *sim, struct shopper *shopper, u64 time_ns)
{
	struct shopper **slot = &sim->retries->slots[time_ns / STEP_NS % SLOTS];

	shopper->next = *slot;
	*slot = shopper;
}

static void try_again(struct sim *sim, struct shopper *shopper)
{
	u64 wait = shopper->attempt < AGAIN ? again_ms[shopper->attempt] * STEP_NS : UINT64_MAX;

	if (wait > shopper->patience_ns) {
		if (shopper->page)
			shopper->page->lost = true;
		close_page(shopper->page);
		leave(sim, shopper);
		return;
	}
	shopper->attempt++;
	knock_at(sim, shopper, shopper->first_ns + wait);
}

static u64 jiffies_now(const struct sim *sim)
{
	return sim->now_ns / (SECOND_NS / JIFFIES_PER_S);
}

/* The first bits of an address: class and number. */
static u64 address_of(const struct shopper *shopper)
{
	return ((u64)shopper->class << 32 | shopper->source) << 16;
}

static u64 backlog_of(const struct sim *sim, const struct sim_site *site)
{
	return spw_meter_backlog(site->arrival_ticks, spw_meter_ticks(jiffies_now(sim)));
}

/* Rules 9 and 10 without charging, for a source in the share: would it be refused now? */
static bool crowded_out(const struct sim *sim, const struct sim_site *site, const struct spw_class_admission *class,
			bool resent)
{
	return class->tolerance_ticks != SPW_TOLERANCE_ALL && backlog_of(sim, site) > spw_tolerance(class, resent);
}

/* If a class is refused, every lower class must be refused at the same moment, whatever the source's place. */
static void check_priority(struct sim *sim, const struct sim_site *site, const struct spw_service_admission *admission,
			   u32 rank)
{
	const struct spw_policy *policy = &sim->setup.policy;

	for (u32 lower = rank + 1; lower < policy->classes_count; lower++)
		if (policy->classes[lower].cut_from > sim->decision.level &&
		    admission->classes[policy->classes[lower].id].share &&
		    !crowded_out(sim, site, &admission->classes[policy->classes[lower].id], false))
			break_rule(sim, "a class was refused while a lower one was not");
}

static void charge(struct sim *sim, struct sim_site *site, const struct spw_service_admission *admission, u64 tolerance)
{
	u64 now = spw_meter_ticks(jiffies_now(sim));
	double cost = (double)admission->interval_ticks, jiffy = (double)spw_meter_ticks(1);

	if (tolerance == SPW_TOLERANCE_ALL) {
		spw_meter_charge(&site->arrival_ticks, now, admission->interval_ticks, admission->debt_ticks);
		return;
	}
	spw_meter_admit(&site->arrival_ticks, now, admission->interval_ticks, tolerance, &(u64){0});
	/* One unit may begin within the tolerance, and the clock is discrete. */
	site->backlog_s += cost / jiffy / JIFFIES_PER_S;
	if (site->backlog_s * JIFFIES_PER_S * jiffy > (double)tolerance + jiffy + 2 * cost)
		break_rule(sim, "more was admitted than budget x time + depth");
}

/* Rules 4, 5, 9 and 10. */
static bool is_refused(struct sim *sim, struct sim_site *site, const struct shopper *shopper)
{
	const struct spw_class_policy *class = &sim->setup.policy.classes[shopper->class];
	const struct spw_service_admission *admission = &sim->admissions[sim->setup.policy.services[shopper->site].id];
	const struct spw_class_admission *to;
	bool out;

	if (sim->now_ns >= sim->lease_until_ns)
		return false;
	if (sim->decision.level >= class->cut_from)
		return true;
	if (!admission->interval_ticks)
		return false;
	to = &admission->classes[class->id];
	out = !spw_is_in(to->share, address_of(shopper), admission, jiffies_now(sim));
	if (out || crowded_out(sim, site, to, shopper->attempt)) {
		check_priority(sim, site, admission, shopper->class);
		site->facts.crowded[shopper->class] += !out && !shopper->attempt;
		return true;
	}
	charge(sim, site, admission, spw_tolerance(to, shopper->attempt));
	return false;
}

static void enqueue(struct sim *sim, struct sim_site *site, struct shopper *shopper)
{
	shopper->next = NULL;
	shopper->ready_ns = sim->now_ns;
	*site->queue->tail = shopper;
	site->queue->tail = &shopper->next;
	site->queue->length++;
	if (sim->setup.sites[shopper->site].inside) {
		site->facts.waits[spw_wait_bucket(AT_ONCE_NS)]++;
		site->facts.first_reads += shopper->class < SIM_CLASSES_MAX;
		site->facts.requests++;
	}
}

/* A packet is handled before the workers go on, on the CPU that they share. */
static void interrupt(const struct sim *sim, struct sim_site *site, const struct sim_site_setup *setup)
{
	site->syns++;
	for (u32 i = 0; i < setup->workers && setup->packet_ns; i++)
		if (site->queue->free_ns[i] > sim->now_ns)
			site->queue->free_ns[i] += setup->packet_ns;
}

static void send_syn(struct sim *sim, struct shopper *shopper)
{
	struct sim_site *site = &sim->sites[shopper->site];
	const struct sim_site_setup *setup = &sim->setup.sites[shopper->site];
	bool refused = is_refused(sim, site, shopper);
	u64(*counts)[SPW_VERDICTS] = shopper->attempt ? site->facts.resent : site->facts.fresh;

	interrupt(sim, site, setup);
	counts[shopper->class][refused ? SPW_DROP : SPW_PASS]++;
	if (!shopper->attempt) {
		site->tallies[shopper->class].offered++;
		site->tallies[shopper->class].refused += refused;
	}
	site->drops += refused;
	if (refused || (!setup->accepts_at_once && !setup->inside && site->queue->length >= setup->queue_limit))
		try_again(sim, shopper);
	else {
		site->facts.first_reads += setup->requests > 0;
		enqueue(sim, site, shopper);
	}
}

/*
 * The first connection of a page is answered: its browser opens the others. Or the last one is: the page is complete.
 */
static void answer_page(struct sim *sim, const struct shopper *shopper, u64 end)
{
	struct page *page = shopper->page;
	struct sim_tally *tally = &sim->sites[shopper->site].pages[shopper->class];

	for (; page->unopened; page->unopened--, page->open++) {
		struct shopper *other = new_shopper(sim);

		*other = *shopper;
		other->attempt = 0;
		other->first_ns = (end > sim->now_ns ? end : sim->now_ns) / STEP_NS * STEP_NS + STEP_NS;
		knock_at(sim, other, other->first_ns);
	}
	if (page->open == 1 && !page->lost) {
		tally->good += end - page->first_ns <= GOOD_NS;
		tally->prompt += end - page->first_ns <= PROMPT_NS;
		tally->late += end - page->first_ns > GOOD_NS;
	}
	close_page(page);
}

static struct page *new_page(const struct sim *sim, u32 connections)
{
	struct page *page = calloc(1, sizeof(*page));

	if (!page)
		abort();
	*page = (struct page){.first_ns = sim->now_ns, .unopened = connections - 1, .open = 1};
	return page;
}

static void arrive(struct sim *sim, u32 site, u32 class, double load_per_s)
{
	u32 page = sim->setup.page ? sim->setup.page : 1;
	u32 pages = draw_poisson(sim, load_per_s / page * 1e-3);

	while (pages--) {
		u32 source = (u32)(sim_draw(sim) * sim->setup.sources);
		double patience = sim->setup.patience_s * (0.2 + 1.6 * sim_draw(sim));

		sim->sites[site].pages[class].offered++;
		for (u32 i = 0; i < (sim->setup.browsers ? 1 : page); i++) {
			struct shopper *shopper = new_shopper(sim);

			shopper->page = sim->setup.browsers ? new_page(sim, page) : NULL;
			shopper->site = (u8)site;
			shopper->class = (u8) class;
			shopper->source = source;
			shopper->first_ns = sim->now_ns;
			shopper->patience_ns = (u64)(patience * 1e9);
			send_syn(sim, shopper);
		}
	}
}

static void arrive_all(struct sim *sim, u32 i)
{
	const struct sim_site_setup *setup = &sim->setup.sites[i];
	double load = sim->setup.load ? sim->setup.load(sim, i, sim->time) * setup->capacity_per_s : 0;
	u32 kept = setup->kept_per_s > 0 ? draw_poisson(sim, setup->kept_per_s * 1e-3) : 0;

	for (u32 class = 0; class < sim->setup.policy.classes_count; class ++)
		if (sim->setup.shares[class] > 0 && load > 0)
			arrive(sim, i, class, load * sim->setup.shares[class]);
	while (kept--) {
		struct shopper *shopper = new_shopper(sim);

		shopper->class = SIM_CLASSES_MAX;
		enqueue(sim, &sim->sites[i], shopper);
	}
}

/* Reads by the workers: one, or the number of requests that the proxy makes. */
static u32 draw_reads(struct sim *sim, const struct sim_site_setup *setup)
{
	u32 whole = (u32)setup->requests;

	return setup->requests > 0 ? whole + (sim_draw(sim) < setup->requests - whole) : 1;
}

static void answer(struct sim *sim, const struct shopper *shopper, u64 start, u64 end)
{
	const struct sim_site_setup *setup = &sim->setup.sites[shopper->site];
	struct sim_site *site = &sim->sites[shopper->site];
	struct sim_tally *tally;

	if (!setup->inside)
		site->facts.waits[spw_wait_bucket(start - shopper->ready_ns)] += draw_reads(sim, setup);
	if (shopper->class == SIM_CLASSES_MAX)
		return;
	tally = &site->tallies[shopper->class];
	site->facts.first_reads += !setup->inside && !(setup->requests > 0);
	if (end - shopper->first_ns > GOOD_NS)
		tally->late++;
	else
		tally->good++;
	tally->prompt += end - shopper->first_ns <= PROMPT_NS;
	if (shopper->page)
		answer_page(sim, shopper, end);
}

static u32 first_free(const struct sim_queue *queue, u32 workers)
{
	u32 best = 0;

	for (u32 i = 1; i < workers; i++)
		if (queue->free_ns[i] < queue->free_ns[best])
			best = i;
	return best;
}

/* An answer that a worker has sent by now. */
static void send_answer(struct sim *sim, struct sim_site *site, u32 worker)
{
	u64 *owed = &site->queue->owed_ns[worker];

	if (!*owed || site->queue->free_ns[worker] > sim->now_ns + STEP_NS)
		return;
	site->facts.answer_waits[spw_wait_bucket(site->queue->free_ns[worker] - *owed)]++;
	*owed = 0;
}

/* What begins to be served before the step ends. */
static void serve(struct sim *sim, u32 i)
{
	const struct sim_site_setup *setup = &sim->setup.sites[i];
	struct sim_site *site = &sim->sites[i];
	double strength = sim->setup.strength ? sim->setup.strength(sim, i, sim->time) : 1;
	double mean = setup->workers / (setup->capacity_per_s * strength);

	while (strength > 0 && site->queue->head) {
		struct shopper *shopper = site->queue->head;
		u32 worker = first_free(site->queue, setup->workers);
		u64 free = site->queue->free_ns[worker];
		u64 start = free > shopper->ready_ns ? free : shopper->ready_ns;
		double takes = setup->shape == SIM_FIXED ? mean : -mean * log(1 - sim_draw(sim));

		/* A stalled worker doesn't begin in the past. */
		if (start < sim->now_ns && free + STEP_NS < sim->now_ns && shopper->ready_ns + STEP_NS < sim->now_ns)
			start = sim->now_ns;
		if (start >= sim->now_ns + STEP_NS)
			break;
		send_answer(sim, site, worker);
		site->queue->owed_ns[worker] = shopper->ready_ns;
		site->queue->free_ns[worker] = start + (u64)(takes * 1e9);
		answer(sim, shopper, start, site->queue->free_ns[worker]);
		site->queue->head = shopper->next;
		if (!site->queue->head)
			site->queue->tail = &site->queue->head;
		site->queue->length--;
		leave(sim, shopper);
	}
}

static void tell_answers(struct sim *sim, u32 i)
{
	struct sim_site *site = &sim->sites[i];

	site->facts.answers_present = true;
	site->facts.unanswered = site->queue->length;
	for (u32 worker = 0; worker < sim->setup.sites[i].workers; worker++) {
		send_answer(sim, site, worker);
		site->facts.unanswered += site->queue->owed_ns[worker] > 0;
	}
}

static void tell_facts(struct sim *sim)
{
	struct spw_facts *facts = &sim->facts;

	facts->now_ns = sim->now_ns;
	facts->services_count = sim->setup.sites_count;
	facts->host[SPW_SIGNAL_CPU] = (struct spw_reading){.value = 0.5, .present = !sim->setup.hides_cpu};
	for (u32 i = 0; i < sim->setup.sites_count; i++) {
		const struct sim_site_setup *setup = &sim->setup.sites[i];
		struct sim_site *site = &sim->sites[i];

		site->facts.waits_present = !setup->hides_reads;
		site->facts.crowded_present = !setup->hides_crowded;
		site->facts.queue_present = !setup->hides_queue;
		site->facts.queue = setup->accepts_at_once || setup->inside ? 0 : site->queue->length;
		site->facts.queue_limit = setup->queue_limit;
		site->facts.oldest_unread_ns =
			site->queue->head && !setup->inside ? sim->now_ns - site->queue->head->ready_ns : 0;
		if (setup->inside)
			tell_answers(sim, i);
		facts->services[i] = site->facts;
	}
}

/* Shares and tolerances fall with rank; below a class that isn't whole nobody is admitted. */
static void check_admission(struct sim *sim, u32 i)
{
	const struct spw_policy *policy = &sim->setup.policy;
	const struct spw_service_admission *admission = &sim->admissions[policy->services[i].id];
	const struct spw_class_admission *above = NULL;

	for (u32 rank = 0; admission->interval_ticks && rank < policy->classes_count; rank++) {
		const struct spw_class_admission *class = &admission->classes[policy->classes[rank].id];

		if (policy->classes[rank].cut_from <= sim->decision.level)
			continue;
		if (above &&
		    (above->tolerance_ticks < class->tolerance_ticks ||
		     (above->tolerance_ticks == class->tolerance_ticks && class->tolerance_ticks != SPW_TOLERANCE_ALL)))
			break_rule(sim, "tolerances don't fall with rank");
		if (above && above->share != SPW_SHARE_ALL && class->share)
			break_rule(sim, "a share below a class that is not whole");
		above = class;
	}
}

static void check_budget(struct sim *sim, u32 i)
{
	const struct spw_service_decision *decision = &sim->decision.services[i];
	double share = decision->budget_per_s / decision->capacity_per_s;

	if (!(decision->budget_per_s >= 0 && decision->budget_per_s < 1e9))
		break_rule(sim, "a budget that is no number");
	if (!(decision->budget_per_s > 0))
		return;
	if (share < sim->least_floor)
		sim->least_floor = share;
	if (share > sim->most_ceiling)
		sim->most_ceiling = share;
	if (share < sim->setup.policy.floor - 1e-9)
		break_rule(sim, "a budget below the floor");
	if (share > sim->setup.policy.ceiling + 1e-9)
		break_rule(sim, "a budget above the ceiling");
}

/* Visitors of whom the server will not hear again: their connections are reset before it works for them. */
static void end_dead(struct sim *sim, u32 i)
{
	struct sim_queue *queue = sim->sites[i].queue;
	double ends_after_s = sim->setup.sites[i].ends_after_s;

	while (ends_after_s > 0 && queue->head && (double)(sim->now_ns - queue->head->ready_ns) > ends_after_s * 1e9) {
		struct shopper *shopper = queue->head;

		queue->head = shopper->next;
		if (!queue->head)
			queue->tail = &queue->head;
		queue->length--;
		if (shopper->page)
			shopper->page->lost = true;
		close_page(shopper->page);
		leave(sim, shopper);
	}
}

static void tick(struct sim *sim)
{
	tell_facts(sim);
	if (sim->setup.tamper && !sim->setup.tamper(sim, &sim->facts))
		return;
	spw_decide(sim->memory, &sim->setup.policy, &sim->override, &sim->facts, &sim->decision);
	spw_plan(&sim->setup.policy, &sim->decision, JIFFIES_PER_S, sim->setup.seed, sim->admissions);
	sim->lease_until_ns = sim->now_ns + LEASE_NS;
	for (u32 i = 0; i < sim->setup.sites_count; i++) {
		check_admission(sim, i);
		check_budget(sim, i);
		end_dead(sim, i);
	}
	if (sim->decision.level != sim->decision.former && sim->changes_count < SIM_CHANGES_MAX)
		sim->changes[sim->changes_count++] =
			(struct sim_change){sim->time, sim->decision.former, sim->decision.level};
}

static void come_again(struct sim *sim)
{
	struct shopper **slot = &sim->retries->slots[sim->now_ns / STEP_NS % SLOTS], *shopper = *slot;

	*slot = NULL;
	while (shopper) {
		struct shopper *next = shopper->next;

		send_syn(sim, shopper);
		shopper = next;
	}
}

/* Between ticks, the agent looks at the counters of new work: true if it ticks at once. */
static bool glance(struct sim *sim)
{
	struct spw_facts facts = {.now_ns = sim->now_ns, .services_count = sim->setup.sites_count};

	if (sim->setup.tamper || (sim->tick_ns - sim->now_ns) % SPW_HURRY_NS)
		return false;
	for (u32 i = 0; i < sim->setup.sites_count; i++)
		facts.services[i] = sim->sites[i].facts;
	return spw_glance(sim->memory, &sim->setup.policy, &facts);
}

static void step(struct sim *sim)
{
	come_again(sim);
	for (u32 i = 0; i < sim->setup.sites_count; i++) {
		struct sim_site *site = &sim->sites[i];

		arrive_all(sim, i);
		serve(sim, i);
		site->backlog_s = site->backlog_s > 1e-3 ? site->backlog_s - 1e-3 : 0;
	}
	sim->now_ns += STEP_NS;
	sim->time += 1e-3;
	if (sim->now_ns >= sim->tick_ns || glance(sim)) {
		tick(sim);
		sim->tick_ns = sim->now_ns + (sim->decision.hurry ? SPW_HURRY_NS : SPW_TICK_NS);
	}
}

void sim_run(struct sim *sim, double time)
{
	while (sim->time < time - 1e-6)
		step(sim);
}

void sim_defaults(struct sim_setup *setup)
{
	static const u8 shed_from[] = {SPW_LEVEL_NEVER, SPW_RED, SPW_ORANGE, SPW_YELLOW};
	static const double shares[] = {0.07, 0.33, 0.30, 0.30};

	memset(setup, 0, sizeof(*setup));
	setup->seed = 1;
	setup->sites_count = 1;
	setup->sites[0] = (struct sim_site_setup){.capacity_per_s = 950, .workers = 8, .queue_limit = 511};
	setup->page = 1;
	setup->sources = 20000;
	setup->patience_s = 3;
	spw_shedding_defaults(&setup->policy.shedding);
	setup->policy.services_count = 1;
	setup->policy.services[0] = (struct spw_service_policy){.id = 1, .wait_target_ns = 20000000};
	setup->policy.classes_count = 4;
	for (u32 i = 0; i < 4; i++) {
		setup->policy.classes[i] = (struct spw_class_policy){
			.id = (u8)(i + 3),
			.shed_from = shed_from[i],
			.cut_from = SPW_LEVEL_NEVER,
			.reserve = spw_default_reserve(i, 4),
		};
		setup->shares[i] = shares[i];
	}
}

struct sim *sim_new(const struct sim_setup *setup)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (!sim || !(sim->retries = calloc(1, sizeof(*sim->retries))) || !(sim->memory = spw_memory_new()))
		abort();
	sim->setup = *setup;
	sim->random = setup->seed * 0x9e3779b97f4a7c15ULL + 1;
	sim->now_ns = 1000 * SECOND_NS;
	sim->tick_ns = sim->now_ns + SPW_TICK_NS;
	sim->override = (struct spw_override){.pinned = SPW_LEVEL_NEVER, .least = SPW_GREEN, .most = SPW_RED};
	sim->least_floor = sim->most_ceiling = 1;
	for (u32 i = 0; i < setup->sites_count; i++) {
		sim->sites[i].queue = calloc(1, sizeof(*sim->sites[i].queue));
		if (!sim->sites[i].queue)
			abort();
		sim->sites[i].queue->tail = &sim->sites[i].queue->head;
	}
	return sim;
}

static void free_row(struct shopper *shopper)
{
	while (shopper) {
		struct shopper *next = shopper->next;

		close_page(shopper->page);
		free(shopper);
		shopper = next;
	}
}

void sim_free(struct sim *sim)
{
	for (u32 i = 0; i < SLOTS; i++)
		free_row(sim->retries->slots[i]);
	for (u32 i = 0; i < sim->setup.sites_count; i++) {
		free_row(sim->sites[i].queue->head);
		free(sim->sites[i].queue);
	}
	while (sim->retries->spare) {
		struct shopper *next = sim->retries->spare->next;

		free(sim->retries->spare);
		sim->retries->spare = next;
	}
	spw_memory_free(sim->memory);
	free(sim->retries);
	free(sim);
}

void sim_tally_anew(struct sim *sim)
{
	for (u32 i = 0; i < sim->setup.sites_count; i++) {
		memset(sim->sites[i].tallies, 0, sizeof(sim->sites[i].tallies));
		memset(sim->sites[i].pages, 0, sizeof(sim->sites[i].pages));
		sim->sites[i].drops = sim->sites[i].syns = 0;
	}
}

struct sim_tally sim_sum(const struct sim *sim, u32 site)
{
	struct sim_tally sum = {0};

	for (u32 i = 0; i < SIM_CLASSES_MAX; i++) {
		const struct sim_tally *tally = &sim->sites[site].tallies[i];

		sum.offered += tally->offered;
		sum.refused += tally->refused;
		sum.good += tally->good;
		sum.prompt += tally->prompt;
		sum.late += tally->late;
	}
	return sum;
}

u32 sim_changes(const struct sim *sim, double from, double to)
{
	u32 count = 0;

	for (u32 i = 0; i < sim->changes_count; i++)
		count += sim->changes[i].time >= from && sim->changes[i].time < to;
	return count;
}
