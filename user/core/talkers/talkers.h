/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who takes most: the heaviest sources and the heaviest prefixes around them, estimated from samples in tables of fixed
 * size. Pure. The agent offers every sample and ticks; `top`, the metrics and the fair share of limits look.
 *
 * Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data Streams",
 * ICDT 2005), with weights, over exponentially fading counts: a key that finds no room takes the place of the lightest,
 * inherits its count, and remembers it as its error. So what truly came of a key that is in the table lies between
 * count - error and count, and a key that is not in it came no more often than the lightest one's count, which is at
 * most the sum of all divided by the size: a flood of spoofed sources raises the errors, and pushes nobody heavy out.
 *
 * Counts fade by spw_talkers_tick(), and the time they are divided by fades with them, so a rate that is constant is
 * told as it is from the first tick on; one that changes follows with a time constant of SPW_TALKERS_SECONDS.
 */
#ifndef SPW_CORE_TALKERS_H
#define SPW_CORE_TALKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

#define SPW_TALKERS_SECONDS  5.0
#define SPW_TALKERS_SOURCES  1024
#define SPW_TALKERS_PREFIXES 512

enum spw_talker_kind {
	SPW_TALKER_SOURCE = 0, /* IPv4 /32, IPv6 /64 */
	SPW_TALKER_PREFIX = 1, /* the configured masks, by default /24 and /48 */
	SPW_TALKER_KINDS = 2,
};

/* One sampled packet, standing for @weight of its kind. */
struct spw_offer {
	u64 source_hi; /* left aligned, as in struct spw_packet */
	u8 family;     /* 4 or 6; others are not taken */
	u8 class_id;   /* identities */
	u16 list;
	u32 length; /* bytes of the frame */
	u32 weight; /* 1 in so many was sampled */
	bool new_work;
	bool dropped;
};

/*
 * What is known of a key. All rates are what is certain: of packets there may be up to error_per_s more, which came
 * while the key was not in the table, and so of the rest. Beside that stands the error of sampling: margin_per_s is two
 * standard deviations of packets_per_s, 0 where every packet was sampled.
 */
struct spw_talker {
	u64 source_hi; /* of the prefix; bits behind @length are zero */
	u8 family;
	u8 length;   /* of the prefix */
	u8 class_id; /* of its latest sample */
	u16 list;
	double packets_per_s;
	double bytes_per_s;
	double new_per_s;     /* new work, passed or dropped */
	double dropped_per_s; /* packets */
	double error_per_s;
	double margin_per_s;
};

struct spw_talkers;

/** spw_talkers_new() - empty tables of @sources and @prefixes keys; NULL: no memory. Free with spw_talkers_free(). */
struct spw_talkers *spw_talkers_new(u32 sources, u32 prefixes);
void spw_talkers_free(struct spw_talkers *talkers);

/** spw_talkers_masks() - lengths of prefixes from now on, 1 to 32 and 1 to 64; others begin an empty table. */
void spw_talkers_masks(struct spw_talkers *talkers, u8 prefix4, u8 prefix6);

/** spw_talkers_offer() - count a sample, for its source and for its prefix. */
void spw_talkers_offer(struct spw_talkers *talkers, const struct spw_offer *offer);

/** spw_talkers_tick() - @seconds have passed since the last tick, whose samples have been offered; counts fade. */
void spw_talkers_tick(struct spw_talkers *talkers, double seconds);

/** spw_talkers_count() - how many keys the table of a kind holds: the end of the indices below. */
u32 spw_talkers_count(const struct spw_talkers *talkers, enum spw_talker_kind kind);

/** spw_talkers_get() - one of them, in no order. Before the first tick all rates are zero. */
void spw_talkers_get(const struct spw_talkers *talkers, enum spw_talker_kind kind, u32 index,
		     struct spw_talker *talker);

/** spw_talkers_bound() - a key that is not in the table came no more often than this, packets per second. */
double spw_talkers_bound(const struct spw_talkers *talkers, enum spw_talker_kind kind);

/* What a ranking goes by. */
enum spw_talker_order {
	SPW_BY_PACKETS = 0,
	SPW_BY_BYTES = 1,
	SPW_BY_NEW = 2,
	SPW_BY_DROPPED = 3,
	SPW_TALKER_ORDERS = 4,
};

/**
 * spw_talkers_top() - the heaviest of a kind, the heaviest first.
 * @top: room for @most; those of no weight are left out
 * Returns how many there are.
 */
u32 spw_talkers_top(const struct spw_talkers *talkers, enum spw_talker_kind kind, enum spw_talker_order order, u32 most,
		    struct spw_talker *top);

#endif
