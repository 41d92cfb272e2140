/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which sources are admitted: rule 9. Pure.
 *
 * A source's place is a hash from 0 to 2^32 - 1; it is in while its place is below the share of its class. So the sets
 * nest: when the share grows, nobody who was in drops out. A source that is in gets all the connections a page needs.
 *
 * Places change after `stay`, so that nobody is out for ever, at a phase of each source's own, so that changes are
 * spread evenly: in 1 % of that time, 1 % of the sources change theirs.
 *
 * A source is an IPv4 address or an IPv6 /64: the first 64 bits, left aligned. The salt is secret, so nobody can pick
 * addresses with good places.
 */
#ifndef SPW_BPF_SHARE_H
#define SPW_BPF_SHARE_H

#include "maps/admission.h"
#include "mix.h"

/**
 * spw_place() - the place of a source.
 * @source: first 64 bits of its address
 * @stay: jiffies that it keeps the place, below 2^32; 0: for ever
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

/** spw_is_in() - whether the source is within the share; arguments as above. */
SPW_INLINE bool spw_is_in(u32 share, u64 source, const struct spw_service_admission *admission, u64 now)
{
	if (share == SPW_SHARE_ALL)
		return true;
	return share && spw_place(source, admission->salt, admission->stay_jiffies, now) < share;
}

#endif
