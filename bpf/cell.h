/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cells of sources and prefixes (maps/cells.h): find one, judge by its backlog, charge it. Pure.
 *
 * A source looks at its home way first, then at the other three. If none has its tag, it takes over the way with the
 * smallest backlog, usually zero, backlog included. If all four are busy, the source and the former owner share the
 * way, as in Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data
 * Streams", ICDT 2005). All cells drain at the same speed, so the backlog of a source without a way is at most the
 * smallest in its set: a cell never underestimates, and no source exceeds its rate and burst however full the table is.
 * It overestimates only where a set is full or tags collide.
 *
 * Charges are rounded to cell units at random, up with the probability of the fraction, so that rates are exact on
 * average although a unit is 0.25 to 10 microseconds.
 */
#ifndef SPW_BPF_CELL_H
#define SPW_BPF_CELL_H

#include "maps/cells.h"
#include "mix.h"

/* Where a key is metered: disjoint bit fields of one hash. */
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

/* How far a cell is ahead of @now; 0: it is idle. Negative and absurd differences exceed the maximum. */
SPW_INLINE u64 spw_cell_backlog(u64 cell, u64 now)
{
	u64 backlog = (cell & ~SPW_CELL_TAG) - now;

	return backlog <= SPW_CELL_BACKLOG_MAX ? backlog : 0;
}

/* Result of a lookup in a set. */
struct spw_cell_place {
	u64 seen;    /* the cell as read */
	u64 backlog; /* of the source: an upper bound, multiple of SPW_CELL_UNIT */
	u32 way;
	u32 foreign; /* not 0: the way belongs to another source; with a backlog it is shared */
};

/**
 * spw_cell_find() - the way of a source in its set.
 * @hash: of the source
 * @now: spw_cell_now()
 *
 * Compares the other three ways without branches: which is smallest is unpredictable.
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
 * spw_cell_charge() - charge one unit to a source after spw_cell_find(), if nothing refused it.
 * @set: the same
 * @interval: 2^26ths of a jiffy
 * @random: at least 16 random bits
 *
 * An idle way of its own is written without a locked instruction; two CPUs doing so at once for one source admit one
 * unit too many. The way is re-read first: a virtual CPU may have been descheduled while others spent the burst. If
 * another CPU won the compare-and-swap, the way is ahead of now, whoever owns it: add the unit.
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
