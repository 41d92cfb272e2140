/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Balancers: who may send tunnels that are judged by what is inside (bpf/decap.h). In the ruleset, behind its table.
 */
#ifndef SPW_MAPS_DECAP_H
#define SPW_MAPS_DECAP_H

#include "types.h"

#define SPW_BALANCERS_MAX 32 /* prefixes */

/* Bits. */
enum spw_tunnel {
	SPW_TUNNEL_IPIP = 1 << 0, /* IP protocols 4 and 41 */
	SPW_TUNNEL_GUE = 1 << 1,
	SPW_TUNNEL_GENEVE = 1 << 2,
	SPW_TUNNEL_VXLAN = 1 << 3,
	SPW_TUNNELS = 4,
};

/* A prefix. Addresses as in struct spw_packet. */
struct spw_balancer {
	u64 mask_hi;
	u64 mask_lo;
	u64 hi;
	u64 lo;
	u32 family;  /* 4, 6; 0: unused, as are all behind it */
	u32 tunnels; /* that it may send: enum spw_tunnel */
};

struct spw_balancers {
	struct spw_balancer all[SPW_BALANCERS_MAX];
};

_Static_assert(sizeof(struct spw_balancers) == 1280, "whole units of the ruleset");

#endif
