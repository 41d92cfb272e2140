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

/*
 * The cell of a source or a prefix in a row; all but the hash are constants where this is used. One hash serves all
 * kinds: new work and packets stand beside each other, so that a packet takes one cache line a row.
 */
SPW_INLINE u64 *spw_cell(struct spw_meters *meters, u32 scope, u32 row, u32 kind, u64 hash)
{
	u64 *cells = scope == SPW_SCOPE_SOURCE ? meters->source[row] : meters->prefix[row];
	u64 count = scope == SPW_SCOPE_SOURCE ? SPW_SOURCE_CELLS : SPW_PREFIX_CELLS;

	if (kind == SPW_KIND_BITS)
		return &cells[hash >> 32 & (count - 1)];
	return &cells[(hash & (count / 2 - 1)) * 2 + kind];
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

/**
 * spw_aim() - find out what is to be looked at.
 * @source: first 64 bits of the address, left aligned
 * @metering: its active, class_id, now and length are set
 */
SPW_INLINE void spw_aim(const struct spw_limits *limits, u64 source, u32 family, struct spw_metering *metering)
{
	u64 key;

	if (metering->active & SPW_LIMITS_OF(SPW_SCOPE_SOURCE)) {
		key = spw_source_key(limits, source, family);
		metering->hash[SPW_SCOPE_SOURCE][0] = spw_mix(key ^ limits->seeds[0]);
		metering->hash[SPW_SCOPE_SOURCE][1] = spw_mix(key ^ limits->seeds[1]);
	}
	if (metering->active & SPW_LIMITS_OF(SPW_SCOPE_PREFIX)) {
		key = spw_prefix_key(limits, source, family, metering->class_id);
		metering->hash[SPW_SCOPE_PREFIX][0] = spw_mix(key ^ limits->seeds[0]);
		metering->hash[SPW_SCOPE_PREFIX][1] = spw_mix(key ^ limits->seeds[1]);
	}
}

SPW_INLINE u64 spw_seen(const u64 *cell)
{
	return *(const volatile u64 *)cell;
}

/* All ones for the row that warms. */
SPW_INLINE u64 spw_blind(const struct spw_limits *limits, u32 row)
{
	return limits->warming == row + 1 ? ~0ULL : 0;
}

SPW_INLINE const struct spw_limit *spw_limit_of(const struct spw_limits *limits, const struct spw_metering *metering,
						u32 scope, u32 kind)
{
	return &limits->classes[metering->class_id & (SPW_CLASSES_MAX - 1)].limits[scope][kind];
}

/* A row that warms says over to everything, so that the other one decides. */
SPW_INLINE bool spw_exceeds(const struct spw_limits *limits, struct spw_meters *meters,
			    const struct spw_metering *metering, u32 scope, u32 kind)
{
	u64 edge;

	if (!(metering->active & SPW_LIMIT_BIT(scope, kind)))
		return false;
	edge = metering->now + spw_limit_of(limits, metering, scope, kind)->room;
	if (scope == SPW_SCOPE_CLASS)
		return spw_seen(&meters->classes[metering->class_id & (SPW_CLASSES_MAX - 1)][kind].arrival_ticks) >
		       edge;
	return (spw_seen(spw_cell(meters, scope, 0, kind, metering->hash[scope][0])) | spw_blind(limits, 0)) > edge &&
	       (spw_seen(spw_cell(meters, scope, 1, kind, metering->hash[scope][1])) | spw_blind(limits, 1)) > edge;
}

/**
 * spw_look() - rules 6 and 8.
 * Returns the reason for which the packet is refused; SPW_REASON_ADMITTED: for none.
 */
SPW_INLINE u32 spw_look(const struct spw_limits *limits, struct spw_meters *meters, const struct spw_metering *metering)
{
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_PACKETS))
		return SPW_REASON_SOURCE_PACKETS;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_BITS))
		return SPW_REASON_SOURCE_BITS;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_PACKETS))
		return SPW_REASON_PREFIX_PACKETS;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_BITS))
		return SPW_REASON_PREFIX_BITS;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_CLASS, SPW_KIND_PACKETS))
		return SPW_REASON_CLASS_PACKETS;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_CLASS, SPW_KIND_BITS))
		return SPW_REASON_CLASS_BITS;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_SOURCE, SPW_KIND_NEW))
		return SPW_REASON_SOURCE_NEW;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_PREFIX, SPW_KIND_NEW))
		return SPW_REASON_PREFIX_NEW;
	if (spw_exceeds(limits, meters, metering, SPW_SCOPE_CLASS, SPW_KIND_NEW))
		return SPW_REASON_CLASS_NEW;
	return SPW_REASON_ADMITTED;
}

/* If another CPU comes between, it has moved the cell, which so does not lie behind: the cost is added. */
SPW_INLINE void spw_put(u64 *cell, u64 seen, u64 next, u64 cost)
{
	if (__sync_val_compare_and_swap(cell, seen, next) != seen)
		__sync_fetch_and_add(cell, cost);
}

SPW_INLINE u64 spw_larger(u64 one, u64 other)
{
	return one > other ? one : other;
}

/* A row that warms learns what the other one knows. */
SPW_INLINE void spw_charge_rows(const struct spw_limits *limits, const struct spw_metering *metering, u64 cost,
				u64 debt, u64 *first, u64 *second)
{
	u64 seen[SPW_ROWS] = {spw_seen(first), spw_seen(second)};
	u64 next[SPW_ROWS] = {
		spw_meter_next_within(seen[0], metering->now, cost, debt),
		spw_meter_next_within(seen[1], metering->now, cost, debt),
	};

	spw_put(first, seen[0], spw_larger(next[0], next[1] & spw_blind(limits, 0)), cost);
	spw_put(second, seen[1], spw_larger(next[1], next[0] & spw_blind(limits, 1)), cost);
}

SPW_INLINE void spw_charge_one(const struct spw_limits *limits, struct spw_meters *meters,
			       const struct spw_metering *metering, u32 scope, u32 kind)
{
	const struct spw_limit *limit = spw_limit_of(limits, metering, scope, kind);
	u64 cost = limit->cost, *cell, seen;

	if (!(metering->active & SPW_LIMIT_BIT(scope, kind)))
		return;
	if (kind == SPW_KIND_BITS)
		cost = cost * metering->length >> SPW_LIMIT_BYTES_SHIFT;
	if (scope != SPW_SCOPE_CLASS) {
		spw_charge_rows(limits, metering, cost, limit->room + SPW_LIMIT_SLACK * cost,
				spw_cell(meters, scope, 0, kind, metering->hash[scope][0]),
				spw_cell(meters, scope, 1, kind, metering->hash[scope][1]));
		return;
	}
	cell = &meters->classes[metering->class_id & (SPW_CLASSES_MAX - 1)][kind].arrival_ticks;
	seen = spw_seen(cell);
	spw_put(cell, seen, spw_meter_next(seen, metering->now, cost), cost);
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
