/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions over UDP: flows to the `udp` ports of a service that were admitted lately. Their datagrams are not new work.
 * Map sessions, one value, written by the datapath only (bpf/session.h). Pinned and mmapable: no restart or upgrade
 * ends a session, and the agent counts them.
 *
 * The upper bits of a flow's hash select a set of eight words, a cache line. Memory is constant; what a full set does is
 * told in bpf/session.h. With 16,384 sessions at once, one in 4,000 finds its set full; with 32,768, one in 120.
 *
 * A word: 63..31  tag, of the hash
 *         30      confirmed: the flow has sent since it was admitted
 *         29..0   theoretical arrival time (bpf/meter.h) in 64ths of a jiffy, lower bits; one meter bounds the rate and
 *                 tells how long the flow has been idle
 *         0       empty
 */
#ifndef SPW_MAPS_SESSION_H
#define SPW_MAPS_SESSION_H

#include "types.h"

#define SPW_SESSION_SET_BITS   13
#define SPW_SESSION_WAYS       8
#define SPW_SESSION_TAG_SHIFT  31
#define SPW_SESSION_CONFIRMED  (1ULL << 30)
#define SPW_SESSION_TIME_MASK  (SPW_SESSION_CONFIRMED - 1)
#define SPW_SESSION_TIME_SHIFT 6 /* 64ths of a jiffy */

/* In struct spw_limits; written by the agent. Times in 64ths of a jiffy, below 2^29. */
struct spw_session_limits {
	u64 idle;      /* silence that ends a session; 0: there are no sessions */
	u64 interval;  /* emission interval: what one datagram adds to the backlog */
	u64 tolerance; /* burst tolerance: a datagram is new work while the backlog exceeds this */
};

struct spw_sessions {
	u64 sets[1 << SPW_SESSION_SET_BITS][SPW_SESSION_WAYS];
};

_Static_assert(sizeof(struct spw_sessions) == 64 << SPW_SESSION_SET_BITS, "layout of the pinned sessions map");

#endif
