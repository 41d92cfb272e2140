/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What administrators use, on the receiving end of the wire: nftables at the ingress of the interface, which is the
 * first place it has, and iptables in its first table. All end the program on errors.
 */
#ifndef SPW_BENCH_FILTERS_H
#define SPW_BENCH_FILTERS_H

#include "rulesets.h"

#define BENCH_NFT_INTERVALS 100000u

enum bench_filter {
	BENCH_NFT_PREFIX,    /* a set of BENCH_NFT_INTERVALS ranges */
	BENCH_NFT_RATE,	     /* a packet a minute from each source, in a dynamic set */
	BENCH_IPTABLES_RATE, /* the same by hashlimit */
};

/** bench_filter_start() - put the rules in place. @ranges: those of the set */
void bench_filter_start(enum bench_filter filter, const struct bench_ranges *ranges);
void bench_filter_stop(enum bench_filter filter);

/** bench_filter_count() - packets dropped since the rules were put in place, by the rule's own counter. */
u64 bench_filter_count(enum bench_filter filter);

/** bench_filter_ranges() - every so many of @ranges that BENCH_NFT_INTERVALS come together; to be freed. */
struct bench_ranges bench_filter_ranges(const struct bench_ranges *ranges);

#endif
