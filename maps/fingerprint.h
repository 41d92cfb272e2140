/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which new work was seen before: map fingerprints, one value, written by the datapath alone (bpf/fresh.h). Pinned, so
 * that after an upgrade resent SYNs and admitted handshakes are still recognised.
 *
 * The upper bits of a flow's hash select a word, which holds four lanes of 16 bits: the last four flows of that word,
 * youngest lowest. A fresh one pushes the oldest out, so nothing fills up: memory is constant, and more traffic only
 * shortens it. At 9,500 fresh SYNs a second, each resent after 1, 2, 3, 4, 5, 7 and 11 s as Linux does, 2.5 % of the
 * resent are taken for fresh, and one fresh in 10,000 for resent.
 *
 * A lane, by kind:
 *   SYN             15..14  01
 *                   13..0   fingerprint
 *   QUIC Initial    15      1
 *                   14..4   fingerprint
 *                   3       admitted
 *                   2..0    times seen, from 1
 *   empty           0
 */
#ifndef SPW_MAPS_FINGERPRINT_H
#define SPW_MAPS_FINGERPRINT_H

#include "types.h"

/* Half a megabyte fits into a second-level cache; twice as much costs 5 ns more per SYN. */
#define SPW_FINGERPRINT_BITS 16

#define SPW_LANE_BITS	   16
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
