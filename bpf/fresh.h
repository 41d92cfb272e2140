/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fresh or resent: whether a piece of new work was seen before. Demand is what is fresh; whoever is refused comes again, and
 * at ten times the capacity that is most of what comes. Pure and on both sides; maps/fingerprint.h describes the memory,
 * spw_parse_flow() makes the hash.
 *
 *   TCP   a SYN is resent if one of the same four-tuple and initial sequence number was seen. These are random per
 *         connection (RFC 6528), so an address that is used again is not mistaken.
 *   QUIC  an Initial is resent if one of the same four-tuple was seen: a client sends several before the server's answer
 *         gives the connection another name. So it goes on a handshake, and where that was admitted, refusing the rest
 *         would break what was promised. But it is a promise for SPW_FINGERPRINT_SEEN Initials: whoever sends more of them
 *         is judged as fresh again, so an admitted four-tuple is no ticket for a flood.
 *   other datagrams where each of them is new work: nothing is remembered, each is fresh.
 */
#ifndef SPW_BPF_FRESH_H
#define SPW_BPF_FRESH_H

#include "../maps/fingerprint.h"

/* What is known of a piece of new work. */
struct spw_sight {
	bool resent;
	bool continuing; /* it goes on a QUIC handshake that was admitted */
	u16 kept;	 /* what the cell is to hold afterwards, but for SPW_FINGERPRINT_ADMITTED */
};

SPW_INLINE u32 spw_fingerprint_index(u64 flow)
{
	return (u32)(flow >> (64 - SPW_FINGERPRINT_BITS));
}

/* The rest of the hash. Bit 0 says that there is a flow. */
SPW_INLINE u32 spw_fingerprint(u64 flow)
{
	return (u32)(flow >> 1) & SPW_FINGERPRINT_MASK;
}

/**
 * spw_sight() - look it up.
 * @cell: at spw_fingerprint_index() of @flow
 * @flow: of the packet
 * @quic: it is a QUIC Initial; otherwise a SYN
 */
SPW_INLINE struct spw_sight spw_sight(u16 cell, u64 flow, bool quic)
{
	u32 seen = cell & SPW_FINGERPRINT_SEEN;

	if (cell >> SPW_FINGERPRINT_SHIFT != spw_fingerprint(flow) || (quic && seen == SPW_FINGERPRINT_SEEN))
		seen = 0;
	return (struct spw_sight){
		.resent = seen,
		.continuing = quic && seen && cell & SPW_FINGERPRINT_ADMITTED,
		.kept = (u16)(spw_fingerprint(flow) << SPW_FINGERPRINT_SHIFT | (quic ? seen + 1 : 1)),
	};
}

#endif
