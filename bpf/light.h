/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows that the light listener answers: a table of marks (maps/light.h). Pure: datapath, sk_lookup and tests.
 *
 * A mark is set when a SYN is given to the light listener and refreshed by its retransmission; it is removed when a SYN of
 * the flow is admitted. A new one replaces, in its set, an empty or the oldest one. A mark is written by compare-and-swap:
 * where another CPU was faster, nothing is marked, and the SYN is refused.
 */
#ifndef SPW_BPF_LIGHT_H
#define SPW_BPF_LIGHT_H

#include "maps/light.h"
#include "mix.h"

/* A flow as both programs see it; addresses left aligned, as in struct spw_packet. */
struct spw_light_flow {
	u64 remote_hi, remote_lo, local_hi, local_lo;
	u32 ports; /* remote, local */
};

SPW_INLINE u64 spw_light_hash(const struct spw_light_flow *flow, u64 seed)
{
	u64 state = spw_mix_in(seed, flow->remote_hi);

	state = spw_mix_in(state, flow->remote_lo);
	state = spw_mix_in(state, flow->local_hi);
	state = spw_mix_in(state, flow->local_lo);
	return spw_mix(spw_mix_in(state, flow->ports));
}

SPW_INLINE u32 spw_light_set(u64 hash)
{
	return (u32)(hash >> (64 - SPW_LIGHT_SET_BITS));
}

SPW_INLINE u64 spw_light_tag(u64 hash)
{
	return hash << SPW_LIGHT_SET_BITS >> SPW_LIGHT_TAG_SHIFT << SPW_LIGHT_TAG_SHIFT;
}

/* At least 1 for @now: another CPU may have written the mark in the jiffy that has just begun. */
SPW_INLINE u32 spw_light_age(u64 mark, u64 now)
{
	return (u32)(now + 1 - mark) & SPW_LIGHT_TIME_MASK;
}

SPW_INLINE bool spw_light_is(u64 mark, u64 hash)
{
	return mark && !((mark ^ spw_light_tag(hash)) >> SPW_LIGHT_TAG_SHIFT);
}

/**
 * spw_light_find() - the service whose light listener has the flow; 0: it is not marked.
 * @set: at spw_light_set() of @hash
 * @now: jiffies
 * @stay: how long a mark lives
 */
SPW_INLINE u32 spw_light_find(const u64 set[SPW_LIGHT_WAYS], u64 hash, u64 now, u32 stay)
{
	for (u32 way = 0; way < SPW_LIGHT_WAYS; way++) {
		u64 mark;

		SPW_OPAQUE(way);
		mark = *(const volatile u64 *)&set[way & (SPW_LIGHT_WAYS - 1)];
		if (spw_light_is(mark, hash) && spw_light_age(mark, now) <= stay)
			return (u32)(mark >> SPW_LIGHT_SERVICE_SHIFT) & SPW_LIGHT_SERVICE_MASK;
	}
	return 0;
}

/*
 * Of the flow's own mark, an empty one and the oldest, the first that there is: its way. Age in the upper bits, so that one
 * comparison chooses.
 */
SPW_INLINE u32 spw_light_way(const u64 set[SPW_LIGHT_WAYS], u64 hash, u64 now)
{
	u64 best = 0;

	for (u32 way = 0; way < SPW_LIGHT_WAYS; way++) {
		u64 mark, rank;

		SPW_OPAQUE(way);
		mark = *(const volatile u64 *)&set[way & (SPW_LIGHT_WAYS - 1)];
		rank = (u64)spw_light_age(mark, now) << 8 | way;
		if (!mark)
			rank |= 1ull << 40;
		if (spw_light_is(mark, hash))
			rank |= 1ull << 41;
		if (rank >= best)
			best = rank;
	}
	return best & (SPW_LIGHT_WAYS - 1);
}

/** spw_light_mark() - mark the flow; false: another CPU has just written the same mark. Arguments as above. */
SPW_INLINE bool spw_light_mark(u64 set[SPW_LIGHT_WAYS], u64 hash, u64 now, u32 service)
{
	u32 way = spw_light_way(set, hash, now);
	u64 held = *(volatile u64 *)&set[way];
	u64 mark = spw_light_tag(hash) | (u64)(service & SPW_LIGHT_SERVICE_MASK) << SPW_LIGHT_SERVICE_SHIFT |
		   (now & SPW_LIGHT_TIME_MASK);

	return __sync_val_compare_and_swap(&set[way], held, mark) == held;
}

/** spw_light_unmark() - a SYN of the flow was admitted. */
SPW_INLINE void spw_light_unmark(u64 set[SPW_LIGHT_WAYS], u64 hash, u64 now)
{
	u32 way = spw_light_way(set, hash, now);

	if (spw_light_is(*(volatile u64 *)&set[way], hash))
		*(volatile u64 *)&set[way] = 0;
}

#endif
