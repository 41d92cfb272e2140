/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts of two ticks -> rates of the time between. See rates.h. */
#include <string.h>

#include "rates.h"

#define SECOND_NS	 1e9
#define COUNTS_PER_S_MAX 1e8	       /* faster than any counter of one service */
#define SILENT_NS	 2000000000ull /* work admitted but no reads for this long: the tracepoints fail */
#define STANDING_NS	 500000000ull  /* or for this long with this much work in the accept queue: */
#define SILENT_WORK	 20.0
#define STALLED_WORK	 3.0   /* unread new work: the application stalls */
#define READS_WORK	 200.0 /* reads per new work are smoothed over this much work */
#define READS_LEAST	 0.01
#define READS_MOST	 1e6
#define WAIT_MAX_NS	 60000000000ull
#define QUEUE_SECONDS	 0.3 /* smoothing of the accept queue and its throughput */
#define QUEUE_FULL	 0.9

double spw_smooth(double before, double now, double time, double constant)
{
	return before + (now - before) * time / (constant + time);
}

double spw_bounded(double value, double least, double most)
{
	if (!(value >= least))
		return least;
	return value > most ? most : value;
}

bool spw_reading_holds(const struct spw_reading *reading)
{
	return reading->present && reading->value >= 0 && reading->value <= 1e15;
}

/* In ns; linear within a bucket. @share: 0 to 1. */
static u64 wait_quantile(const u64 *buckets, u64 total, double share)
{
	double wanted = share * (double)total, seen = 0;

	if (!total)
		return 0;
	for (u32 i = 0; i < SPW_WAIT_BUCKETS; i++) {
		double begin = i ? (double)spw_wait_bucket_end_ns(i - 1) : 0, end = (double)spw_wait_bucket_end_ns(i);

		if (buckets[i] && seen + (double)buckets[i] >= wanted)
			return (u64)(begin + (end - begin) * (wanted - seen) / (double)buckets[i]);
		seen += (double)buckets[i];
	}
	return spw_wait_bucket_end_ns(SPW_WAIT_BUCKETS - 1);
}

/* How far a counter moved, modulo 2^64, so that it may wrap. False: it restarted, or is damaged. */
static bool moved(u64 now, u64 before, double seconds, double *count)
{
	*count = (double)(now - before);
	return *count <= COUNTS_PER_S_MAX * seconds + 1000;
}

static bool take_class(const struct spw_service_facts *now, const struct spw_service_facts *before, u32 rank,
		       double seconds, struct spw_class_work_rates *rates)
{
	double fresh[SPW_VERDICTS], resent[SPW_VERDICTS], crowded;

	for (u32 i = 0; i < SPW_VERDICTS; i++)
		if (!moved(now->fresh[rank][i], before->fresh[rank][i], seconds, &fresh[i]) ||
		    !moved(now->resent[rank][i], before->resent[rank][i], seconds, &resent[i]))
			return false;
	rates->fresh_per_s = (fresh[SPW_PASS] + fresh[SPW_DROP]) / seconds;
	rates->admitted_per_s = (fresh[SPW_PASS] + resent[SPW_PASS]) / seconds;
	rates->refused_per_s = (fresh[SPW_DROP] + resent[SPW_DROP]) / seconds;
	rates->inside_per_s = fresh[SPW_PASS] / seconds;
	if (!now->crowded_present || !before->crowded_present)
		return true;
	if (!moved(now->crowded[rank], before->crowded[rank], seconds, &crowded))
		return false;
	rates->inside_per_s += spw_bounded(crowded / seconds, 0, rates->refused_per_s);
	return true;
}

static bool take_work(const struct spw_service_facts *now, const struct spw_service_facts *before, u32 classes_count,
		      double seconds, struct spw_service_rates *rates)
{
	for (u32 i = 0; i < classes_count; i++) {
		if (!take_class(now, before, i, seconds, &rates->classes[i]))
			return false;
		rates->crowded_known = now->crowded_present && before->crowded_present;
		rates->fresh_per_s += rates->classes[i].fresh_per_s;
		rates->admitted_per_s += rates->classes[i].admitted_per_s;
		rates->refused_per_s += rates->classes[i].refused_per_s;
	}
	return true;
}

/*
 * A service that reads nothing although new work came has stalled: its wait is the age of the oldest data, but no
 * longer than nothing was read, as one forgotten connection is no stall.
 */
static u64 stalled_ns(const struct spw_rates_memory *memory, const struct spw_service_facts *facts, u64 now_ns)
{
	u64 silent = now_ns - memory->last_read_ns;

	if (memory->unread < STALLED_WORK)
		return 0;
	return facts->oldest_unread_ns < silent ? facts->oldest_unread_ns : silent;
}

/*
 * What the application behind a proxy serves, in pieces of new work. The proxy reads everything at once; how many
 * requests it makes of a piece shows in ticks that begin and end with nothing between the two.
 */
static double served_behind(struct spw_rates_memory *memory, double reads, double first_reads, bool keeps_up,
			    double *reads_per_work)
{
	double before = *reads_per_work > 0 ? *reads_per_work : 1, now;

	memory->reads_apart = keeps_up ? memory->reads_apart + reads : 0;
	if (keeps_up && first_reads > 0) {
		now = spw_smooth(before, memory->reads_apart / first_reads, first_reads, READS_WORK);
		*reads_per_work = spw_bounded(now, READS_LEAST, READS_MOST);
		memory->reads_apart = 0;
	}
	return reads / before;
}

/* Read-wait: the median of this tick's reads. False: no histogram, or not comparable. */
static bool take_reads(struct spw_rates_memory *memory, const struct spw_service_policy *service,
		       const struct spw_service_facts *now, u64 now_ns, double seconds, double *reads_per_work,
		       struct spw_service_rates *rates)
{
	u64 waits[SPW_WAIT_BUCKETS], total = 0;
	double count, first;

	if (!now->waits_present || !memory->before.waits_present)
		return false;
	for (u32 i = 0; i < SPW_WAIT_BUCKETS; i++) {
		if (!moved(now->waits[i], memory->before.waits[i], seconds, &count))
			return false;
		waits[i] = now->waits[i] - memory->before.waits[i];
		total += waits[i];
	}
	if (!moved(now->first_reads, memory->before.first_reads, seconds, &first))
		return false;
	memory->unread = total ? 0 : memory->unread + rates->admitted_per_s * seconds;
	if (total)
		memory->last_read_ns = now_ns;
	rates->reads = (double)total;
	rates->wait_p50_ns = wait_quantile(waits, total, 0.5);
	rates->wait_p90_ns = wait_quantile(waits, total, 0.9);
	rates->wait_p99_ns = wait_quantile(waits, total, 0.99);
	rates->wait_ns = total ? rates->wait_p50_ns : stalled_ns(memory, now, now_ns);
	if (service->behind)
		first = served_behind(memory, (double)total, first, !rates->backlogged && !memory->backlogged,
				      reads_per_work);
	rates->served_per_s = first / seconds;
	rates->served_known = true;
	rates->wait_source = SPW_WAIT_READ;
	return true;
}

/* Do the tracepoints miss this service: work arrives, but no reads and no unread data? */
static bool is_silent(const struct spw_rates_memory *memory, const struct spw_service_facts *facts, u64 now_ns)
{
	bool queued = facts->queue_present && (double)facts->queue >= SILENT_WORK;

	return !facts->oldest_unread_ns && memory->unread >= SILENT_WORK &&
	       now_ns - memory->last_read_ns >= (queued ? STANDING_NS : SILENT_NS);
}

/*
 * Accept wait: connections waiting for accept(), over the rate of accepts. A full queue loses work unseen, so admitted
 * minus growth would overestimate: keep the previous rate, or half of the admitted.
 */
static bool take_queue(struct spw_rates_memory *memory, const struct spw_service_facts *now, double seconds,
		       struct spw_service_rates *rates)
{
	double growth = (double)now->queue - (double)memory->before.queue, served;

	if (!now->queue_present || !memory->before.queue_present || now->queue > 1u << 30)
		return false;
	served = spw_bounded(rates->admitted_per_s - growth / seconds, 0, COUNTS_PER_S_MAX);
	rates->queue_full = now->queue_limit && (double)now->queue >= QUEUE_FULL * (double)now->queue_limit;
	if (rates->queue_full)
		served = memory->served_per_s > 0 ? memory->served_per_s : rates->admitted_per_s / 2;
	/* A stalled server does not show how fast it serves the queue. */
	if (served * seconds >= 1 || !now->queue || !memory->before.queue)
		memory->served_per_s = spw_smooth(memory->served_per_s, served, seconds, QUEUE_SECONDS);
	memory->queue = spw_smooth(memory->queue, (double)now->queue, seconds, QUEUE_SECONDS);
	/* What has drained no longer waits. */
	if (memory->queue > (double)now->queue)
		memory->queue = (double)now->queue;
	rates->served_per_s = served;
	rates->served_known = true;
	rates->wait_ns = 0;
	if (memory->queue > 0.5)
		rates->wait_ns = (u64)spw_bounded(memory->queue / spw_bounded(memory->served_per_s, 1, 1e9) * SECOND_NS,
						  0, (double)WAIT_MAX_NS);
	rates->wait_source = SPW_WAIT_ACCEPT;
	return true;
}

void spw_rates_begin(struct spw_rates_memory *memory, const struct spw_service_facts *facts, u64 now_ns)
{
	memory->before = *facts;
	memory->begun = memory->backlogged = true;
	memory->last_read_ns = now_ns;
	memory->unread = memory->reads_apart = 0;
	memory->queue = facts->queue_present && facts->queue <= 1u << 30 ? (double)facts->queue : 0;
}

double spw_rates_fresh(const struct spw_rates_memory *memory, const struct spw_service_facts *facts, u32 classes_count)
{
	u64 fresh = 0;

	for (u32 rank = 0; rank < classes_count; rank++)
		for (u32 i = 0; i < SPW_VERDICTS; i++)
			fresh += facts->fresh[rank][i] - memory->before.fresh[rank][i];
	return (double)fresh;
}

void spw_rates_take(struct spw_rates_memory *memory, const struct spw_service_policy *service,
		    const struct spw_service_facts *facts, u64 now_ns, double seconds, u32 classes_count,
		    double *reads_per_work, struct spw_service_rates *rates)
{
	bool reads;

	memset(rates, 0, sizeof(*rates));
	if (!memory->begun || !take_work(facts, &memory->before, classes_count, seconds, rates)) {
		memset(rates, 0, sizeof(*rates));
		spw_rates_begin(memory, facts, now_ns);
		return;
	}
	rates->valid = true;
	rates->backlogged = facts->oldest_unread_ns > 0 || (facts->queue_present && facts->queue > 0);
	reads = take_reads(memory, service, facts, now_ns, seconds, reads_per_work, rates);
	if (!reads || is_silent(memory, facts, now_ns))
		take_queue(memory, facts, seconds, rates);
	rates->standing = rates->served_known && memory->backlogged && rates->backlogged &&
			  rates->served_per_s * seconds < 1;
	memory->backlogged = rates->backlogged;
	memory->before = *facts;
}
