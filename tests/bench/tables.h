/* SPDX-License-Identifier: GPL-2.0-only */
/* Builders of the alternative tables (layouts in feed.h): disjoint intervals -> arrays. */
#ifndef SPW_BENCH_TABLES_H
#define SPW_BENCH_TABLES_H

#include "user/core/table/intervals.h"
#include "feed.h"

struct bench_poptrie {
	u32 direct_bits;
	u32 *direct; /* 2^direct_bits */
	struct bench_poptrie_node *nodes;
	size_t nodes_count, nodes_capacity;
	u16 *leaves;
	size_t leaves_count, leaves_capacity;
};

struct bench_flat {
	u16 *entries; /* 2^24 */
	u16 *blocks;  /* 256 each */
	u32 blocks_count;
};

/** bench_poptrie_make() - 6-bit strides after @direct_bits. */
void bench_poptrie_make(const struct spw_intervals *intervals, u32 direct_bits, struct bench_poptrie *poptrie);
void bench_poptrie_free(struct bench_poptrie *poptrie);

/** bench_flat_make() - IPv4 only; false if more blocks are needed than an entry can number. */
bool bench_flat_make(const struct spw_intervals *intervals, struct bench_flat *flat);
void bench_flat_free(struct bench_flat *flat);

#endif
