/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cells of sources and prefixes (maps/cells.h): find one, judge by its backlog, charge it. Pure: time and randomness are
 * arguments.
 *
 * A source looks at its home way first, then at the other three. If none has its tag, it takes the one with the smallest
 * backlog, and with it that backlog: mostly none, so the way is free. If all four are busy, source and former owner share
 * the way from now on, as in Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k
 * Elements in Data Streams", ICDT 2005): a source that has no way has a backlog no larger than the smallest in its set, as
 * all of them drain alike. So a cell never says less than what its source has sent, and no source gets more than its
 * rate and burst, whatever fills the table. It may say more only where a set is full or tags are equal.
 *
 * Charges are rounded to units of time at random, up with a probability of what lies above, so that rates are exact in
 * the mean although a unit is a quarter of a microsecond to ten.
 */
#ifndef SPW_BPF_CELL_H
#define SPW_BPF_CELL_H

#include "maps/cells.h"
#include "mix.h"

/* Where a key is metered, from one hash: fields do not overlap. */
SPW_INLINE u32 spw_cell_line(u64 hash)
{
	return (u32)(hash >> 40);
}

SPW_INLINE u32 spw_cell_bits_line(u64 hash)
{
	return (u32)(hash >> 18) & 0x3fffff;
}

SPW_INLINE u32 spw_cell_home(u64 hash)
{
	return (u32)(hash >> 16) & (SPW_WAYS - 1);
}

SPW_INLINE u64 spw_cell_tag(u64 hash)
{
	return hash & SPW_CELL_TAG;
}

SPW_INLINE u64 spw_cell_now(u64 jiffies)
{
	return jiffies << SPW_CELL_SHIFT;
}

/* How far a cell is ahead of @now; 0: it is free. Both negative and absurd differences are above the maximum. */
SPW_INLINE u64 spw_cell_backlog(u64 cell, u64 now)
{
	u64 backlog = (cell & ~SPW_CELL_TAG) - now;

	return backlog <= SPW_CELL_BACKLOG_MAX ? backlog : 0;
}

/* What a look at a set has found. */
struct spw_cell_place {
	u64 seen;    /* the cell as it was read */
	u64 backlog; /* of the source: no less than its own, multiple of SPW_CELL_UNIT */
	u32 way;
	u32 foreign; /* not 0: the way is another's. With a backlog it is shared */
};

/**
 * spw_cell_find() - the way of a source in its set.
 * @hash: of the source
 * @now: spw_cell_now()
 *
 * The three other ways are compared without branches: which of them is the smallest nobody can predict.
 */
SPW_INLINE void spw_cell_find(const u64 *set, u64 hash, u64 now, struct spw_cell_place *place)
{
	u32 home = spw_cell_home(hash), way = home;
	u64 tag = spw_cell_tag(hash), seen = *(const volatile u64 *)&set[home], least = spw_cell_backlog(seen, now);

	place->foreign = 0;
	if ((seen & SPW_CELL_TAG) != tag) {
		place->foreign = 1;
		for (u32 i = 1; i < SPW_WAYS; i++) {
			u32 other = (home + i) & (SPW_WAYS - 1);
			u64 cell = *(const volatile u64 *)&set[other], backlog = spw_cell_backlog(cell, now), smaller;

			if ((cell & SPW_CELL_TAG) == tag) {
				way = other;
				seen = cell;
				least = backlog;
				place->foreign = 0;
				break;
			}
			smaller = (u64)((s64)(backlog - least) >> 63);
			way ^= (way ^ other) & (u32)smaller;
			seen ^= (seen ^ cell) & smaller;
			least ^= (least ^ backlog) & smaller;
		}
	}
	place->way = way;
	place->seen = seen;
	place->backlog = least;
}

/**
 * spw_cell_charge() - one unit for a source that spw_cell_find() has found and nothing has refused.
 * @set: the same
 * @interval: 2^26ths of a jiffy
 * @random: any of its 16 bits
 *
 * A free way that was its own is written without a locked instruction; two CPUs that do so at once for one source
 * admit a unit too many. It is read again first, as a virtual CPU may have been descheduled since while others spent
 * the burst. If another CPU was faster with a locked one, the way is ahead of now, whoever's it is: the unit is added.
 */
SPW_INLINE void spw_cell_charge(u64 *set, u64 hash, const struct spw_cell_place *place, u64 now, u64 interval,
				u32 random)
{
	u64 *cell = &set[place->way & (SPW_WAYS - 1)];
	u64 step = (interval + (random & SPW_CELL_TAG)) & ~SPW_CELL_TAG;
	u64 next = (now + place->backlog + step) | spw_cell_tag(hash);

	if (!(place->backlog | place->foreign) && *(volatile u64 *)cell == place->seen)
		*(volatile u64 *)cell = next;
	else if (__sync_val_compare_and_swap(cell, place->seen, next) != place->seen)
		__sync_fetch_and_add(cell, step);
}

#endif
