/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Common tools on the receiving end of the link: nftables at the interface's ingress hook, its earliest, and iptables
 * in its first table. All end the program on errors.
 */
#ifndef SPW_BENCH_FILTERS_H
#define SPW_BENCH_FILTERS_H

#include "rulesets.h"

#define BENCH_NFT_INTERVALS 100000u

enum bench_filter {
	BENCH_NFT_PREFIX,    /* a set of BENCH_NFT_INTERVALS ranges */
	BENCH_NFT_RATE,	     /* a packet a minute per source, in a dynamic set */
	BENCH_IPTABLES_RATE, /* the same by hashlimit */
};

/** bench_filter_start() - install the rules. @ranges: those of the set */
void bench_filter_start(enum bench_filter filter, const struct bench_ranges *ranges);
void bench_filter_stop(enum bench_filter filter);

/** bench_filter_count() - packets dropped since the rules were installed, by the rule's counter. */
u64 bench_filter_count(enum bench_filter filter);

/** bench_filter_ranges() - an even selection of BENCH_NFT_INTERVALS of @ranges; to be freed. */
struct bench_ranges bench_filter_ranges(const struct bench_ranges *ranges);

#endif
