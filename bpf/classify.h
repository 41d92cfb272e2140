/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source address -> slot: the walk through the table that maps/ruleset.h describes. Pure and on both sides: the
 * datapath runs these lines on every packet, the host tests and `check` run the very same.
 *
 * After Asai & Ohara, "Poptrie", SIGCOMM 2015 (direct first bits, then strides), with sorted cache lines in place of
 * bitmaps: docs/architecture.md says what that was measured to bring. There is no popcount and no conditional move in
 * BPF, so the comparison with all keys of a line is done at once, in lanes of 64-bit words, without a branch.
 */
#ifndef SPW_BPF_CLASSIFY_H
#define SPW_BPF_CLASSIFY_H

#include "../maps/ruleset.h"

/* Every lane's guard bit stays set where the address is not below the key. */
#define SPW_LANES4 0x0001000100010001ULL
#define SPW_GUARD4 0x8000800080008000ULL
#define SPW_LANES6 0x0000000100000001ULL
#define SPW_GUARD6 0x8000000080000000ULL

/* How many of the keys are not above the first 15 bits of @rest. */
SPW_INLINE u32 spw_line4_rank(const struct spw_line4 *line, u64 rest)
{
	u64 lanes = (rest >> (64 - SPW_LINE4_KEY_BITS)) * SPW_LANES4 | SPW_GUARD4;
	u64 below;

	below = ((lanes - line->keys[0]) & SPW_GUARD4) >> 15;
	below += ((lanes - line->keys[1]) & SPW_GUARD4) >> 15;
	below += ((lanes - line->keys[2]) & SPW_GUARD4) >> 15;
	below += ((lanes - line->keys[3]) & (SPW_GUARD4 >> 16)) >> 15;
	return (u32)(below * SPW_LANES4 >> 48) & 15;
}

/* How many of the keys are not above the first 31 bits of @rest. */
SPW_INLINE u32 spw_line6_rank(const struct spw_line6 *line, u64 rest)
{
	u64 lanes = (rest >> (64 - SPW_LINE6_KEY_BITS)) * SPW_LANES6 | SPW_GUARD6;
	u64 below;

	below = ((lanes - line->keys[0]) & SPW_GUARD6) >> 31;
	below += ((lanes - line->keys[1]) & SPW_GUARD6) >> 31;
	below += ((lanes - line->keys[2]) & SPW_GUARD6) >> 31;
	below += ((lanes - line->keys[3]) & SPW_GUARD6) >> 31;
	below += ((lanes - line->keys[4]) & (SPW_GUARD6 >> 32)) >> 31;
	return (u32)(below * SPW_LANES6 >> 32);
}

/* The next @bits (0 to 15) of @rest. */
SPW_INLINE u32 spw_next_bits(u64 rest, u32 bits)
{
	return (u32)((rest >> 1) >> (63 - bits));
}

/* @rest without its first @bits; the lower half of the address once @taken has come to 64. Without a branch. */
SPW_INLINE u64 spw_advance(u64 rest, u32 bits, u32 taken, u64 source_lo)
{
	u64 half = ((u64)(taken ^ 64) - 1) >> 63; /* 1 at bit 64, else 0 */

	/* Compiler and verifier would both make a branch of it again, and walk all that follows twice. */
	SPW_OPAQUE(half);
	rest <<= bits;
	return rest ^ ((rest ^ source_lo) & (0 - half));
}

SPW_INLINE u32 spw_entry_kind(u32 entry)
{
	return entry >> SPW_ENTRY_KIND_SHIFT;
}

SPW_INLINE u32 spw_entry_bits(u32 entry)
{
	return entry >> SPW_ENTRY_BITS_SHIFT & SPW_ENTRY_BITS_MASK;
}

SPW_INLINE u32 spw_fan_entry(const struct spw_ruleset *ruleset, u32 unit_mask, u32 fan, u32 index)
{
	u32 unit = ((fan & SPW_ENTRY_BASE_MASK) + index / SPW_UNIT_ENTRIES) & unit_mask;

	return ruleset->units[unit].entries[index % SPW_UNIT_ENTRIES];
}

/**
 * spw_find4() - the slot of an IPv4 source.
 * @unit_mask: capacity of @ruleset in units, less one
 * @source: left aligned
 *
 * A table that does not end within SPW_WALK4_MAX steps is damaged; its last entry is taken for a leaf, and one that
 * names no list is passed over by the caller's bounds.
 */
SPW_INLINE u32 spw_find4(const struct spw_ruleset *ruleset, u32 unit_mask, u64 source)
{
	u32 entry = ruleset->root4[source >> (64 - SPW_ROOT_BITS)], bits;
	u64 rest = source << SPW_ROOT_BITS;
	const struct spw_line4 *line;

	for (u32 step = 0; step < SPW_WALK4_MAX && spw_entry_kind(entry) == SPW_ENTRY_FAN; step++) {
		bits = spw_entry_bits(entry);
		entry = spw_fan_entry(ruleset, unit_mask, entry, spw_next_bits(rest, bits));
		rest <<= bits;
	}
	if (spw_entry_kind(entry) != SPW_ENTRY_LINES)
		return entry & SPW_ENTRY_BASE_MASK;
	bits = spw_entry_bits(entry);
	line = &ruleset->units[((entry & SPW_ENTRY_BASE_MASK) + spw_next_bits(rest, bits)) & unit_mask].line4;
	return line->slots[spw_line4_rank(line, rest << bits)];
}

/** spw_find6() - the slot of an IPv6 source; see spw_find4(). */
SPW_INLINE u32 spw_find6(const struct spw_ruleset *ruleset, u32 unit_mask, u64 source_hi, u64 source_lo)
{
	u32 entry = ruleset->root6[source_hi >> (64 - SPW_ROOT_BITS)];
	u64 rest = source_hi << SPW_ROOT_BITS;
	u32 taken = SPW_ROOT_BITS;

	for (u32 step = 0; step < SPW_WALK6_MAX; step++) {
		u32 kind = spw_entry_kind(entry);
		u32 bits = spw_entry_bits(entry);
		u32 base = entry & SPW_ENTRY_BASE_MASK;
		u32 index = spw_next_bits(rest, bits);

		if (kind == SPW_ENTRY_LEAF)
			return base;
		taken += bits;
		rest = spw_advance(rest, bits, taken, source_lo);
		if (kind == SPW_ENTRY_LINES) {
			const struct spw_line6 *line = &ruleset->units[(base + index) & unit_mask].line6;
			u32 rank = spw_line6_rank(line, rest);
			u32 slot = line->slots[rank < SPW_LINE6_KEYS ? rank : SPW_LINE6_KEYS];

			if (slot < SPW_SLOT_DEEP)
				return slot;
			bits = (slot - SPW_SLOT_DEEP) & 31;
			entry = line->deep;
			taken += bits;
			rest = spw_advance(rest, bits, taken, source_lo);
			continue;
		}
		entry = ruleset->units[(base + index / SPW_UNIT_ENTRIES) & unit_mask].entries[index % SPW_UNIT_ENTRIES];
	}
	return SPW_SLOT_NONE;
}

#endif
