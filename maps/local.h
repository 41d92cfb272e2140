/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports that belong to several services, by the local address that a packet or connection came to. The ruleset (XDP)
 * and the scope of the signals have one table of this form each, built by user/core/table/locals.c and read by
 * spw_port_at(), so that both name the same service.
 *
 *   ports[port]  -> service of the port itself, and its group (0: no address differs; most ports)
 *   address      -> number of the local address (0: none that is configured), by a hash without collisions
 *   cells[group][number] -> service of the port at that address (0: that of the port itself)
 *
 * Addresses are 128 bits; IPv4 is IPv4-mapped (::ffff:192.0.2.1), as the kernel keeps it in sockets of both families.
 */
#ifndef SPW_MAPS_LOCAL_H
#define SPW_MAPS_LOCAL_H

#include "types.h"

enum spw_local_bounds {
	SPW_LOCALS_MAX = 63,	  /* local addresses; 0 stands for all others */
	SPW_PORT_GROUPS_MAX = 63, /* ports with the same services at the same addresses are one group */
	SPW_LOCAL_SLOT_BITS = 10,
	SPW_LOCAL_SLOTS = 1 << SPW_LOCAL_SLOT_BITS,
};

/* Meaning of a port. Zero: unknown. */
struct spw_port {
	u8 service; /* identity (maps/registry.h), 0: none */
	u8 bits;    /* enum spw_new_work or enum spw_signal_port; above it the group */
};

#define SPW_PORT_BITS_MASK   3u
#define SPW_PORT_GROUP_SHIFT 2

struct spw_local {
	u64 hi;
	u64 lo;
};

struct spw_locals {
	u64 seeds[2];  /* odd; chosen so that no two addresses share a slot */
	u64 unused[6]; /* a cache line */
	u8 slots[SPW_LOCAL_SLOTS];
	struct spw_local addresses[SPW_LOCALS_MAX + 1];
	struct spw_port cells[SPW_PORT_GROUPS_MAX + 1][SPW_LOCALS_MAX + 1];
};

#define SPW_IPV4_MAPPED 0x0000ffff00000000ULL /* lower half; the address is in its lower 32 bits */

SPW_INLINE u32 spw_port_group(struct spw_port port)
{
	return port.bits >> SPW_PORT_GROUP_SHIFT;
}

/* Multiply-shift, as in bpf/ban_filter.h. */
SPW_INLINE u32 spw_local_slot(const struct spw_locals *locals, u64 hi, u64 lo)
{
	u64 hash = hi * locals->seeds[0] + lo * locals->seeds[1];

	return (u32)((hash ^ hash >> 32) * locals->seeds[1] >> (64 - SPW_LOCAL_SLOT_BITS));
}

/** spw_local_number() - the number of an address; 0: it is not configured. */
SPW_INLINE u32 spw_local_number(const struct spw_locals *locals, u64 hi, u64 lo)
{
	u32 number = locals->slots[spw_local_slot(locals, hi, lo) & (SPW_LOCAL_SLOTS - 1)] & SPW_LOCALS_MAX;
	const struct spw_local *address = &locals->addresses[number];

	return address->hi == hi && address->lo == lo ? number : 0;
}

/** spw_port_of_local() - the meaning of @port at local address @number, without its group. */
SPW_INLINE struct spw_port spw_port_of_local(struct spw_port port, const struct spw_locals *locals, u32 number)
{
	struct spw_port cell = locals->cells[spw_port_group(port) & SPW_PORT_GROUPS_MAX][number & SPW_LOCALS_MAX];

	if (cell.service)
		return cell;
	port.bits &= SPW_PORT_BITS_MASK;
	return port;
}

/** spw_port_at() - the meaning of @port at the local address @hi, @lo, without its group. */
SPW_INLINE struct spw_port spw_port_at(struct spw_port port, const struct spw_locals *locals, u64 hi, u64 lo)
{
	return spw_port_group(port) ? spw_port_of_local(port, locals, spw_local_number(locals, hi, lo)) : port;
}

_Static_assert(sizeof(struct spw_port) == 2, "one load");
_Static_assert(sizeof(struct spw_locals) % 64 == 0, "the ruleset keeps it in whole units");

#endif
