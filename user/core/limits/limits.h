/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits: rates and bursts as the datapath takes them (maps/limit.h), when a row of meters gets another seed, and how
 * full the meters are. Pure; called by the agent (user/agent/limiting.c), by the tests and the bench.
 */
#ifndef SPW_CORE_LIMITS_H
#define SPW_CORE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/limit.h"

/* The defaults: every address is a source of its own, and so is every IPv6 /64; the prefixes around them. */
#define SPW_SOURCE_BITS4 32
#define SPW_SOURCE_BITS6 64
#define SPW_PREFIX_BITS4 24
#define SPW_PREFIX_BITS6 48

/* A rate with its burst: new work, packets or bits; per_s 0: no limit. */
struct spw_rate {
	double per_s;
	double burst;
};

/* The limits of a class, from the configuration. */
struct spw_class_rates {
	u8 id;		     /* identity */
	bool fair;	     /* its sources share what it is given (core/fair.h) */
	u8 from[SPW_SCOPES]; /* level from which the limits of a scope hold; SPW_LEVEL_NEVER */
	struct spw_rate rates[SPW_SCOPES][SPW_KINDS];
};

struct spw_limit_policy {
	u32 classes_count;
	struct spw_class_rates classes[SPW_CLASSES_MAX]; /* by rank */
	u8 source_bits[2];				 /* IPv4: 1 to 32; IPv6: 1 to 64 */
	u8 prefix_bits[2];
};

/** spw_class_is_limited() - whether the datapath has to look at limits of this class at all. */
bool spw_class_is_limited(const struct spw_class_rates *class);

/**
 * spw_limits_plan() - the limits of all classes.
 * @fair_per_s: by rank, new work per second that a source, and so a prefix, may bring at most now; 0: whatever its
 * limits say
 * @limits: masks and classes are filled in; seeds, salts and the row that warms are left as they are
 */
void spw_limits_plan(const struct spw_limit_policy *policy, const double *fair_per_s, u32 jiffies_per_second,
		     struct spw_limits *limits);

/** spw_limits_longest() - ticks after which no admitted packet is remembered by any limit in @limits. */
u64 spw_limits_longest(const struct spw_limits *limits);

/* ---- seeds ---- */

/* When the seeds change. Begin with all zero. */
struct spw_reseeding {
	u64 due_ns;   /* the next row's turn */
	u64 begun_ns; /* the row that warms has had its new seed since then; 0: none has */
	u64 count;    /* rows that have got another seed */
	u32 row;      /* whose turn is next */
};

/**
 * spw_reseed() - one tick.
 * @longest_ns: spw_limits_longest(), for which a row has to warm
 * @random: drawn anew for each call
 * @limits: seeds and blind are changed; also carried on from where an agent before has left them
 * Returns whether @limits is to be written: one change at a time, as the first has to be seen by every packet before
 * the next.
 *
 * A row's turn comes every minute, and never before twice the warming time has passed: with longer bursts, the time in
 * which a single row decides would become the rule. Warming is as long as any burst takes to drain, however long: were
 * it shorter, whoever keeps silent for so long would find a row that has forgotten him, and be given a second burst.
 */
bool spw_reseed(struct spw_reseeding *reseeding, u64 now_ns, u64 longest_ns, u64 random, struct spw_limits *limits);

/* ---- fill ---- */

/* Of one row of a table: shares of its cells. */
struct spw_row_fill {
	double used; /* backlog above 0 */
	double over; /* of those of one kind, new work or packets, the worse: backlog beyond the smallest room in force
		      */
};

/* A scan that goes on from tick to tick, and the result of the last whole one. */
struct spw_fill {
	u32 at; /* page of the scan that goes on */
	u64 used[SPW_ROWS];
	u64 over[SPW_ROWS][2]; /* of new work, of packets; bits are among both */
	u64 over_pairs[2];     /* a cell of one row and one of the other, in the same page */
	u64 scans;	       /* whole ones; before the first there is no result */
	struct spw_row_fill rows[SPW_ROWS];
	double over_in_both; /* chance of a source to be over in both rows */
};

/**
 * spw_fill_scan() - look at the next @count of @pages_count pages of a table.
 * @room: ticks; the smallest room of a limit that uses the table now; UINT64_MAX: none does
 */
void spw_fill_scan(struct spw_fill *fill, const struct spw_meter_page *pages, u32 pages_count, u32 count, u64 now,
		   u64 room);

/** spw_fill_wrong() - share of sources that are limited for no fault of theirs: whose cells are over in every row that
 * is asked. */
double spw_fill_wrong(const struct spw_fill *fill, const u64 *blind);

/** spw_least_tolerance() - the smallest room of a scope's limits in force at @level; UINT64_MAX: there is none. */
u64 spw_least_tolerance(const struct spw_limits *limits, u32 scope, u32 level);

#endif
