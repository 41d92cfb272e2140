/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which sources are in: rule 9. Pure and on both sides.
 *
 * Each source draws a place, a hash from 0 to 2^32 - 1, and is in while its place is below the share of its class. So
 * the sets nest: when the share grows, all who were in stay in; who is in gets all the connections that a page needs.
 *
 * Places are dealt anew after `stay`, as nobody shall be out for ever. Each source has a time of its own for that, from
 * a hash too: the changes are spread evenly, and at no moment does everybody lose a place at once. In 1/100 of the time
 * it stays, 1/100 of the sources change theirs.
 *
 * A source is an IPv4 address or an IPv6 /64: the first 64 bits of the address, left aligned. The salt is the agent's
 * and secret, so nobody can look for addresses with good places.
 */
#ifndef SPW_BPF_SHARE_H
#define SPW_BPF_SHARE_H

#include "maps/admission.h"
#include "mix.h"

/**
 * spw_place() - the place of a source.
 * @source: first 64 bits of its address
 * @stay: jiffies for which it keeps the place, below 2^32; 0: for ever
 * @now: jiffies
 */
SPW_INLINE u32 spw_place(u64 source, u64 salt, u64 stay, u64 now)
{
	u64 mixed = spw_mix(source ^ salt);

	if (stay) {
		u64 phase = (mixed & 0xffffffff) * stay >> 32;

		mixed = spw_mix(mixed ^ (now + phase) / stay);
	}
	return (u32)(mixed >> 32);
}

/** spw_is_in() - whether it is among the share; the arguments as above. */
SPW_INLINE bool spw_is_in(u32 share, u64 source, const struct spw_service_admission *order, u64 now)
{
	if (share == SPW_SHARE_ALL)
		return true;
	return share && spw_place(source, order->salt, order->stay_jiffies, now) < share;
}

#endif
