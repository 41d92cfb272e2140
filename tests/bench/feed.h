/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Common to the bench's BPF programs and its user space: the table of sources, the state of the feeder, and the layout
 * of the alternative prefix tables.
 */
#ifndef SPW_BENCH_FEED_H
#define SPW_BENCH_FEED_H

#include "maps/types.h"

#define BENCH_SOURCES_MAX (1u << 20)

/*
 * For more sources than the table holds it is repeated, and each turn changes the last bits of the address (of an IPv6
 * source, of its /64), which are in no prefix of /28 (/60) or shorter.
 */
#define BENCH_TURN_BITS	      4u
#define BENCH_SOURCES_FED_MAX (BENCH_SOURCES_MAX << BENCH_TURN_BITS)

/* The feeder takes the time every so many packets; a power of two. The bench keeps the median of the segments. */
#define BENCH_SEGMENT	 (1u << 13)
#define BENCH_STAMPS_MAX 4096u

/*
 * The sources in the sequence of packets, repeated. The sequence is random, reading it is sequential: the CPU
 * prefetches it, and the table hardly displaces what is measured.
 *
 * Most IPv6 sources need 8 bytes, their upper half: the lower one is computed. Exceptions (the computed half would
 * change the list, or the topmost bit is set) have the topmost bit set and are in whole6.
 */
#define BENCH_STORED_WHOLE (1ULL << 63)

struct bench_sources {
	u32 v4[BENCH_SOURCES_MAX];  /* network order */
	u64 hi6[BENCH_SOURCES_MAX]; /* host order, as below */
	u64 whole6[BENCH_SOURCES_MAX][2];
};

/* The lower half of an IPv6 source that is not stored whole. */
SPW_INLINE u64 bench_low_half(u64 hi)
{
	hi ^= hi >> 29;
	hi *= 0xbf58476d1ce4e5b9ULL;
	return hi ^ hi >> 32;
}

/* The feeder's state; user space writes all but `next` and `stamps` before a run. */
struct bench_feed {
	u32 next;
	u32 sources_mask;
	u32 fresh;    /* 1: every packet has another sequence number */
	u32 checksum; /* 1: compute IPv4's header checksum */
	u64 stamps[BENCH_STAMPS_MAX];
};

/* A poptrie after Asai & Ohara, "Poptrie: A Compressed Trie with Population Count for Fast and Scalable Software IP
 * Routing Table Lookup", SIGCOMM 2015. */
struct bench_poptrie_node {
	u64 vector;  /* bit v: child v is a node */
	u64 leafvec; /* bit v: child v is a leaf whose value differs from the leaf before it */
	u32 base0;   /* first leaf */
	u32 base1;   /* first child node */
};

#define BENCH_POPTRIE_LEAF   (1u << 31) /* in a direct entry: the rest is the slot */
#define BENCH_POPTRIE_STRIDE 6u

/* Flat table of the first 24 bits of IPv4: a slot, or with this bit the number of a block of 256 slots. */
#define BENCH_FLAT_BLOCK      0x8000u
#define BENCH_FLAT_BLOCKS_MAX 0x8000u

/* Result of a program that only classifies; the sum proves that it found the right slots. */
struct bench_found {
	u64 packets;
	u64 slots;
};

/* Keys of the kernel's LPM tries. */
struct bench_lpm4_key {
	u32 len;
	u32 addr; /* network order */
};

struct bench_lpm6_key {
	u32 len;
	u8 addr[16];
};

#endif
