/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's rtnetlink dumps say about the addresses of one network namespace. Pure; every length in a message
 * is checked, as a datagram may be cut off.
 */
#ifndef SPW_CORE_LINK_MESSAGES_H
#define SPW_CORE_LINK_MESSAGES_H

#include <stddef.h>

#include "own_set.h"

#define SPW_LINKS_MAX 4096

struct spw_link_facts {
	u32 index;
	u32 lower;	/* the interface that it is on top of, as a VLAN or macvlan; 0: none */
	u32 master;	/* bridge, bond and the like; 0: none */
	u8 bridge_port; /* its master is a bridge or a switch */
	u8 addressed;	/* it has an address that is not link-local */
	u8 station;	/* frames to its MAC address are for this host */
	u64 mac;
};

/* Of one namespace, from a whole round of dumps. */
struct spw_space_facts {
	struct spw_link_facts links[SPW_LINKS_MAX];
	u32 links_count;
	bool overflown; /* more links */
};

/**
 * spw_link_messages_read() - read one datagram of a dump.
 * @bytes: aligned to 4
 * @sequence: of the request; messages of others are skipped
 * @facts: links; dump them before addresses, which refer to them
 * @set: addresses, local routes and secondary MAC addresses are added
 * Returns 1: the dump is complete; 0: more to come; -EAGAIN: it was interrupted by a change, so start again; -EBADMSG;
 * or the error that the kernel reports.
 */
int spw_link_messages_read(const void *bytes, size_t length, u32 sequence, struct spw_space_facts *facts,
			   struct spw_own_set *set);

/**
 * spw_space_stations() - add the MAC addresses by which frames reach this host: of the protected interfaces, what is on
 * top of them, their masters and members, and of every interface with an address.
 * @interfaces: numbers of the protected ones in this namespace; 0: unused
 */
void spw_space_stations(struct spw_space_facts *facts, const u32 *interfaces, u32 count, struct spw_own_set *set);

#endif
