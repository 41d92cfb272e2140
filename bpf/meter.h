/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic cell rate algorithm (GCRA), virtual scheduling form (ITU-T Recommendation I.371, annex A; ATM Forum
 * Traffic Management 4.0, section 4.4.2 and annex C). Pure. Used by rules 6, 8 and 10.
 *
 * A cell is one number: the theoretical arrival time, when everything admitted so far will have drained. Its distance
 * ahead of now is the backlog. A unit advances it by the emission interval, 1 / rate, and is refused while the backlog
 * exceeds the burst tolerance. So in any time t at most rate x t + tolerance / interval + 1 units are admitted. Zero is
 * a cell that was never used.
 *
 * Callers with different tolerances may share a cell: the smaller tolerance is refused first, so a class is never
 * admitted while a higher one is refused (trunk reservation).
 *
 * Times are in ticks (maps/admission.h). CPUs share a cell without a lock; a refusal only reads it.
 */
#ifndef SPW_BPF_METER_H
#define SPW_BPF_METER_H

#include "maps/admission.h"

/* Failed compare-and-swaps before the interval is added unconditionally, so that nothing passes unmetered. */
#define SPW_METER_ATTEMPTS 3

SPW_INLINE u64 spw_meter_ticks(u64 jiffies)
{
	return jiffies << SPW_TICK_SHIFT;
}

SPW_INLINE u64 spw_meter_backlog(u64 arrival, u64 now)
{
	return arrival > now ? arrival - now : 0;
}

/* The arrival time after one unit. */
SPW_INLINE u64 spw_meter_next(u64 arrival, u64 now, u64 interval)
{
	return (arrival > now ? arrival : now) + interval;
}

/* The same for work that is never refused: the backlog grows up to @debt (0: no limit) and never shrinks. */
SPW_INLINE u64 spw_meter_next_within(u64 arrival, u64 now, u64 interval, u64 debt)
{
	u64 next = spw_meter_next(arrival, now, interval), most = now + debt;

	if (!debt || next <= most)
		return next;
	return arrival > most ? arrival : most;
}

/**
 * spw_meter_admit() - charge a unit, or refuse it.
 * @cell: shared by all CPUs
 * @tolerance: the backlog up to which the unit is admitted
 * @arrival: set to the cell's arrival time if refused; the unit would be admitted from @arrival - @tolerance on
 * Returns whether it is admitted. Under contention each CPU may admit one unit too many.
 */
SPW_INLINE bool spw_meter_admit(u64 *cell, u64 now, u64 interval, u64 tolerance, u64 *arrival)
{
	u64 seen = *(volatile u64 *)cell, found;

	for (u32 i = 0; i < SPW_METER_ATTEMPTS; i++) {
		if (spw_meter_backlog(seen, now) > tolerance) {
			*arrival = seen;
			return false;
		}
		found = __sync_val_compare_and_swap(cell, seen, spw_meter_next(seen, now, interval));
		if (found == seen)
			return true;
		seen = found;
	}
	/* Another CPU has just advanced it, so it is not behind now. */
	__sync_fetch_and_add(cell, interval);
	return true;
}

/** spw_meter_charge() - charge a unit that is never refused; see spw_meter_next_within(). */
SPW_INLINE void spw_meter_charge(u64 *cell, u64 now, u64 interval, u64 debt)
{
	u64 seen = *(volatile u64 *)cell, found;

	for (u32 i = 0; i < SPW_METER_ATTEMPTS; i++) {
		found = __sync_val_compare_and_swap(cell, seen, spw_meter_next_within(seen, now, interval, debt));
		if (found == seen)
			return;
		seen = found;
	}
	__sync_fetch_and_add(cell, interval);
}

#endif
