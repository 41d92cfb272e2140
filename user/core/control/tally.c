/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-CPU tallies -> facts. */
#include "tally.h"

#include <string.h>

/* How many sockets have been unread for this many epochs, over all CPUs. Signed: one CPU may count a socket up and
 * another down. */
struct ages {
	int64_t by_epochs[SPW_EPOCHS];
	int64_t ancient;
};

static void add_ring(const struct spw_signal_tally *tally, u32 unread, u32 now_epoch, struct ages *ages)
{
	ages->ancient += (int64_t)tally->ancient[unread];
	for (u32 i = 0; i < SPW_EPOCHS; i++) {
		u64 place = tally->unread[unread][i];
		int32_t age = (int32_t)(now_epoch - (u32)(place >> 32)), count = (int32_t)place;

		if (age < 0) /* began after the caller read its clock */
			age = 0;
		if (age < (int32_t)SPW_EPOCHS)
			ages->by_epochs[age] += count;
		else
			ages->ancient += count;
	}
}

static u64 oldest(const struct ages *ages, u64 now_ns)
{
	if (ages->ancient > 0)
		return SPW_UNREAD_SPAN_NS;
	for (u32 age = SPW_EPOCHS - 1; age; age--)
		if (ages->by_epochs[age] > 0)
			return ((u64)(age - 1) << SPW_EPOCH_SHIFT) + (now_ns & ((1ull << SPW_EPOCH_SHIFT) - 1));
	return 0;
}

void spw_tally_sum(const void *per_cpu, size_t stride, int cpus, u64 now_ns, struct spw_service_facts *facts)
{
	struct ages ages[SPW_UNREADS] = {0};
	u64 last_read_ns = 0, idle_ns, later_ns, first_ns, over = 0;

	memset(facts->waits, 0, sizeof(facts->waits));
	memset(facts->answer_waits, 0, sizeof(facts->answer_waits));
	facts->first_reads = facts->requests = facts->later_requests = facts->later_reads = 0;
	for (int cpu = 0; cpu < cpus; cpu++) {
		const struct spw_signal_tally *tally = (const void *)((const char *)per_cpu + (size_t)cpu * stride);

		for (u32 bucket = 0; bucket < SPW_WAIT_BUCKETS; bucket++) {
			facts->waits[bucket] += tally->waits[bucket];
			facts->answer_waits[bucket] += tally->answers[bucket];
			over += tally->answers[bucket];
		}
		facts->first_reads += tally->first_reads;
		facts->requests += tally->requests;
		facts->later_requests += tally->later_requests;
		facts->later_reads += tally->later_reads;
		over += tally->ended;
		if (tally->last_read_ns > last_read_ns)
			last_read_ns = tally->last_read_ns;
		for (u32 unread = 0; unread < SPW_UNREADS; unread++)
			add_ring(tally, unread, (u32)(now_ns >> SPW_EPOCH_SHIFT), &ages[unread]);
	}
	/* CPUs are read one after the other: an answer may be seen before its request. */
	facts->unanswered = facts->requests > over ? facts->requests - over : 0;
	idle_ns = now_ns > last_read_ns ? now_ns - last_read_ns : 0;
	first_ns = oldest(&ages[SPW_UNREAD_FIRST], now_ns);
	later_ns = oldest(&ages[SPW_UNREAD_LATER], now_ns);
	if (later_ns > idle_ns)
		later_ns = idle_ns;
	facts->oldest_unread_ns = first_ns > later_ns ? first_ns : later_ns;
}
