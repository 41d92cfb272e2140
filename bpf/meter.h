/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much may pass: the generic cell rate algorithm, in its form of virtual scheduling (ITU-T Recommendation I.371,
 * annex A; ATM Forum Traffic Management 4.0, section 4.4.2 and annex C). Pure and on both sides: time, cost and room
 * are arguments. Called by rule 10 (verdict.h) and by the host tests.
 *
 * A cell is one number: the theoretical arrival time, at which all that was admitted so far will have been worked off
 * at the full rate. What it lies ahead of now is the backlog. One unit moves it on by its cost, 1 / rate, and is
 * refused while the backlog exceeds the room. So over any time what is admitted is no more than rate x time + room /
 * cost, and one unit. Zero is a cell that was never used.
 *
 * Several rooms may be asked of one cell: as whoever has the smaller room is refused first, a class is never admitted
 * while a higher one is refused (trunk reservation).
 *
 * Everything is in ticks (maps/order.h). All CPUs share a cell without a lock: a refusal only reads it.
 */
#ifndef SPW_BPF_METER_H
#define SPW_BPF_METER_H

#include "maps/admission.h"

/* After so many attempts in vain the cost is added without asking again, so nothing passes without being metered. */
#define SPW_METER_ATTEMPTS 3

SPW_INLINE u64 spw_meter_ticks(u64 jiffies)
{
	return jiffies << SPW_TICK_SHIFT;
}

SPW_INLINE u64 spw_meter_backlog(u64 arrival, u64 now)
{
	return arrival > now ? arrival - now : 0;
}

/* Where the arrival time goes by one unit of @cost. */
SPW_INLINE u64 spw_meter_next(u64 arrival, u64 now, u64 cost)
{
	return (arrival > now ? arrival : now) + cost;
}

/* The same where nothing is refused: the backlog grows to @debt and no further (0: without bound), but never shrinks.
 */
SPW_INLINE u64 spw_meter_next_within(u64 arrival, u64 now, u64 cost, u64 debt)
{
	u64 next = spw_meter_next(arrival, now, cost), most = now + debt;

	if (!debt || next <= most)
		return next;
	return arrival > most ? arrival : most;
}

/**
 * spw_meter_admit() - refuse a unit, or charge it.
 * @cell: shared by all CPUs
 * @room: the backlog up to which the unit is admitted
 * @arrival: set to the cell's arrival time where the unit is refused: it will be until that less @room
 * Returns whether it is admitted. Where other CPUs come between in every attempt, each may admit one unit too many.
 */
SPW_INLINE bool spw_meter_admit(u64 *cell, u64 now, u64 cost, u64 room, u64 *arrival)
{
	u64 seen = *(volatile u64 *)cell, found;

	for (u32 i = 0; i < SPW_METER_ATTEMPTS; i++) {
		if (spw_meter_backlog(seen, now) > room) {
			*arrival = seen;
			return false;
		}
		found = __sync_val_compare_and_swap(cell, seen, spw_meter_next(seen, now, cost));
		if (found == seen)
			return true;
		seen = found;
	}
	/* Somebody has just moved it, so it does not lie behind. */
	__sync_fetch_and_add(cell, cost);
	return true;
}

/** spw_meter_charge() - charge a unit that passes in any case; see spw_meter_next_within(). */
SPW_INLINE void spw_meter_charge(u64 *cell, u64 now, u64 cost, u64 debt)
{
	u64 seen = *(volatile u64 *)cell, found;

	for (u32 i = 0; i < SPW_METER_ATTEMPTS; i++) {
		found = __sync_val_compare_and_swap(cell, seen, spw_meter_next_within(seen, now, cost, debt));
		if (found == seen)
			return;
		seen = found;
	}
	__sync_fetch_and_add(cell, cost);
}

#endif
