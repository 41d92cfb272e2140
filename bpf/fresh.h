/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fresh or resent: was this new work seen before? Only fresh work is demand; refused clients retry, and at ten times
 * the capacity most arrivals are retries. Pure. Memory: maps/fingerprint.h; hash: spw_hash_flow().
 *
 *   TCP    a SYN is resent if one with the same four-tuple and initial sequence number was seen. These numbers are
 *          random per connection (RFC 6528), so a reused port is not mistaken for a retry.
 *   QUIC   an Initial is resent if one with the same four-tuple was seen: a client sends several before the server
 *          answers. If the first was admitted, so is the rest of the handshake, up to SPW_LANE_SEEN Initials; beyond,
 *          they are fresh again, so that an admitted four-tuple cannot be used for a flood.
 *   other  always fresh. Datagrams to `udp` ports are remembered as sessions once admitted (session.h).
 */
#ifndef SPW_BPF_FRESH_H
#define SPW_BPF_FRESH_H

#include "maps/fingerprint.h"

/* What is known about a packet of new work. */
struct spw_flow_lookup {
	bool resent;
	bool continuing; /* part of an admitted QUIC handshake */
};

SPW_INLINE u32 spw_fingerprint_index(u64 flow)
{
	return (u32)(flow >> (64 - SPW_FINGERPRINT_BITS));
}

/* The lane of a SYN. Bit 0 of a flow is always set. */
SPW_INLINE u64 spw_lane_syn(u64 flow)
{
	return SPW_LANE_SYN | (flow >> 1 & SPW_LANE_SYN_MASK);
}

/* The lane of a QUIC Initial without its mutable bits. */
SPW_INLINE u64 spw_lane_quic(u64 flow)
{
	return SPW_LANE_QUIC | (flow & SPW_LANE_QUIC_MASK);
}

/* Whether any of the four lanes equals @lane: after the XOR, a zero lane borrows into its top bit. */
SPW_INLINE bool spw_lanes_hold(u64 word, u64 lane)
{
	u64 ones = 0x0001000100010001ULL, difference = word ^ lane * ones;

	return (difference - ones) & ~difference & ones << 15;
}

/* Bit offset of the lane of a QUIC flow; 64: none. */
SPW_INLINE u32 spw_lane_at(u64 word, u64 flow)
{
	const u64 same = SPW_LANE_QUIC | SPW_LANE_QUIC_MASK;

	for (u32 at = 0; at < 64; at += SPW_LANE_BITS)
		if ((word >> at & same) == spw_lane_quic(flow))
			return at;
	return 64;
}

/**
 * spw_flow_lookup() - what is known about a flow.
 * @word: at spw_fingerprint_index() of @flow
 * @flow: of the packet
 * @quic: a QUIC Initial, otherwise a SYN
 */
SPW_INLINE struct spw_flow_lookup spw_flow_lookup(u64 word, u64 flow, bool quic)
{
	struct spw_flow_lookup lookup = {0};
	u32 at;

	if (!quic) {
		lookup.resent = spw_lanes_hold(word, spw_lane_syn(flow));
		return lookup;
	}
	at = spw_lane_at(word, flow);
	if (at < 64 && (word >> at & SPW_LANE_SEEN) < SPW_LANE_SEEN) {
		lookup.resent = true;
		lookup.continuing = word >> at & SPW_LANE_ADMITTED;
	}
	return lookup;
}

/** spw_flow_remember() - the new value of @word; arguments as above. */
SPW_INLINE u64 spw_flow_remember(u64 word, u64 flow, bool quic, bool admitted)
{
	u64 lane, seen;
	u32 at;

	if (!quic)
		return spw_lanes_hold(word, spw_lane_syn(flow)) ? word : word << SPW_LANE_BITS | spw_lane_syn(flow);
	lane = spw_lane_quic(flow) | (admitted ? SPW_LANE_ADMITTED : 0);
	at = spw_lane_at(word, flow);
	if (at == 64)
		return word << SPW_LANE_BITS | lane | 1;
	seen = word >> at & SPW_LANE_SEEN;
	lane |= seen < SPW_LANE_SEEN ? seen + 1 : 1;
	return (word & ~(0xffffULL << at)) | lane << at;
}

#endif
