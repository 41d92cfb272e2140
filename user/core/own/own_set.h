/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses of this host and the MAC addresses of its stations, as a set that fills maps/own.h. Pure. */
#ifndef SPW_CORE_OWN_SET_H
#define SPW_CORE_OWN_SET_H

#include <stdbool.h>

#include "core/table/prefix.h"
#include "maps/own.h"

#define SPW_OWN_RAW_MAX 4096 /* what may be added; most hosts name each address several times */

struct spw_own_set {
	struct spw_prefix prefixes[SPW_OWN_RAW_MAX];
	u64 macs[SPW_OWN_RAW_MAX]; /* in the lower 48 bits */
	u32 prefixes_count;
	u32 macs_count;
	u32 bridge_ports[SPW_OWN_PORTS_MAX]; /* interface numbers; filled from the front */
	bool overflown;			     /* something was not added: the set must not be used */
};

/** spw_own_set_clear() - make the set empty. It is large: allocate it. */
void spw_own_set_clear(struct spw_own_set *set);

/** spw_own_set_prefix() - add an address or prefix. Link-local and multicast IPv6 is left out: it always counts as own. */
void spw_own_set_prefix(struct spw_own_set *set, const struct spw_prefix *prefix);

/** spw_own_set_mac() - add a MAC address; 0 is that of the loopback interface. Group addresses are ignored. */
void spw_own_set_mac(struct spw_own_set *set, u64 mac);

/** spw_own_set_port() - add an interface that is a port of a bridge. */
void spw_own_set_port(struct spw_own_set *set, u32 interface);

/**
 * spw_own_set_finish() - sort, and remove duplicates.
 * Returns 0, or -E2BIG: more than fits; *count is then how many keys there are, if known, else 0.
 */
int spw_own_set_finish(struct spw_own_set *set, u32 *count);

/** spw_own_set_same() - whether two finished sets are equal. */
bool spw_own_set_same(const struct spw_own_set *one, const struct spw_own_set *other);

/**
 * spw_own_fill() - write a finished set into a part of the table.
 * @seed: random; at each attempt it is advanced
 * @attempts: after as many failures return, so that a tick stays short
 * Returns 0; -EAGAIN: call again, the part is not usable yet; -E2BIG: more prefix lengths than fit.
 */
int spw_own_fill(const struct spw_own_set *set, u64 *seed, u32 attempts, struct spw_own_part *part);

#endif
