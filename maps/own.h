/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is for this host: its addresses and the MAC addresses of its stations, as a hash table that the agent fills and
 * the datapath asks for every packet (bpf/own.h). It is a global variable of the program, which the agent maps: one
 * load while it is not in use, and gone with the program, so no stale table outlives an agent that a new one replaces.
 *
 * Each key has a cell of its own: the agent draws salts until no two keys share one. So a lookup is a multiplication, a
 * load and a comparison. Of IPv4 and MAC addresses the key is a bijection of the address; of IPv6 addresses it is a
 * hash of 64 bits, and a collision would only make a packet of others count as ours.
 *
 * Two parts take turns: the agent fills the one that is not in use, then changes `active`.
 */
#ifndef SPW_MAPS_OWN_H
#define SPW_MAPS_OWN_H

#include "types.h"

enum spw_own_bounds {
	SPW_OWN_KEYS_MAX = 512, /* addresses, prefixes and MAC addresses together */
	SPW_OWN_CELL_BITS = 14,
	SPW_OWN_LENGTHS_MAX = 16, /* lengths of prefixes, of one family; shorter than whole addresses */
	SPW_OWN_PORTS_MAX = SPW_INTERFACES_MAX,
};

/* A prefix length in use. */
struct spw_own_length {
	u64 mask_hi;
	u64 mask_lo;
	u64 salt;
	u64 used; /* 0: ends the lengths */
};

struct spw_own_part {
	u64 salt4; /* of whole addresses */
	u64 salt6;
	u64 salt_mac;
	u64 reserved;
	struct spw_own_length lengths[2][SPW_OWN_LENGTHS_MAX]; /* IPv4, IPv6 */
	u64 cells[1 << SPW_OWN_CELL_BITS];
};

struct spw_own {
	u32 active; /* 1, 2: the part in use; 0: none, everything is for this host */
	u32 reserved;
	u32 bridge_ports[SPW_OWN_PORTS_MAX]; /* interfaces that are ports of a bridge; 0: unused */
	struct spw_own_part parts[2];
};

#endif
