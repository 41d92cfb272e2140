/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maintains the counts of unread data by epoch (maps/signal.h). Called by bpf/signals.bpf.c; pure, so that the unit
 * tests run the same code as the kernel.
 */
#ifndef SPW_BPF_UNREAD_H
#define SPW_BPF_UNREAD_H

#include "maps/signal.h"

/* One attempt; false: an interrupt interfered. */
SPW_INLINE bool spw_try_shift_unread(u64 *place, u64 *ancient, u32 epoch, int by)
{
	u64 before = *(volatile u64 *)place, after;
	u32 there = (u32)(before >> 32), count = (u32)before, left = 0;

	if (there == epoch) {
		after = (u64)epoch << 32 | (u32)(count + (u32)by);
	} else if (!count || (int)(epoch - there) > 0) {
		after = (u64)epoch << 32 | (u32)by;
		left = count;
	} else {
		__sync_fetch_and_add(ancient, (u64)(long long)by);
		return true;
	}
	if (__sync_val_compare_and_swap(place, before, after) != before)
		return false;
	if (left)
		__sync_fetch_and_add(ancient, (u64)(long long)(int)left);
	return true;
}

/**
 * spw_shift_unread() - one socket more (@by 1) or less (-1) with unread data since @epoch.
 * @tally: of this CPU; it need not be the one that counted the socket, since readers sum over CPUs
 * @unread: enum spw_unread
 *
 * Only an interrupt on the same CPU can interfere, and not four times in a row. Unrolled by hand: the verifier of 6.1
 * refuses the loop that clang makes of it ("back-edge").
 */
SPW_INLINE void spw_shift_unread(struct spw_signal_tally *tally, u32 unread, u32 epoch, int by)
{
	u64 *place = &tally->unread[unread & (SPW_UNREADS - 1)][epoch & (SPW_EPOCHS - 1)];
	u64 *ancient = &tally->ancient[unread & (SPW_UNREADS - 1)];

	(void)(spw_try_shift_unread(place, ancient, epoch, by) || spw_try_shift_unread(place, ancient, epoch, by) ||
	       spw_try_shift_unread(place, ancient, epoch, by) || spw_try_shift_unread(place, ancient, epoch, by));
}

#endif
