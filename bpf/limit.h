/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of sources, prefixes and classes: rules 6 and 8. Pure.
 *
 * Look up first, charge last. Lookup stops at the first limit that refuses; only packets that no rule refuses are
 * charged. So a refused flood only reads and scales over CPUs, and a refusal by one limit does not use up another.
 * Between lookup and charge each other CPU may admit one unit: bursts may be larger by that much, rates may not.
 *
 * The class comes first: its cell is cached, and while it is over the limit, a flood reads no cells of sources, each a
 * possible cache miss. Then the source, then the prefix.
 *
 * Two rows bound a source's backlog from above, as a count-min sketch with conservative update (Estan, Varghese: "New
 * Directions in Traffic Measurement and Accounting", SIGCOMM 2002; Cormode, Muthukrishnan: "An Improved Data Stream
 * Summary: The Count-Min Sketch", 2005), with arrival times, which decay by themselves, instead of counts.
 */
#ifndef SPW_BPF_LIMIT_H
#define SPW_BPF_LIMIT_H

#include "maps/limit.h"
#include "meter.h"
#include "mix.h"

/* Compiler barrier: reload instead of spilling. */
#define SPW_RELOAD() asm volatile("" ::: "memory")

#define SPW_CLASS_FACTOR 0x9e3779b97f4a7c15ULL /* tells the prefixes of classes apart; any odd number */

/*
 * A cell over its limit may still be charged by a source that shares it, up to this many units beyond the tolerance, so
 * that it recovers soon. Far more than the packets of one source in flight on all CPUs.
 */
#define SPW_LIMIT_SLACK 64

#define SPW_LIMITS_OF(scope)                                                                                           \
	(SPW_LIMIT_BIT(scope, SPW_KIND_NEW) | SPW_LIMIT_BIT(scope, SPW_KIND_PACKETS) |                                 \
	 SPW_LIMIT_BIT(scope, SPW_KIND_BITS))

#define SPW_STRIP_BITS 8 /* index of a cell in its strip */
_Static_assert(1 << SPW_STRIP_BITS == SPW_STRIP_CELLS, "bits of the index");

SPW_INLINE struct spw_meter_page *spw_page(struct spw_meters *meters, const struct spw_metering *metering, u32 scope)
{
	u32 page = metering->buckets[scope].page;

	return scope == SPW_SCOPE_SOURCE ? &meters->source[page & (SPW_SOURCE_PAGES - 1)]
					 : &meters->prefix[page & (SPW_PREFIX_PAGES - 1)];
}

/*
 * The cell of a source or a prefix in a row; scope, row and kind are constants. New work and packets are adjacent, so a
 * packet touches one cache line per row; bits are elsewhere.
 */
SPW_INLINE u64 *spw_cell(struct spw_meters *meters, const struct spw_metering *metering, u32 scope, u32 row, u32 kind)
{
	const struct spw_bucket *bucket = &metering->buckets[scope];
	u32 index = kind == SPW_KIND_BITS ? bucket->bits[row] : (bucket->pairs[row] & (SPW_STRIP_CELLS - 2)) + kind;

	return &spw_page(meters, metering, scope)->rows[row][index & (SPW_STRIP_CELLS - 1)];
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
 * The page depends on the salt only, the index on the row's seed, by multiply-shift hashing (Dietzfelbinger, Hagerup,
 * Katajainen, Penttonen: "A Reliable Randomized Algorithm for the Closest-Pair Problem", Journal of Algorithms 25,
 * 1997): with a random odd factor two keys collide in 2^k cells with a probability of at most 2^(1 - k).
 */
SPW_INLINE void spw_find_bucket(const struct spw_limits *limits, u64 source, u32 family, u32 scope,
				struct spw_metering *metering)
{
	struct spw_bucket *bucket = &metering->buckets[scope];
	u64 mixed = spw_mix(scope == SPW_SCOPE_SOURCE ? spw_source_key(limits, source, family)
						      : spw_prefix_key(limits, source, family, metering->class_id));

	bucket->page = (u32)mixed;
	for (u32 row = 0; row < SPW_ROWS; row++) {
		u64 hash;

		SPW_RELOAD();
		hash = mixed * (limits->seeds[row] | 1);
		bucket->pairs[row] = hash >> (64 - SPW_STRIP_BITS);
		bucket->bits[row] = hash >> (64 - 2 * SPW_STRIP_BITS);
	}
}

/* From here on masks instead of unpredictable branches: the sign of a difference of times, which are below 2^62. */

/* All ones if @difference is negative. */
SPW_INLINE u64 spw_negative(u64 difference)
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

/* The limit's bit if it is exceeded, else 0. A warming row counts as over, so that the other row decides. */
SPW_INLINE u32 spw_exceeded(const struct spw_limits *limits, struct spw_meters *meters, struct spw_metering *metering,
			    u32 scope, u32 kind)
{
	u64 edge, first, second;

	SPW_RELOAD();
	edge = metering->now + spw_limit_of(limits, metering, scope, kind)->tolerance_ticks;
	first = spw_seen(spw_cell(meters, metering, scope, 0, kind));
	second = spw_seen(spw_cell(meters, metering, scope, 1, kind));
	metering->unsettled |= (metering->now - first) | (metering->now - second);
	return (u32)spw_negative(((edge - first) | limits->warming[0]) & ((edge - second) | limits->warming[1])) &
	       SPW_LIMIT_BIT(scope, kind);
}

SPW_INLINE u32 spw_class_exceeded(const struct spw_limits *limits, struct spw_meters *meters,
				  const struct spw_metering *metering, u32 kind)
{
	u64 edge = metering->now + spw_limit_of(limits, metering, SPW_SCOPE_CLASS, kind)->tolerance_ticks;

	return (u32)spw_negative(edge - spw_seen(spw_class_cell(meters, metering, kind))) &
	       SPW_LIMIT_BIT(SPW_SCOPE_CLASS, kind);
}

/* Which limits of a source or a prefix are exceeded. New work and packets share a line, so both are looked up. */
SPW_INLINE u32 spw_scope_lookup(const struct spw_limits *limits, struct spw_meters *meters, u64 source, u32 family,
				u32 scope, struct spw_metering *metering)
{
	u32 over;

	SPW_RELOAD();
	spw_find_bucket(limits, source, family, scope, metering);
	over = spw_exceeded(limits, meters, metering, scope, SPW_KIND_NEW) |
	       spw_exceeded(limits, meters, metering, scope, SPW_KIND_PACKETS);
	if (metering->active & SPW_LIMIT_BIT(scope, SPW_KIND_BITS))
		over |= spw_exceeded(limits, meters, metering, scope, SPW_KIND_BITS);
	SPW_RELOAD();
	return over & metering->active;
}

SPW_INLINE u32 spw_class_lookup(const struct spw_limits *limits, struct spw_meters *meters,
				const struct spw_metering *metering)
{
	u32 over = spw_class_exceeded(limits, meters, metering, SPW_KIND_NEW) |
		   spw_class_exceeded(limits, meters, metering, SPW_KIND_PACKETS) |
		   spw_class_exceeded(limits, meters, metering, SPW_KIND_BITS);

	return over & metering->active;
}

/* The reason: rule 6 before rule 8. */
SPW_INLINE u32 spw_limit_reason(u32 over, u32 scope, u32 packets, u32 bits, u32 new_work)
{
	if (over & SPW_LIMIT_BIT(scope, SPW_KIND_PACKETS))
		return packets;
	return over & SPW_LIMIT_BIT(scope, SPW_KIND_BITS) ? bits : new_work;
}

SPW_INLINE u32 spw_first_exceeded(const struct spw_limits *limits, struct spw_meters *meters, u64 source, u32 family,
				  struct spw_metering *metering)
{
	u32 active = metering->active, over = 0;

	if (active & SPW_LIMITS_OF(SPW_SCOPE_CLASS))
		over = spw_class_lookup(limits, meters, metering);
	if (over)
		return spw_limit_reason(over, SPW_SCOPE_CLASS, SPW_REASON_CLASS_PACKETS, SPW_REASON_CLASS_BITS,
					SPW_REASON_CLASS_NEW);
	if (active & SPW_LIMITS_OF(SPW_SCOPE_SOURCE))
		over = spw_scope_lookup(limits, meters, source, family, SPW_SCOPE_SOURCE, metering);
	if (over)
		return spw_limit_reason(over, SPW_SCOPE_SOURCE, SPW_REASON_SOURCE_PACKETS, SPW_REASON_SOURCE_BITS,
					SPW_REASON_SOURCE_NEW);
	if (active & SPW_LIMITS_OF(SPW_SCOPE_PREFIX))
		over = spw_scope_lookup(limits, meters, source, family, SPW_SCOPE_PREFIX, metering);
	if (over)
		return spw_limit_reason(over, SPW_SCOPE_PREFIX, SPW_REASON_PREFIX_PACKETS, SPW_REASON_PREFIX_BITS,
					SPW_REASON_PREFIX_NEW);
	return SPW_REASON_ADMITTED;
}

/**
 * spw_limits_lookup() - rules 6 and 8.
 * @source: first 64 bits of the address, left aligned
 * @metering: active, class_id, now and length are set; the rest is filled in for spw_limits_charge()
 * Returns the reason if the packet is refused, else SPW_REASON_ADMITTED. Passed through memory: the verifier would
 * follow every constant through the rest of the program.
 */
SPW_INLINE u32 spw_limits_lookup(const struct spw_limits *limits, struct spw_meters *meters, u64 source, u32 family,
				 struct spw_metering *metering)
{
	metering->unsettled = limits->warming[0] | limits->warming[1];
	metering->reason = spw_first_exceeded(limits, meters, source, family, metering);
	return *(volatile u32 *)&metering->reason;
}

/* ---- charging ---- */

SPW_INLINE u64 spw_positive(u64 difference)
{
	return difference & ~spw_negative(difference);
}

SPW_INLINE u64 spw_emission_interval(const struct spw_limits *limits, const struct spw_metering *metering, u32 scope,
				     u32 kind)
{
	u64 interval = spw_limit_of(limits, metering, scope, kind)->interval_ticks;

	return kind == SPW_KIND_BITS ? interval * metering->length >> SPW_LIMIT_BYTES_SHIFT : interval;
}

/* The arrival time after one unit; unchanged if the backlog is beyond @debt. */
SPW_INLINE u64 spw_charged(u64 arrival, u64 now, u64 interval, u64 debt)
{
	u64 backlog = spw_positive(arrival - now);

	return now + backlog + (interval & ~spw_negative(debt - backlog));
}

/*
 * An idle cell is written without a locked instruction, which saves a seventh of the path: two CPUs that do so at once
 * admit one unit too many. It is re-read first: a virtual CPU may have been descheduled since the lookup while others
 * spent the burst. Otherwise compare-and-swap; if another CPU was faster, the cell is ahead of now: add the interval.
 */
SPW_INLINE void spw_put(u64 *cell, u64 seen, u64 next, u64 now, u64 interval)
{
	if (seen < now && spw_seen(cell) == seen)
		*(volatile u64 *)cell = next;
	else if (__sync_val_compare_and_swap(cell, seen, next) != seen)
		__sync_fetch_and_add(cell, interval);
}

/* The same for a cell that had no backlog at the lookup. */
SPW_INLINE void spw_put_idle(u64 *cell, u64 now, u64 interval)
{
	if (spw_seen(cell) <= now)
		*(volatile u64 *)cell = now + interval;
	else
		__sync_fetch_and_add(cell, interval);
}

/* A warming row takes over what the other row knows. */
SPW_INLINE u64 spw_taught(u64 next, u64 other, u64 warming)
{
	return next + (spw_positive(other - next) & spw_negative(warming));
}

SPW_INLINE void spw_charge_class(const struct spw_limits *limits, struct spw_meters *meters,
				 const struct spw_metering *metering, u32 kind)
{
	u64 *cell = spw_class_cell(meters, metering, kind), seen, interval, debt;

	if (!(metering->active & SPW_LIMIT_BIT(SPW_SCOPE_CLASS, kind)))
		return;
	interval = spw_emission_interval(limits, metering, SPW_SCOPE_CLASS, kind);
	debt = spw_limit_of(limits, metering, SPW_SCOPE_CLASS, kind)->tolerance_ticks + SPW_LIMIT_SLACK * interval;
	seen = spw_seen(cell);
	spw_put(cell, seen, spw_charged(seen, metering->now, interval, debt), metering->now, interval);
}

/* For cells that had no backlog at the lookup. */
SPW_INLINE void spw_charge_idle(const struct spw_limits *limits, struct spw_meters *meters,
				const struct spw_metering *metering, u32 scope, u32 kind)
{
	u64 interval = spw_emission_interval(limits, metering, scope, kind);

	spw_put_idle(spw_cell(meters, metering, scope, 0, kind), metering->now, interval);
	spw_put_idle(spw_cell(meters, metering, scope, 1, kind), metering->now, interval);
}

/* Read everything before the first write: locked instructions are barriers. */
SPW_INLINE void spw_charge_busy(const struct spw_limits *limits, struct spw_meters *meters,
				const struct spw_metering *metering, u32 scope, u32 kind)
{
	u64 interval = spw_emission_interval(limits, metering, scope, kind), now = metering->now, *first, *second;
	u64 debt = spw_limit_of(limits, metering, scope, kind)->tolerance_ticks + SPW_LIMIT_SLACK * interval;
	u64 seen[SPW_ROWS], next[SPW_ROWS];

	first = spw_cell(meters, metering, scope, 0, kind);
	second = spw_cell(meters, metering, scope, 1, kind);
	seen[0] = spw_seen(first);
	seen[1] = spw_seen(second);
	next[0] = spw_charged(seen[0], now, interval, debt);
	next[1] = spw_charged(seen[1], now, interval, debt);
	spw_put(first, seen[0], spw_taught(next[0], next[1], limits->warming[0]), now, interval);
	spw_put(second, seen[1], spw_taught(next[1], next[0], limits->warming[1]), now, interval);
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

/* Cells of source and prefix; @idle is a constant. */
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

/** spw_limits_charge() - charge a packet that no rule refused, after spw_limits_lookup(). */
SPW_INLINE void spw_limits_charge(const struct spw_limits *limits, struct spw_meters *meters,
				  const struct spw_metering *metering)
{
	if (metering->active & SPW_LIMITS_OF(SPW_SCOPE_CLASS)) {
		spw_charge_class(limits, meters, metering, SPW_KIND_NEW);
		spw_charge_class(limits, meters, metering, SPW_KIND_PACKETS);
		spw_charge_class(limits, meters, metering, SPW_KIND_BITS);
	}
	if (spw_negative(metering->unsettled))
		spw_charge_cells(limits, meters, metering, false);
	else
		spw_charge_cells(limits, meters, metering, true);
}

#endif
