/* SPDX-License-Identifier: GPL-2.0-only */
/* Services of ports and local addresses -> the tables of maps/local.h. Pure. */
#ifndef SPW_CORE_LOCALS_H
#define SPW_CORE_LOCALS_H

#include <stddef.h>

#include "maps/local.h"
#include "prefix.h"

/* A port of a service. */
struct spw_port_rule {
	struct spw_port *ports; /* the table that it goes into: 65536 entries */
	u16 port;
	u8 local;		 /* number of its local address; 0: any */
	struct spw_port meaning; /* without a group */
};

/** spw_local_key() - an address as programs and tables compare it: IPv4 is IPv4-mapped. */
struct spw_local spw_local_key(const struct spw_addr *addr, u8 family);

/** spw_local_is_ipv4() - whether that is an IPv4 address. */
static inline bool spw_local_is_ipv4(const struct spw_local *local)
{
	return !local->hi && local->lo >> 32 == SPW_IPV4_MAPPED >> 32;
}

/** spw_local_addr() - the opposite; @family becomes 4 or 6. */
struct spw_addr spw_local_addr(const struct spw_local *local, u8 *family);

/**
 * spw_locals_number() - fill in the addresses and find seeds for them.
 * @addresses: distinct; at most SPW_LOCALS_MAX. Address i gets number i + 1.
 */
void spw_locals_number(const struct spw_local *addresses, size_t count, struct spw_locals *locals);

/**
 * spw_locals_fill() - enter @rules into their tables, which are zero, and into the cells of @locals.
 * @rules: will be sorted. If two name the same table, port and address, the bits of both count.
 * Returns 0, or -E2BIG: more than SPW_PORT_GROUPS_MAX groups.
 */
int spw_locals_fill(struct spw_port_rule *rules, size_t count, struct spw_locals *locals);

#endif
