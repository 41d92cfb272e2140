/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fresh or resent: was this piece of new work seen before? Demand is what is fresh; refused clients retry, and at ten
 * times the capacity most of what arrives are retries. Pure; maps/fingerprint.h describes the memory, spw_parse_flow()
 * makes the hash.
 *
 *   TCP    a SYN is resent if one of the same four-tuple and initial sequence number was seen. These are random per
 *          connection (RFC 6528), so a reused port is not mistaken for a retry.
 *   QUIC   an Initial is resent if one of the same four-tuple was seen: a client sends several before the server
 *          answers. If the first was admitted, the rest of the handshake is too, but only SPW_LANE_SEEN Initials: what
 *          comes beyond is fresh again, so an admitted four-tuple is no ticket for a flood.
 *   other  datagrams that are new work each: nothing is remembered, each is fresh.
 */
#ifndef SPW_BPF_FRESH_H
#define SPW_BPF_FRESH_H

#include "maps/fingerprint.h"

/* What is known of a piece of new work. */
struct spw_flow_lookup {
	bool resent;
	bool continuing; /* part of a QUIC handshake that was admitted */
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

/* The lane of a QUIC Initial, less the bits that change. */
SPW_INLINE u64 spw_lane_quic(u64 flow)
{
	return SPW_LANE_QUIC | (flow & SPW_LANE_QUIC_MASK);
}

/* Is any of the four lanes @lane? In parallel: a lane that is zero after the XOR borrows into its top bit. */
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
 * spw_flow_lookup() - what is known of a flow.
 * @word: at spw_fingerprint_index() of @flow
 * @flow: of the packet
 * @quic: it is a QUIC Initial; otherwise a SYN
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
