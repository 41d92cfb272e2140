/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits: rates and bursts as GCRA parameters for the datapath (maps/limit.h), reseeding of meter rows, fill of the
 * meters. Pure; used by the agent (user/agent/limiter.c).
 */
#ifndef SPW_CORE_LIMITS_H
#define SPW_CORE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/limit.h"

/* Defaults: a source is an IPv4 address or an IPv6 /64; the prefixes around them. */
#define SPW_SOURCE_BITS4 32
#define SPW_SOURCE_BITS6 64
#define SPW_PREFIX_BITS4 24
#define SPW_PREFIX_BITS6 48

/* A rate with its burst, of new work, packets or bits; per_s 0: no limit. */
struct spw_rate {
	double per_s;
	double burst;
};

/* The limits of a class, from the configuration. */
struct spw_class_rates {
	u8 id;		     /* identity */
	bool fair;	     /* its sources share its admission (fair.h) */
	u8 from[SPW_SCOPES]; /* level from which the limits of a scope apply; SPW_LEVEL_NEVER */
	struct spw_rate rates[SPW_SCOPES][SPW_KINDS];
};

struct spw_limit_policy {
	u32 classes_count;
	struct spw_class_rates classes[SPW_CLASSES_MAX]; /* by rank */
	u8 source_bits[2];				 /* IPv4: 1 to 32; IPv6: 1 to 64 */
	u8 prefix_bits[2];
};

/*
 * Rates in the registry (struct spw_limit_record) are whole numbers. Slow ones are per minute, hour or day, with the
 * unit in the two upper bits.
 */
u64 spw_rate_record(double per_s);
double spw_rate_recorded(u64 record);

/** spw_rate_unit() - the unit in which @per_s is a whole number: "/s", "/min", "/h", "/d"; @number: that number. */
const char *spw_rate_unit(double per_s, double *number);

/** spw_class_is_limited() - whether the class has any limit at all. */
bool spw_class_is_limited(const struct spw_class_rates *class);

/**
 * spw_limits_plan() - the limits of all classes.
 * @fair_per_s: by rank, current fair share in new work per second of a source or prefix; 0: none
 * @limits: masks, sessions and classes are filled in; seeds, salts and warming are unchanged
 */
void spw_limits_plan(const struct spw_limit_policy *policy, const double *fair_per_s, u32 jiffies_per_second,
		     struct spw_limits *limits);

/** spw_limits_longest() - ticks after which every limit in @limits has forgotten a packet. */
u64 spw_limits_longest(const struct spw_limits *limits);

/* ---- seeds ---- */

/* State of reseeding; zero it to begin. */
struct spw_reseeding {
	u64 due_ns;   /* when the next row is due */
	u64 begun_ns; /* when the warming row got its seed; 0: none is warming */
	u64 count;    /* rows reseeded so far */
	u32 row;      /* next row */
};

/**
 * spw_reseed() - one tick.
 * @longest_ns: spw_limits_longest(), the warming time of a row
 * @random: new for each call
 * @limits: seeds and warming are changed; resumes where an earlier agent stopped
 * Returns whether @limits must be written: one change per call, as every packet has to see one before the next.
 *
 * A row is reseeded every minute, but no sooner than twice the warming time after the last, so that both rows decide
 * most of the time. Warming takes as long as the longest burst needs to drain: otherwise a source that is silent
 * meanwhile would get a second burst.
 */
bool spw_reseed(struct spw_reseeding *reseeding, u64 now_ns, u64 longest_ns, u64 random, struct spw_limits *limits);

/* ---- fill ---- */

/* Fill of one row of a table, as shares of its cells. */
struct spw_row_fill {
	double used; /* backlog above 0 */
	double over; /* backlog above the smallest tolerance in force; the worse of new work and packets */
};

/* A count of UDP sessions spread over ticks, and the result of the last complete one. */
struct spw_session_count {
	u32 at; /* next set */
	u64 found;
	bool known;
	u64 sessions;
};

/** spw_sessions_count() - look at the next @sets of the table. @now: jiffies */
void spw_sessions_count(struct spw_session_count *count, const struct spw_sessions *table, u32 sets, u64 now,
			const struct spw_session_limits *limits);

/* A scan spread over ticks, and the result of the last complete one. */
struct spw_fill {
	u32 at; /* next page */
	u64 used[SPW_ROWS];
	u64 over[SPW_ROWS][2]; /* of new work, of packets; bits are among both */
	u64 over_pairs[2];     /* a cell in each row, in the same page */
	u64 scans;	       /* complete ones; 0: no result yet */
	struct spw_row_fill rows[SPW_ROWS];
	double over_in_both; /* chance that a source is over in both rows */
};

/**
 * spw_fill_scan() - scan the next @count of @pages_count pages of a table.
 * @tolerance: ticks; the smallest of the limits in force that use the table; UINT64_MAX: none
 */
void spw_fill_scan(struct spw_fill *fill, const struct spw_meter_page *pages, u32 pages_count, u32 count, u64 now,
		   u64 tolerance);

/** spw_fill_wrong() - share of sources limited wrongly: over, by collision, in every row that decides. */
double spw_fill_wrong(const struct spw_fill *fill, const u64 *warming);

/** spw_least_tolerance() - the smallest tolerance among a scope's limits in force at @level; UINT64_MAX: none. */
u64 spw_least_tolerance(const struct spw_limits *limits, u32 scope, u32 level);

#endif
