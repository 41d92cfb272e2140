/* SPDX-License-Identifier: GPL-2.0-only */
/* Read-wait or answer wait. See wait_choice.h. */
#include "wait_choice.h"

#include <string.h>

#define QUANTILE	  0.75 /* of answers: the lower part are handshakes and immediate answers */
#define RECENT_WORK	  24.  /* answers behind the quantile, or those of this tick if more */
#define RECENT_SECONDS	  2.0  /* s: and older ones fade */
#define MEAN_WORK	  200. /* answers behind the mean */
#define RATE_SECONDS	  0.5  /* s: smoothing of answers a second */
#define WORK_SECONDS	  30.0 /* s: requests a connection are learned over so long */
#define WORK_LEAST	  20.  /* connections: they are told apart from chance */
#define IDLE_UP_SECONDS	  60.0 /* s: the idle value rises so slowly, in calm, */
#define IDLE_DOWN_SECONDS 2.0  /* s: and falls so fast: an agent may start in overload */
#define IDLE_MOST_NS	  2e9  /* long polls: answers are late by intention */
#define LATE_MOST_NS	  1e9  /* bound of a learned target */
#define GROWTH_SECONDS	  5.0  /* s in which unanswered requests must grow */
#define GROWTH_DEVIATIONS 3.0
#define GROWTH_LEAST	  5.
#define DOUBLED_LEAST	  20.
#define INSIDE		  2.0  /* times the read-wait: buckets are 19 % wide, and most of the wait must be inside */
#define READ_PART	  0.75 /* of the wait: if this much is read-wait, read-wait shows it */
#define CALM_SECONDS	  30.0 /* s */
#define COUNTS_MOST	  1e8  /* answers in a tick: a counter that restarted */

static double fade(double value, double seconds, double constant)
{
	return value * constant / (constant + seconds);
}

/* The quantile of @counts, linear within a bucket. */
static double quantile(const double *counts, double total)
{
	double wanted = QUANTILE * total, seen = 0;

	for (u32 i = 0; i < SPW_WAIT_BUCKETS; i++) {
		double begin = i ? (double)spw_wait_bucket_end_ns(i - 1) : 0, end = (double)spw_wait_bucket_end_ns(i);

		if (counts[i] > 0 && seen + counts[i] >= wanted)
			return begin + (end - begin) * (wanted - seen) / counts[i];
		seen += counts[i];
	}
	return (double)spw_wait_bucket_end_ns(SPW_WAIT_BUCKETS - 1);
}

void spw_answers_begin(struct spw_answer_memory *memory, const struct spw_service_facts *facts)
{
	memory->begun = facts->answers_present;
	memcpy(memory->waits, facts->answer_waits, sizeof(memory->waits));
	memory->requests = facts->requests;
	memory->first_reads = facts->first_reads;
	memory->late_s = 0;
	memory->backlogged = true;
}

/* Add this tick's answers to `recent`. Returns how many; -1: not comparable. */
static double take_answers(struct spw_answer_memory *memory, const struct spw_service_facts *facts, double seconds)
{
	u64 fresh[SPW_WAIT_BUCKETS];
	double total = 0, before = 0, sum = 0, keep;

	for (u32 i = 0; i < SPW_WAIT_BUCKETS; i++) {
		fresh[i] = facts->answer_waits[i] - memory->waits[i];
		total += (double)fresh[i];
		sum += (double)fresh[i] * (double)spw_wait_bucket_end_ns(i);
		before += memory->recent[i];
	}
	if (!(total <= COUNTS_MOST))
		return -1;
	memory->per_s = memory->per_s > 0 ? spw_smooth(memory->per_s, total / seconds, seconds, RATE_SECONDS)
					  : total / seconds;
	keep = MEAN_WORK / (MEAN_WORK + total);
	memory->sum_ns = memory->sum_ns * keep + sum;
	memory->count = memory->count * keep + total;
	keep = fade(1, seconds, RECENT_SECONDS);
	if (keep * before > RECENT_WORK - total)
		keep = before > 0 ? spw_bounded(RECENT_WORK - total, 0, RECENT_WORK) / before : 0;
	for (u32 i = 0; i < SPW_WAIT_BUCKETS; i++)
		memory->recent[i] = memory->recent[i] * keep + (double)fresh[i];
	return total;
}

/* Requests per piece of new work. */
static double requests_per_work(struct spw_answer_memory *memory, const struct spw_service_facts *facts, double seconds)
{
	double asked = (double)(facts->requests - memory->requests);
	double work = (double)(facts->first_reads - memory->first_reads);

	if (asked <= COUNTS_MOST && work <= COUNTS_MOST) {
		memory->asked = fade(memory->asked, seconds, WORK_SECONDS) + asked;
		memory->work = fade(memory->work, seconds, WORK_SECONDS) + work;
	}
	return memory->work >= WORK_LEAST && memory->asked > 0 ? memory->asked / memory->work : 1;
}

/* An idle value falls to what is seen, and rises slowly while nothing is late. */
static void learn_idle(double *idle_ns, double wait_ns, bool calm, double up_s, double seconds)
{
	if (*idle_ns <= 0)
		*idle_ns = wait_ns;
	else if (wait_ns < *idle_ns)
		*idle_ns = spw_smooth(*idle_ns, wait_ns, seconds, IDLE_DOWN_SECONDS);
	else if (calm)
		*idle_ns = spw_smooth(*idle_ns, wait_ns, seconds, up_s);
}

/* Requests beyond those in service when nothing waits (Little's law). */
static double queue_of(const struct spw_answer_memory *memory, double unanswered)
{
	return spw_bounded(unanswered - memory->per_s * memory->mean_ns / 1e9, 0, 1e12);
}

/*
 * By how much answers are later than when idle, at most the time that the queue takes. If the queue is real, beyond
 * chance, it predicts how late the next answers will be: the latest ones arrived before it grew, or before it drained.
 */
static double late_of(const struct spw_answer_memory *memory, double wait_ns, double queue)
{
	double per_s = spw_bounded(memory->per_s, 0.1, 1e9), under_way = per_s * memory->mean_ns / 1e9;
	double takes_ns = queue / per_s * 1e9;

	if (memory->inside && queue * queue > GROWTH_DEVIATIONS * GROWTH_DEVIATIONS * under_way)
		return takes_ns;
	return spw_bounded(wait_ns - memory->idle_ns, 0, takes_ns);
}

/* By how much answers may be later than when idle. */
static double target_of(const struct spw_answer_memory *memory, const struct spw_service_policy *service)
{
	double least = (double)service->wait_target_ns;

	if (service->answer_target_ns)
		return spw_bounded((double)service->answer_target_ns - memory->idle_ns, least / 4, 1e12);
	return spw_bounded(memory->idle_ns, least, least < LATE_MOST_NS ? LATE_MOST_NS : least);
}

/* Answers are late: have unanswered requests grown beyond chance since? */
static bool has_grown(struct spw_answer_memory *memory, double unanswered, double answers, bool late, double seconds)
{
	double growth, spread;

	if (!late || memory->late_s <= 0 || memory->late_s > GROWTH_SECONDS) {
		memory->anchor = unanswered;
		memory->anchor_work = 0;
		memory->late_s = late ? seconds : 0;
		return false;
	}
	memory->late_s += seconds;
	memory->anchor_work += answers;
	growth = unanswered - memory->anchor;
	if (growth >= memory->anchor + DOUBLED_LEAST)
		return true;
	/* Variance by chance: of arrivals and answers since, but at most of what is under way. */
	spread = 2 * memory->anchor_work + growth;
	if (spread > memory->anchor + unanswered)
		spread = memory->anchor + unanswered;
	growth -= GROWTH_LEAST;
	return growth > 0 && growth * growth > GROWTH_DEVIATIONS * GROWTH_DEVIATIONS * spread;
}

static void choose(struct spw_answer_memory *memory, const struct spw_service_policy *service, double late,
		   double target, bool grown, double seconds, const struct spw_service_rates *rates)
{
	double read_wait = rates->wait_source == SPW_WAIT_NONE ? 0 : (double)rates->wait_ns;

	if (!memory->inside) {
		memory->inside = grown && late > target + INSIDE * read_wait;
		memory->calm_s = 0;
		return;
	}
	memory->calm_s = late < target / 2 ? memory->calm_s + seconds : 0;
	if (memory->calm_s > CALM_SECONDS ||
	    (read_wait > READ_PART * late && read_wait > (double)service->wait_target_ns))
		memory->inside = false;
}

/* Use answers instead of reads. */
static void replace(const struct spw_answer_memory *memory, double late, double answers, double per_work,
		    double unanswered, double queue, double seconds, struct spw_service_rates *rates)
{
	rates->wait_source = SPW_WAIT_ANSWER;
	rates->wait_ns = (u64)late;
	rates->reads = answers;
	rates->served_per_s = answers / per_work / seconds;
	rates->served_known = true;
	rates->backlogged = queue > 0;
	rates->standing = unanswered > 0 && memory->backlogged && answers <= 0;
}

void spw_wait_choose(struct spw_answer_memory *memory, const struct spw_service_facts *facts, double seconds,
		     struct spw_service_policy *service, struct spw_service_rates *rates)
{
	double answers = memory->begun && facts->answers_present ? take_answers(memory, facts, seconds) : -1;
	double per_work, total = 0, wait_ns, late, target, queue, unanswered = (double)facts->unanswered;
	bool calm;

	if (answers < 0) {
		spw_answers_begin(memory, facts);
		memory->inside = memory->inside && facts->answers_present;
		return;
	}
	per_work = requests_per_work(memory, facts, seconds);
	memcpy(memory->waits, facts->answer_waits, sizeof(memory->waits));
	memory->requests = facts->requests;
	memory->first_reads = facts->first_reads;
	for (u32 i = 0; i < SPW_WAIT_BUCKETS; i++)
		total += memory->recent[i];
	if (total >= 1) {
		wait_ns = quantile(memory->recent, total);
		calm = !memory->inside && memory->late_s <= 0;
		/* The first answers are the quick ones, as those before were not seen to begin: the mean soon rises. */
		memory->known_s =
			spw_bounded(memory->known_s + (calm ? seconds : 0), IDLE_DOWN_SECONDS, IDLE_UP_SECONDS);
		learn_idle(&memory->idle_ns, wait_ns, calm, IDLE_UP_SECONDS, seconds);
		learn_idle(&memory->mean_ns, memory->sum_ns / memory->count, calm, memory->known_s, seconds);
		queue = queue_of(memory, unanswered);
		late = late_of(memory, wait_ns, queue);
		target = target_of(memory, service);
		if (service->answer_target_ns || memory->idle_ns <= IDLE_MOST_NS)
			choose(memory, service, late, target,
			       has_grown(memory, unanswered, answers, late > target, seconds), seconds, rates);
		if (memory->inside) {
			service->wait_target_ns = (u64)target;
			replace(memory, late, answers, per_work, unanswered, queue, seconds, rates);
		}
	}
	memory->backlogged = facts->unanswered > 0;
}
