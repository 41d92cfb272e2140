/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which new work was seen before: map fingerprints, one value, written by the datapath alone (bpf/fresh.h). Pinned, so
 * that after an upgrade a resent SYN is still known as one, and an admitted handshake as admitted.
 *
 * The upper bits of a flow's hash name a word, and the word holds four lanes of 16 bits: the last four flows that came
 * to it, the youngest lowest. A fresh one pushes the oldest out, so there is nothing that fills up: memory is a
 * constant, and what is remembered only gets younger when more comes. A flow is forgotten when four others have come to
 * its word: at n fresh ones a second within t seconds with the probability that a Poisson variable of mean n t / words
 * is four or more. At 9,500 a second (26,000 SYNs, most of them resent, as under ten times the capacity): 0.6 % in 5 s,
 * 8 % in 11 s.
 *
 * A lane, by kind:
 *   SYN             15..14  01
 *                   13..0   fingerprint
 *   QUIC Initial    15      1
 *                   14..4   fingerprint
 *                   3       it was admitted
 *                   2..0    how often it was seen, from 1
 *   empty           0
 */
#ifndef SPW_MAPS_FINGERPRINT_H
#define SPW_MAPS_FINGERPRINT_H

#include "types.h"

/* Half a megabyte stays in a second-level cache; twice as much costs 5 ns a SYN more. */
#define SPW_FINGERPRINT_BITS 16

#define SPW_LANE_BITS	   16
#define SPW_LANES	   4
#define SPW_LANE_SYN	   0x4000u
#define SPW_LANE_SYN_MASK  0x3fffu
#define SPW_LANE_QUIC	   0x8000u
#define SPW_LANE_QUIC_MASK 0x7ff0u
#define SPW_LANE_ADMITTED  8u
#define SPW_LANE_SEEN	   7u

struct spw_fingerprints {
	u64 words[1 << SPW_FINGERPRINT_BITS];
};

_Static_assert(sizeof(struct spw_fingerprints) == 8 << SPW_FINGERPRINT_BITS, "layout of the pinned map");

#endif
