/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which new work was seen before: map fingerprints, one value, written by the datapath alone (bpf/fresh.h). Pinned, so
 * that after an upgrade a resent SYN is still known as one, and an admitted handshake as admitted.
 *
 * Direct mapped: a hash of the flow names a cell, and the cell holds the rest of the hash. Whatever comes later to the
 * same cell overwrites it, so there is nothing that fills up: memory is a constant, and what is remembered only gets
 * younger when more comes. With n fresh flows a second, a flow is forgotten within t seconds with a probability of
 * 1 - exp(-n t / cells): at 26,000 a second and 2^20 cells, 2.4 % in a second and 12 % in five.
 *
 * A cell:
 *   15..4  fingerprint: bits 12..1 of the flow
 *   3      the work was admitted (QUIC)
 *   2..0   how often it was seen, from 1; 0: the cell is empty
 */
#ifndef SPW_MAPS_FINGERPRINT_H
#define SPW_MAPS_FINGERPRINT_H

#include "types.h"

#define SPW_FINGERPRINT_BITS 20

#define SPW_FINGERPRINT_SHIFT 4
#define SPW_FINGERPRINT_MASK 0xfffu
#define SPW_FINGERPRINT_ADMITTED 8u
#define SPW_FINGERPRINT_SEEN 7u

struct spw_fingerprints {
	u16 cells[1 << SPW_FINGERPRINT_BITS]; /* by the upper bits of the flow */
};

_Static_assert(sizeof(struct spw_fingerprints) == 2 * (1 << SPW_FINGERPRINT_BITS), "layout of the pinned map");

#endif
