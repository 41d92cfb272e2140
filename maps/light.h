/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The light listener (`refuse: light`): TCP connections that rules 9 and 10 would refuse are answered by another socket of
 * the operator's, up to a budget of its own.
 *
 *   XDP         lets the SYN through, and marks its flow in map `light` (bpf/light.bpf.h)
 *   sk_lookup   gives packets of a marked flow that belong to no connection yet to the light listener (bpf/light.bpf.c)
 *
 * Only the SYN, and with SYN cookies the ACK, need a lookup: later packets find the connection. A mark is one word, kept
 * for some seconds, so that both programs need no lock. Its flow's hash is salted with a secret.
 *
 * A mark: 63..31  tag, of the hash; its upper bits select a set of eight marks, a cache line
 *         30..24  service identity
 *         23..0   jiffies, lower bits
 *         0       empty
 */
#ifndef SPW_MAPS_LIGHT_H
#define SPW_MAPS_LIGHT_H

#include "admission.h"

#define SPW_LIGHT_SET_BITS	13
#define SPW_LIGHT_WAYS		8
#define SPW_LIGHT_TAG_SHIFT	31
#define SPW_LIGHT_SERVICE_SHIFT 24
#define SPW_LIGHT_SERVICE_MASK	127u
#define SPW_LIGHT_TIME_MASK	((1u << SPW_LIGHT_SERVICE_SHIFT) - 1)

#define SPW_LIGHT_PORTS_MAX	64  /* of all services */
#define SPW_LIGHT_LISTENERS_MAX 128 /* by address family and port */

/* struct spw_light_service.ready */
enum spw_light_ready {
	SPW_LIGHT_IPV4 = 1 << 0,
	SPW_LIGHT_IPV6 = 1 << 1,
};

/* For one service; written by the agent. */
struct spw_light_service {
	u64 interval_ticks; /* emission interval of light answers; 0: none */
	u64 tolerance_ticks;
	u32 ready; /* enum spw_light_ready: a listener is there for all ports; otherwise nothing is let through */
	u32 reserved;
};

/* A global variable of the datapath, which the agent maps: gone with the program. */
struct spw_light_rules {
	u32 classes; /* by class identity: bit set: `refuse: light` */
	u32 resets;  /* the same: `refuse: reset` (bpf/reset.bpf.h) */
	struct spw_light_service services[SPW_SERVICE_IDENTITIES];
};

/* Map light, one value. Pinned, so that a new agent's programs know the flows of the former. */
struct spw_light {
	struct spw_budget_cell cells[SPW_SERVICE_IDENTITIES]; /* by service identity */
	u64 sets[1 << SPW_LIGHT_SET_BITS][SPW_LIGHT_WAYS];
};

/* Map light_counters, by spw_work_index(), per CPU; written by the datapath. New work that rules 9 and 10 refused. */
struct spw_light_counter {
	u64 answered; /* let through to the light listener */
	u64 over;     /* dropped, as its budget was used up */
	u64 reset;    /* by class alone (service 0): answered with a RST (bpf/reset.bpf.h) */
	u64 unreset;  /* the same: dropped without, as too many were sent */
};

/* A light listener in map light_listeners: stands in for @port of a service. */
struct spw_light_key {
	u16 port;   /* of the service */
	u8 service; /* identity */
	u8 family;  /* 4, 6 */
};

/* In place of a frame: find the listening socket, and put it into light_listeners (program find_listener). */
struct spw_light_search {
	struct spw_light_key key;
	u16 listener; /* its port */
	u16 found;    /* out: 1 */
	u64 unused;   /* no shorter than an Ethernet header */
};

_Static_assert(sizeof(struct spw_light) == 64 * SPW_SERVICE_IDENTITIES + (64 << SPW_LIGHT_SET_BITS),
	       "layout of the pinned light map");
_Static_assert(sizeof(struct spw_light_counter) == 32, "layout of the pinned light_counters map");
_Static_assert(SPW_SERVICE_IDENTITIES <= SPW_LIGHT_SERVICE_MASK + 1, "a mark holds a service identity");

#endif
