/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of sources, prefixes and classes: rules 6 and 8. Pure and on both sides. Called by limits.bpf.h and by the
 * host tests.
 *
 * Look first, charge last. All limits are looked at, and only what nothing refuses in the end is charged to them: so
 * a flood that is refused only reads, and scales over CPUs; and what one limit refuses does not use up another. Packets
 * that are on their way on other CPUs at that moment pass by one look too many: a burst may be larger by a unit a CPU,
 * a rate never, as each of them is charged.
 *
 * A source's two rows are a sketch of its backlog from above, as in conservative counting (Estan, Varghese: "New
 * Directions in Traffic Measurement and Accounting", SIGCOMM 2002; Cormode, Muthukrishnan: "An Improved Data Stream
 * Summary: The Count-Min Sketch", 2005), of arrival times in place of counts, which fade by themselves.
 */
#ifndef SPW_BPF_LIMIT_H
#define SPW_BPF_LIMIT_H

#include "../maps/limit.h"
#include "meter.h"
#include "mix.h"

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
#define SPW_LIMITS_SOURCE SPW_LIMITS_OF(SPW_SCOPE_SOURCE)
#define SPW_LIMITS_PREFIX SPW_LIMITS_OF(SPW_SCOPE_PREFIX)
#define SPW_LIMITS_CLASS  SPW_LIMITS_OF(SPW_SCOPE_CLASS)
#define SPW_LIMITS_BITS                                                                                                \
	(SPW_LIMIT_BIT(SPW_SCOPE_SOURCE, SPW_KIND_BITS) | SPW_LIMIT_BIT(SPW_SCOPE_PREFIX, SPW_KIND_BITS) |             \
	 SPW_LIMIT_BIT(SPW_SCOPE_CLASS, SPW_KIND_BITS))
#define SPW_LIMITS_PAIRED (~SPW_LIMITS_BITS)

#define SPW_STRIP_BITS 8 /* of the index of a cell in its strip */
_Static_assert(1 << SPW_STRIP_BITS == SPW_STRIP_CELLS, "bits of the index");

/*
 * The cell of a source or a prefix in a row; scope, row and kind are constants where this is used. New work and packets
 * stand beside each other, so that a packet takes one cache line a row; bits have a place of their own.
 */
SPW_INLINE u64 *spw_cell(struct spw_meters *meters, const struct spw_metering *metering, u32 scope, u32 row, u32 kind)
{
	u64 hash = metering->hash[scope][row], pair = hash >> (65 - SPW_STRIP_BITS);
	struct spw_meter_page *page = scope == SPW_SCOPE_SOURCE
					      ? &meters->source[metering->page[scope] & (SPW_SOURCE_PAGES - 1)]
					      : &meters->prefix[metering->page[scope] & (SPW_PREFIX_PAGES - 1)];

	if (kind == SPW_KIND_BITS)
		return &page->rows[row][hash >> (64 - 2 * SPW_STRIP_BITS) & (SPW_STRIP_CELLS - 1)];
	return &page->rows[row][pair * 2 + kind];
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

/* The page stays, as the salt does; the place in a row goes with the row's seed. */
SPW_INLINE void spw_aim_at(const struct spw_limits *limits, u64 key, u32 scope, struct spw_metering *metering)
{
	u64 mixed = spw_mix(key);

	metering->page[scope] = mixed;
	metering->hash[scope][0] = spw_mix(mixed ^ limits->seeds[0]);
	metering->hash[scope][1] = spw_mix(mixed ^ limits->seeds[1]);
}

/**
 * spw_aim() - find out what is to be looked at.
 * @source: first 64 bits of the address, left aligned
 * @metering: its active, class_id, now and length are set
 */
SPW_INLINE void spw_aim(const struct spw_limits *limits, u64 source, u32 family, struct spw_metering *metering)
{
	if (metering->active & SPW_LIMITS_SOURCE)
		spw_aim_at(limits, spw_source_key(limits, source, family), SPW_SCOPE_SOURCE, metering);
	if (metering->active & SPW_LIMITS_PREFIX)
		spw_aim_at(limits, spw_prefix_key(limits, source, family, metering->class_id), SPW_SCOPE_PREFIX,
			   metering);
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

/* The bit of the limit if it is exceeded, else 0. A row that warms says over to everything, so that the other decides.
 */
SPW_INLINE u32 spw_exceeded(const struct spw_limits *limits, struct spw_meters *meters,
			    const struct spw_metering *metering, u32 scope, u32 kind)
{
	u64 edge = metering->now + spw_limit_of(limits, metering, scope, kind)->room, over;

	if (scope == SPW_SCOPE_CLASS)
		over = edge -
		       spw_seen(&meters->classes[metering->class_id & (SPW_CLASSES_MAX - 1)][kind].arrival_ticks);
	else
		over = ((edge - spw_seen(spw_cell(meters, metering, scope, 0, kind))) | limits->blind[0]) &
		       ((edge - spw_seen(spw_cell(meters, metering, scope, 1, kind))) | limits->blind[1]);
	return (u32)spw_below(over) & SPW_LIMIT_BIT(scope, kind);
}

/* New work and packets of a source stand in one cache line, so neither is looked at alone. */
SPW_INLINE u32 spw_exceeded_pair(const struct spw_limits *limits, struct spw_meters *meters,
				 const struct spw_metering *metering, u32 scope)
{
	return spw_exceeded(limits, meters, metering, scope, SPW_KIND_NEW) |
	       spw_exceeded(limits, meters, metering, scope, SPW_KIND_PACKETS);
}

/* The reason of the first that is exceeded. */
SPW_INLINE u32 spw_limit_broken(u32 over)
{
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_SOURCE, SPW_KIND_PACKETS))
		return SPW_REASON_SOURCE_PACKETS;
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_SOURCE, SPW_KIND_BITS))
		return SPW_REASON_SOURCE_BITS;
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_PREFIX, SPW_KIND_PACKETS))
		return SPW_REASON_PREFIX_PACKETS;
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_PREFIX, SPW_KIND_BITS))
		return SPW_REASON_PREFIX_BITS;
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_CLASS, SPW_KIND_PACKETS))
		return SPW_REASON_CLASS_PACKETS;
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_CLASS, SPW_KIND_BITS))
		return SPW_REASON_CLASS_BITS;
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_SOURCE, SPW_KIND_NEW))
		return SPW_REASON_SOURCE_NEW;
	if (over & SPW_LIMIT_BIT(SPW_SCOPE_PREFIX, SPW_KIND_NEW))
		return SPW_REASON_PREFIX_NEW;
	return SPW_REASON_CLASS_NEW;
}

/**
 * spw_look() - rules 6 and 8.
 * Returns the reason for which the packet is refused; SPW_REASON_ADMITTED: for none. It goes through memory: a verifier
 * that knew it would follow each by itself through all that comes behind.
 */
SPW_INLINE u32 spw_look(const struct spw_limits *limits, struct spw_meters *meters, struct spw_metering *metering)
{
	u32 active = metering->active, over = 0;

	if (active & SPW_LIMITS_SOURCE & SPW_LIMITS_PAIRED)
		over |= spw_exceeded_pair(limits, meters, metering, SPW_SCOPE_SOURCE);
	if (active & SPW_LIMITS_SOURCE & SPW_LIMITS_BITS)
		over |= spw_exceeded(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_BITS);
	if (active & SPW_LIMITS_PREFIX & SPW_LIMITS_PAIRED)
		over |= spw_exceeded_pair(limits, meters, metering, SPW_SCOPE_PREFIX);
	if (active & SPW_LIMITS_PREFIX & SPW_LIMITS_BITS)
		over |= spw_exceeded(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_BITS);
	if (active & SPW_LIMITS_CLASS)
		over |= spw_exceeded_pair(limits, meters, metering, SPW_SCOPE_CLASS) |
			spw_exceeded(limits, meters, metering, SPW_SCOPE_CLASS, SPW_KIND_BITS);
	over &= active;
	metering->reason = over ? spw_limit_broken(over) : SPW_REASON_ADMITTED;
	return *(volatile u32 *)&metering->reason;
}

/* ---- charging ---- */

SPW_INLINE u64 spw_positive(u64 difference)
{
	return difference & ~spw_below(difference);
}

/* Where one unit takes a cell; nowhere if its backlog is beyond @debt. */
SPW_INLINE u64 spw_charged(u64 arrival, u64 now, u64 cost, u64 debt)
{
	u64 backlog = spw_positive(arrival - now);

	return now + backlog + (cost & ~spw_below(debt - backlog));
}

/*
 * A cell without backlog is written as it is, which costs a seventh: if two CPUs do so at the same moment, one unit
 * more may pass than the burst, and no limit is near. Otherwise, if another CPU comes between, it has moved the cell,
 * which so does not lie behind: the cost is added.
 */
SPW_INLINE void spw_put(u64 *cell, u64 seen, u64 next, u64 now, u64 cost)
{
	if (seen < now)
		*(volatile u64 *)cell = next;
	else if (__sync_val_compare_and_swap(cell, seen, next) != seen)
		__sync_fetch_and_add(cell, cost);
}

/* A row that warms learns what the other one knows. */
SPW_INLINE u64 spw_taught(u64 next, u64 other, u64 blind)
{
	return next + (spw_positive(other - next) & spw_below(blind));
}

SPW_INLINE void spw_charge_one(const struct spw_limits *limits, struct spw_meters *meters,
			       const struct spw_metering *metering, u32 scope, u32 kind)
{
	const struct spw_limit *limit = spw_limit_of(limits, metering, scope, kind);
	u64 cost = limit->cost, debt, seen[SPW_ROWS], next[SPW_ROWS], *first, *second;

	if (!(metering->active & SPW_LIMIT_BIT(scope, kind)))
		return;
	if (kind == SPW_KIND_BITS)
		cost = cost * metering->length >> SPW_LIMIT_BYTES_SHIFT;
	debt = limit->room + SPW_LIMIT_SLACK * cost;
	if (scope == SPW_SCOPE_CLASS) {
		first = &meters->classes[metering->class_id & (SPW_CLASSES_MAX - 1)][kind].arrival_ticks;
		seen[0] = spw_seen(first);
		spw_put(first, seen[0], spw_charged(seen[0], metering->now, cost, debt), metering->now, cost);
		return;
	}
	first = spw_cell(meters, metering, scope, 0, kind);
	second = spw_cell(meters, metering, scope, 1, kind);
	seen[0] = spw_seen(first);
	seen[1] = spw_seen(second);
	next[0] = spw_charged(seen[0], metering->now, cost, debt);
	next[1] = spw_charged(seen[1], metering->now, cost, debt);
	spw_put(first, seen[0], spw_taught(next[0], next[1], limits->blind[0]), metering->now, cost);
	spw_put(second, seen[1], spw_taught(next[1], next[0], limits->blind[1]), metering->now, cost);
}

/** spw_charge() - what was admitted in the end. */
SPW_INLINE void spw_charge(const struct spw_limits *limits, struct spw_meters *meters,
			   const struct spw_metering *metering)
{
	spw_charge_one(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_NEW);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_PACKETS);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_BITS);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_NEW);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_PACKETS);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_BITS);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_CLASS, SPW_KIND_NEW);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_CLASS, SPW_KIND_PACKETS);
	spw_charge_one(limits, meters, metering, SPW_SCOPE_CLASS, SPW_KIND_BITS);
}

#endif
