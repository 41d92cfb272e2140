/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of sources, prefixes and classes: rules 6 and 8. Pure and on both sides. Called by limits.bpf.h and by the
 * host tests.
 *
 * Look first, charge last. Limits are looked at up to the first that refuses, and only what nothing refuses in the end
 * is charged to them: so a flood that is refused only reads, and scales over CPUs; and what one limit refuses does not
 * use up another. Packets that are on their way on other CPUs at that moment pass by one look too many: a burst may be
 * larger by a unit a CPU, a rate never, as each of them is charged.
 *
 * The class is asked first: its cell is at hand, and while it is over, a flood of any number of sources fetches none of
 * theirs, each of which may cost an access to memory. Then the source, then the prefix around it.
 *
 * A source's two rows are a sketch of its backlog from above, as in conservative counting (Estan, Varghese: "New
 * Directions in Traffic Measurement and Accounting", SIGCOMM 2002; Cormode, Muthukrishnan: "An Improved Data Stream
 * Summary: The Count-Min Sketch", 2005), of arrival times in place of counts, which fade by themselves.
 */
#ifndef SPW_BPF_LIMIT_H
#define SPW_BPF_LIMIT_H

#include "maps/limit.h"
#include "meter.h"
#include "mix.h"

/* What was loaded is loaded again, and not kept on the stack meanwhile. */
#define SPW_LOAD_ANEW() asm volatile("" ::: "memory")

#define SPW_CLASS_FACTOR 0x9e3779b97f4a7c15ULL /* tells the prefixes of classes apart; any odd number would do */

/*
 * A cell that others share is charged even when it is over, up to so many units beyond the room and no further: it is
 * free again soon after the last of them is gone. Far more than there can be packets of one source on their way at
 * once.
 */
#define SPW_LIMIT_SLACK 64

#define SPW_LIMITS_OF(scope)                                                                                           \
	(SPW_LIMIT_BIT(scope, SPW_KIND_NEW) | SPW_LIMIT_BIT(scope, SPW_KIND_PACKETS) |                                 \
	 SPW_LIMIT_BIT(scope, SPW_KIND_BITS))

#define SPW_STRIP_BITS 8 /* of the index of a cell in its strip */
_Static_assert(1 << SPW_STRIP_BITS == SPW_STRIP_CELLS, "bits of the index");

SPW_INLINE struct spw_meter_page *spw_page(struct spw_meters *meters, const struct spw_metering *metering, u32 scope)
{
	u32 page = metering->buckets[scope].page;

	return scope == SPW_SCOPE_SOURCE ? &meters->source[page & (SPW_SOURCE_PAGES - 1)]
					 : &meters->prefix[page & (SPW_PREFIX_PAGES - 1)];
}

/*
 * The cell of a source or a prefix in a row; scope, row and kind are constants where this is used. New work and packets
 * stand beside each other, so that a packet takes one cache line a row; bits have a place of their own.
 */
SPW_INLINE u64 *spw_cell(struct spw_meters *meters, const struct spw_metering *metering, u32 scope, u32 row, u32 kind)
{
	const struct spw_bucket *bucket = &metering->buckets[scope];
	u32 place = kind == SPW_KIND_BITS ? bucket->bits[row] : (bucket->pairs[row] & (SPW_STRIP_CELLS - 2)) + kind;

	return &spw_page(meters, metering, scope)->rows[row][place & (SPW_STRIP_CELLS - 1)];
}

SPW_INLINE u64 spw_source_key(const struct spw_limits *limits, u64 source, u32 family)
{
	const struct spw_family_limits *of = &limits->families[family == 6];

	return (source & of->source_mask) ^ of->salt;
}

SPW_INLINE u64 spw_prefix_key(const struct spw_limits *limits, u64 source, u32 family, u32 class_id)
{
	const struct spw_family_limits *of = &limits->families[family == 6];

	return (source & of->prefix_mask) ^ of->salt ^ class_id * SPW_CLASS_FACTOR;
}

/*
 * The page stays, as the salt does; the place in a row goes with the row's seed: multiply-shift hashing, of what is
 * mixed already (Dietzfelbinger, Hagerup, Katajainen, Penttonen: "A Reliable Randomized Algorithm for the Closest-Pair
 * Problem", Journal of Algorithms 25, 1997): with a random odd factor two keys meet in one of 2^k places with a
 * probability of 2^(1 - k) at the most, whatever they are.
 */
SPW_INLINE void spw_aim(const struct spw_limits *limits, u64 source, u32 family, u32 scope,
			struct spw_metering *metering)
{
	struct spw_bucket *bucket = &metering->buckets[scope];
	u64 mixed = spw_mix(scope == SPW_SCOPE_SOURCE ? spw_source_key(limits, source, family)
						      : spw_prefix_key(limits, source, family, metering->class_id));

	bucket->page = (u32)mixed;
	for (u32 row = 0; row < SPW_ROWS; row++) {
		u64 hash;

		SPW_LOAD_ANEW();
		hash = mixed * (limits->seeds[row] | 1);
		bucket->pairs[row] = hash >> (64 - SPW_STRIP_BITS);
		bucket->bits[row] = hash >> (64 - 2 * SPW_STRIP_BITS);
	}
}

/*
 * From here on few branches, as most would be taken by chance: differences of times have a sign, which becomes a mask.
 * Times are below 2^62 (maps/order.h).
 */

/* All ones where @difference is below zero. */
SPW_INLINE u64 spw_below(u64 difference)
{
	return (u64)((s64)difference >> 63);
}

SPW_INLINE u64 spw_seen(const u64 *cell)
{
	return *(const volatile u64 *)cell;
}

SPW_INLINE const struct spw_limit *spw_limit_of(const struct spw_limits *limits, const struct spw_metering *metering,
						u32 scope, u32 kind)
{
	return &limits->classes[metering->class_id & (SPW_CLASSES_MAX - 1)].limits[scope][kind];
}

SPW_INLINE u64 *spw_class_cell(struct spw_meters *meters, const struct spw_metering *metering, u32 kind)
{
	return &meters->classes[metering->class_id & (SPW_CLASSES_MAX - 1)][kind].arrival_ticks;
}

/*
 * The bit of the limit if it is exceeded, else 0. A row that warms says over to everything, so that the other decides.
 */
SPW_INLINE u32 spw_exceeded(const struct spw_limits *limits, struct spw_meters *meters, struct spw_metering *metering,
			    u32 scope, u32 kind)
{
	u64 edge, first, second;

	SPW_LOAD_ANEW();
	edge = metering->now + spw_limit_of(limits, metering, scope, kind)->room;
	first = spw_seen(spw_cell(meters, metering, scope, 0, kind));
	second = spw_seen(spw_cell(meters, metering, scope, 1, kind));
	metering->unrest |= (metering->now - first) | (metering->now - second);
	return (u32)spw_below(((edge - first) | limits->blind[0]) & ((edge - second) | limits->blind[1])) &
	       SPW_LIMIT_BIT(scope, kind);
}

SPW_INLINE u32 spw_class_exceeded(const struct spw_limits *limits, struct spw_meters *meters,
				  const struct spw_metering *metering, u32 kind)
{
	u64 edge = metering->now + spw_limit_of(limits, metering, SPW_SCOPE_CLASS, kind)->room;

	return (u32)spw_below(edge - spw_seen(spw_class_cell(meters, metering, kind))) &
	       SPW_LIMIT_BIT(SPW_SCOPE_CLASS, kind);
}

/* Those of a source or a prefix that are exceeded. New work and packets stand in one line: neither is asked alone. */
SPW_INLINE u32 spw_look_at(const struct spw_limits *limits, struct spw_meters *meters, u64 source, u32 family,
			   u32 scope, struct spw_metering *metering)
{
	u32 over;

	SPW_LOAD_ANEW();
	spw_aim(limits, source, family, scope, metering);
	over = spw_exceeded(limits, meters, metering, scope, SPW_KIND_NEW) |
	       spw_exceeded(limits, meters, metering, scope, SPW_KIND_PACKETS);
	if (metering->active & SPW_LIMIT_BIT(scope, SPW_KIND_BITS))
		over |= spw_exceeded(limits, meters, metering, scope, SPW_KIND_BITS);
	SPW_LOAD_ANEW();
	return over & metering->active;
}

SPW_INLINE u32 spw_look_at_class(const struct spw_limits *limits, struct spw_meters *meters,
				 const struct spw_metering *metering)
{
	u32 over = spw_class_exceeded(limits, meters, metering, SPW_KIND_NEW) |
		   spw_class_exceeded(limits, meters, metering, SPW_KIND_PACKETS) |
		   spw_class_exceeded(limits, meters, metering, SPW_KIND_BITS);

	return over & metering->active;
}

/* Of one scope, rule 6 before rule 8. */
SPW_INLINE u32 spw_limit_broken(u32 over, u32 scope, u32 packets, u32 bits, u32 new_work)
{
	if (over & SPW_LIMIT_BIT(scope, SPW_KIND_PACKETS))
		return packets;
	return over & SPW_LIMIT_BIT(scope, SPW_KIND_BITS) ? bits : new_work;
}

SPW_INLINE u32 spw_find_broken(const struct spw_limits *limits, struct spw_meters *meters, u64 source, u32 family,
			       struct spw_metering *metering)
{
	u32 active = metering->active, over = 0;

	if (active & SPW_LIMITS_OF(SPW_SCOPE_CLASS))
		over = spw_look_at_class(limits, meters, metering);
	if (over)
		return spw_limit_broken(over, SPW_SCOPE_CLASS, SPW_REASON_CLASS_PACKETS, SPW_REASON_CLASS_BITS,
					SPW_REASON_CLASS_NEW);
	if (active & SPW_LIMITS_OF(SPW_SCOPE_SOURCE))
		over = spw_look_at(limits, meters, source, family, SPW_SCOPE_SOURCE, metering);
	if (over)
		return spw_limit_broken(over, SPW_SCOPE_SOURCE, SPW_REASON_SOURCE_PACKETS, SPW_REASON_SOURCE_BITS,
					SPW_REASON_SOURCE_NEW);
	if (active & SPW_LIMITS_OF(SPW_SCOPE_PREFIX))
		over = spw_look_at(limits, meters, source, family, SPW_SCOPE_PREFIX, metering);
	if (over)
		return spw_limit_broken(over, SPW_SCOPE_PREFIX, SPW_REASON_PREFIX_PACKETS, SPW_REASON_PREFIX_BITS,
					SPW_REASON_PREFIX_NEW);
	return SPW_REASON_ADMITTED;
}

/**
 * spw_look() - rules 6 and 8.
 * @source: first 64 bits of the address, left aligned
 * @metering: its active, class_id, now and length are set
 * Returns the reason for which the packet is refused; SPW_REASON_ADMITTED: for none. It goes through memory: a verifier
 * that knew it would follow each by itself through all that comes behind.
 */
SPW_INLINE u32 spw_look(const struct spw_limits *limits, struct spw_meters *meters, u64 source, u32 family,
			struct spw_metering *metering)
{
	metering->unrest = limits->blind[0] | limits->blind[1];
	metering->reason = spw_find_broken(limits, meters, source, family, metering);
	return *(volatile u32 *)&metering->reason;
}

/* ---- charging ---- */

SPW_INLINE u64 spw_positive(u64 difference)
{
	return difference & ~spw_below(difference);
}

SPW_INLINE u64 spw_emission_interval(const struct spw_limits *limits, const struct spw_metering *metering, u32 scope,
				     u32 kind)
{
	u64 cost = spw_limit_of(limits, metering, scope, kind)->cost;

	return kind == SPW_KIND_BITS ? cost * metering->length >> SPW_LIMIT_BYTES_SHIFT : cost;
}

/* Where one unit takes a cell; nowhere if its backlog is beyond @debt. */
SPW_INLINE u64 spw_charged(u64 arrival, u64 now, u64 cost, u64 debt)
{
	u64 backlog = spw_positive(arrival - now);

	return now + backlog + (cost & ~spw_below(debt - backlog));
}

/*
 * A cell without backlog is written without a lock, which costs a seventh: if two CPUs do so at the same moment, one
 * unit more may pass than the burst, and no limit is near. It is read once more right before, as a virtual CPU may have
 * stood still since, while others spent the burst: to forget that would hand out a second one. Otherwise, if another
 * CPU comes between, it has moved the cell, which so does not lie behind: the cost is added.
 */
SPW_INLINE void spw_put(u64 *cell, u64 seen, u64 next, u64 now, u64 cost)
{
	if (seen < now && spw_seen(cell) == seen)
		*(volatile u64 *)cell = next;
	else if (__sync_val_compare_and_swap(cell, seen, next) != seen)
		__sync_fetch_and_add(cell, cost);
}

/* The same for a cell that had no backlog when it was looked at, longer ago. */
SPW_INLINE void spw_put_idle(u64 *cell, u64 now, u64 cost)
{
	if (spw_seen(cell) <= now)
		*(volatile u64 *)cell = now + cost;
	else
		__sync_fetch_and_add(cell, cost);
}

/* A row that warms learns what the other one knows. */
SPW_INLINE u64 spw_taught(u64 next, u64 other, u64 blind)
{
	return next + (spw_positive(other - next) & spw_below(blind));
}

SPW_INLINE void spw_charge_class(const struct spw_limits *limits, struct spw_meters *meters,
				 const struct spw_metering *metering, u32 kind)
{
	u64 *cell = spw_class_cell(meters, metering, kind), seen, cost, debt;

	if (!(metering->active & SPW_LIMIT_BIT(SPW_SCOPE_CLASS, kind)))
		return;
	cost = spw_emission_interval(limits, metering, SPW_SCOPE_CLASS, kind);
	debt = spw_limit_of(limits, metering, SPW_SCOPE_CLASS, kind)->room + SPW_LIMIT_SLACK * cost;
	seen = spw_seen(cell);
	spw_put(cell, seen, spw_charged(seen, metering->now, cost, debt), metering->now, cost);
}

/* Cells that had no backlog when they were looked at; see spw_put(). */
SPW_INLINE void spw_charge_idle(const struct spw_limits *limits, struct spw_meters *meters,
				const struct spw_metering *metering, u32 scope, u32 kind)
{
	u64 cost = spw_emission_interval(limits, metering, scope, kind);

	spw_put_idle(spw_cell(meters, metering, scope, 0, kind), metering->now, cost);
	spw_put_idle(spw_cell(meters, metering, scope, 1, kind), metering->now, cost);
}

/* All that is to be read is read before the first write, which the processor lets nothing pass. */
SPW_INLINE void spw_charge_busy(const struct spw_limits *limits, struct spw_meters *meters,
				const struct spw_metering *metering, u32 scope, u32 kind)
{
	u64 cost = spw_emission_interval(limits, metering, scope, kind), now = metering->now, *first, *second;
	u64 debt = spw_limit_of(limits, metering, scope, kind)->room + SPW_LIMIT_SLACK * cost;
	u64 seen[SPW_ROWS], next[SPW_ROWS];

	first = spw_cell(meters, metering, scope, 0, kind);
	second = spw_cell(meters, metering, scope, 1, kind);
	seen[0] = spw_seen(first);
	seen[1] = spw_seen(second);
	next[0] = spw_charged(seen[0], now, cost, debt);
	next[1] = spw_charged(seen[1], now, cost, debt);
	spw_put(first, seen[0], spw_taught(next[0], next[1], limits->blind[0]), now, cost);
	spw_put(second, seen[1], spw_taught(next[1], next[0], limits->blind[1]), now, cost);
}

SPW_INLINE void spw_charge_limit(const struct spw_limits *limits, struct spw_meters *meters,
				 const struct spw_metering *metering, u32 scope, u32 kind, bool idle)
{
	if (!(metering->active & SPW_LIMIT_BIT(scope, kind)))
		return;
	if (idle)
		spw_charge_idle(limits, meters, metering, scope, kind);
	else
		spw_charge_busy(limits, meters, metering, scope, kind);
}

/* Those of the source and of its prefix; @idle is a constant where this is used, so that it is asked once. */
SPW_INLINE void spw_charge_cells(const struct spw_limits *limits, struct spw_meters *meters,
				 const struct spw_metering *metering, bool idle)
{
	spw_charge_limit(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_NEW, idle);
	spw_charge_limit(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_PACKETS, idle);
	spw_charge_limit(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_BITS, idle);
	spw_charge_limit(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_NEW, idle);
	spw_charge_limit(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_PACKETS, idle);
	spw_charge_limit(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_BITS, idle);
}

/** spw_charge() - what was admitted in the end, after spw_look(). */
SPW_INLINE void spw_charge(const struct spw_limits *limits, struct spw_meters *meters,
			   const struct spw_metering *metering)
{
	if (metering->active & SPW_LIMITS_OF(SPW_SCOPE_CLASS)) {
		spw_charge_class(limits, meters, metering, SPW_KIND_NEW);
		spw_charge_class(limits, meters, metering, SPW_KIND_PACKETS);
		spw_charge_class(limits, meters, metering, SPW_KIND_BITS);
	}
	if (spw_below(metering->unrest))
		spw_charge_cells(limits, meters, metering, false);
	else
		spw_charge_cells(limits, meters, metering, true);
}

#endif
