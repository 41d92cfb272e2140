/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Top talkers: the heaviest sources and prefixes, estimated from samples in tables of fixed size. Pure. The agent
 * offers every sample and ticks; used by `top`, the metrics and the fair share of limits.
 *
 * Weighted Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data
 * Streams", ICDT 2005) over exponentially decaying counts: a new key in a full table replaces the lightest, inherits
 * its count, and keeps that as its error. The true count of a key in the table is between count - error and count. A
 * key not in the table came at most as often as the lightest one's count, at most the total divided by the size: a
 * flood of spoofed sources raises the errors, and pushes nobody heavy out.
 *
 * Counts decay by spw_talkers_tick(), and so does the time they are divided by, so a constant rate is right from the
 * first tick on; a changing one is followed with a time constant of SPW_TALKERS_SECONDS.
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

/* One sampled packet, representing @weight of its kind. */
struct spw_offer {
	u64 source_hi; /* left aligned, as in struct spw_packet */
	u8 family;     /* 4 or 6; others are ignored */
	u8 class_id;   /* identities */
	u16 list;
	u32 length; /* bytes of the frame */
	u32 weight; /* sampled 1 in this many */
	bool new_work;
	bool dropped;
};

/*
 * What is known about a key. Rates are lower bounds: up to error_per_s more packets may have come while the key was not
 * in the table. On top of that comes the error of sampling: margin_per_s is two standard deviations of packets_per_s, 0
 * if every packet was sampled.
 */
struct spw_talker {
	u64 source_hi; /* of the prefix; bits beyond @length are zero */
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

/** spw_talkers_masks() - set prefix lengths, 1 to 32 and 1 to 64; a change empties the table. */
void spw_talkers_masks(struct spw_talkers *talkers, u8 prefix4, u8 prefix6);

/** spw_talkers_remember() - set the time constant, by default SPW_TALKERS_SECONDS; before the first tick. */
void spw_talkers_remember(struct spw_talkers *talkers, double seconds);

/** spw_talkers_offer() - count a sample, for its source and for its prefix. */
void spw_talkers_offer(struct spw_talkers *talkers, const struct spw_offer *offer);

/** spw_talkers_tick() - @seconds have passed since the last tick, and its samples were offered; decay. */
void spw_talkers_tick(struct spw_talkers *talkers, double seconds);

/** spw_talkers_count() - number of keys in the table of a kind. */
u32 spw_talkers_count(const struct spw_talkers *talkers, enum spw_talker_kind kind);

/** spw_talkers_get() - the key at @index, unsorted. Before the first tick all rates are zero. */
void spw_talkers_get(const struct spw_talkers *talkers, enum spw_talker_kind kind, u32 index,
		     struct spw_talker *talker);

/** spw_talkers_bound() - upper bound of a key that is not in the table, packets per second. */
double spw_talkers_bound(const struct spw_talkers *talkers, enum spw_talker_kind kind);

/* Sort key of a ranking. */
enum spw_talker_order {
	SPW_BY_PACKETS = 0,
	SPW_BY_BYTES = 1,
	SPW_BY_NEW = 2,
	SPW_BY_DROPPED = 3,
	SPW_TALKER_ORDERS = 4,
};

/**
 * spw_talkers_top() - the heaviest of a kind, heaviest first.
 * @top: @most entries; keys without weight are left out
 * Returns how many there are.
 */
u32 spw_talkers_top(const struct spw_talkers *talkers, enum spw_talker_kind kind, enum spw_talker_order order, u32 most,
		    struct spw_talker *top);

/*
 * Do a few sources bring most of it? Balancers and CDNs do: then classes cannot tell the visitors behind them apart.
 * Meant for talkers that are offered new work only and remember minutes: a browser opens several connections at once,
 * so within seconds eight visitors may well be most of a small site's.
 */
enum {
	SPW_FEW = 8,
	SPW_FEW_OFFERS = 200, /* fewer in memory say nothing */
};

#define SPW_FEW_SECONDS	     300.0 /* time constant */
#define SPW_FEW_SOURCES	     512
#define SPW_FEW_PREFIXES     256
#define SPW_FEW_PER_S	     10.0 /* less new work needs no shedding */
#define SPW_FEW_SOURCE_SHARE 0.5
#define SPW_FEW_PREFIX_SHARE 0.8 /* higher, as the visitors of an intranet are in few prefixes too */

/** spw_talkers_few() - share (0 to 1) that the SPW_FEW heaviest of a kind have; 0: below SPW_FEW_OFFERS. */
double spw_talkers_few(const struct spw_talkers *talkers, enum spw_talker_kind kind);

/** spw_talkers_total() - rate of all that was offered, per second. */
double spw_talkers_total(const struct spw_talkers *talkers);

#endif
