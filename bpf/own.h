/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a packet for this host (maps/own.h)? Pure: the datapath asks, the agent fills, and both use the same keys.
 *
 * For this host: to one of its addresses, or to a group or all hosts of the link, in a frame to one of its stations, or
 * to a group of stations. Everything else it forwards, bridges or merely overhears.
 */
#ifndef SPW_BPF_OWN_H
#define SPW_BPF_OWN_H

#include "maps/own.h"
#include "mix.h"

#define SPW_MAC_GROUP (1ull << 40) /* of an address in the lower 48 bits: to a group of stations */

SPW_INLINE u64 spw_own_key4(u64 salt, u64 address_hi)
{
	return spw_mix_in(salt, address_hi);
}

SPW_INLINE u64 spw_own_key6(u64 salt, u64 address_hi, u64 address_lo)
{
	return spw_mix_in(spw_mix_in(salt, address_hi), address_lo);
}

SPW_INLINE u64 spw_own_key_mac(u64 salt, u64 mac)
{
	return spw_mix_in(salt, mac);
}

SPW_INLINE u32 spw_own_cell(u64 key)
{
	return (u32)(key >> (64 - SPW_OWN_CELL_BITS));
}

SPW_INLINE bool spw_own_has(const struct spw_own_part *part, u64 key)
{
	return part->cells[spw_own_cell(key)] == key;
}

/** spw_own_station() - whether a frame to @mac (lower 48 bits) is for one of the host's stations. */
SPW_INLINE bool spw_own_station(const struct spw_own_part *part, u64 mac)
{
	return mac & SPW_MAC_GROUP || spw_own_has(part, spw_own_key_mac(part->salt_mac, mac));
}

/** spw_own_whole4(), spw_own_whole6() - whether an address is one of the host's own. */
SPW_INLINE bool spw_own_whole4(const struct spw_own_part *part, u64 address_hi)
{
	return spw_own_has(part, spw_own_key4(part->salt4, address_hi));
}

SPW_INLINE bool spw_own_whole6(const struct spw_own_part *part, u64 address_hi, u64 address_lo)
{
	return spw_own_has(part, spw_own_key6(part->salt6, address_hi, address_lo));
}

/**
 * spw_own_always() - never forwarded: multicast, link-local IPv6, and IPv4's broadcast to all (that of one network is in
 * the table).
 */
SPW_INLINE bool spw_own_always(u32 family, u64 address_hi)
{
	if (family == 4)
		return address_hi >> 60 == 14 || address_hi >> 32 == 0xffffffff;
	return address_hi >> 56 == 0xff || address_hi >> 54 == 0x3fa;
}

/** spw_own_prefix() - whether an address is in one of the prefixes that are the host's as a whole. */
SPW_INLINE bool spw_own_prefix(const struct spw_own_part *part, u32 family, u64 address_hi, u64 address_lo)
{
	u32 index = family == 6;

	for (u32 i = 0; i < SPW_OWN_LENGTHS_MAX; i++) {
		const struct spw_own_length *length = &part->lengths[index][i];
		u64 hi = address_hi & length->mask_hi, lo = address_lo & length->mask_lo;

		if (!length->used)
			break;
		if (spw_own_has(part,
				family == 6 ? spw_own_key6(length->salt, hi, lo) : spw_own_key4(length->salt, hi)))
			return true;
	}
	return false;
}

#endif
