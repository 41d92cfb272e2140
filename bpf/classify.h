/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source address -> slot: the walk through the table that maps/ruleset.h describes. Pure: the datapath, the unit tests
 * and `check` run the same code.
 *
 * After Asai & Ohara, "Poptrie", SIGCOMM 2015 (direct first bits, then strides), with sorted cache lines instead of
 * bitmaps; docs/architecture.md has the measurements. BPF has no popcount and no conditional move, so all keys of a
 * line are compared at once, in lanes of 64-bit words, without a branch.
 */
#ifndef SPW_BPF_CLASSIFY_H
#define SPW_BPF_CLASSIFY_H

#include "maps/ruleset.h"

/* A lane's guard bit stays set where the address is at or above the key. */
#define SPW_LANES4 0x0001000100010001ULL
#define SPW_GUARD4 0x8000800080008000ULL
#define SPW_LANES6 0x0000000100000001ULL
#define SPW_GUARD6 0x8000000080000000ULL

/* The number of keys at or below the top 15 bits of @rest. */
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

/* The number of keys at or below the top 31 bits of @rest. */
SPW_INLINE u32 spw_line6_rank(const struct spw_line6 *line, u64 rest)
{
	u64 lanes = (rest >> (64 - SPW_LINE6_KEY_BITS)) * SPW_LANES6 | SPW_GUARD6;
	u64 below, more;

	below = ((lanes - line->keys1) & (SPW_GUARD6 >> 32)) >> 31;
	more = ((lanes - line->keys[0]) & SPW_GUARD6) >> 31;
	below += ((lanes - line->keys[1]) & SPW_GUARD6) >> 31;
	more += ((lanes - line->keys[2]) & SPW_GUARD6) >> 31;
	below += ((lanes - line->keys[3]) & SPW_GUARD6) >> 31;
	more += ((lanes - line->keys[4]) & SPW_GUARD6) >> 31;
	below += more;
	return (u32)(below * SPW_LANES6 >> 32);
}

/* The slot at index @rank (0 to SPW_LINE6_KEYS). */
SPW_INLINE u32 spw_line6_slot(const struct spw_line6 *line, u32 rank)
{
	u32 bit = rank * SPW_SLOT_BITS;

	return SPW_LOAD(u32, (const u8 *)line->slots + (bit >> 3 & 15)) >> (bit & 7) & ((1u << SPW_SLOT_BITS) - 1);
}

/* The next @bits (0 to 15) of @rest. */
SPW_INLINE u32 spw_next_bits(u64 rest, u32 bits)
{
	return (u32)((rest >> 1) >> (63 - bits));
}

SPW_INLINE bool spw_is_fan(u32 entry)
{
	return entry & SPW_ENTRY_FAN;
}

SPW_INLINE u32 spw_entry_bits(u32 entry)
{
	return entry >> SPW_ENTRY_BITS_SHIFT & SPW_ENTRY_BITS_MASK;
}

SPW_INLINE u32 spw_entry_at(const struct spw_ruleset *ruleset, u32 unit_mask, u32 index)
{
	const u32 *entries = ruleset->units[0].entries;

	return entries[index & (unit_mask * SPW_UNIT_ENTRIES + SPW_UNIT_ENTRIES - 1)];
}

/* The entry of @fan that @rest selects. */
SPW_INLINE u32 spw_step(const struct spw_ruleset *ruleset, u32 unit_mask, u32 fan, u64 *rest)
{
	u32 bits = spw_entry_bits(fan), index = (fan & SPW_ENTRY_INDEX_MASK) + spw_next_bits(*rest, bits);

	*rest <<= bits;
	return spw_entry_at(ruleset, unit_mask, index);
}

/* The line of @entry. A single pointer, so that words are loads at small constant offsets. */
SPW_INLINE const union spw_unit *spw_entry_line(const struct spw_ruleset *ruleset, u32 unit_mask, u32 entry)
{
	const union spw_unit *line = &ruleset->units[entry & SPW_ENTRY_UNIT_MASK & unit_mask];

	SPW_OPAQUE(line);
	return line;
}

SPW_INLINE u32 spw_entry_window(u32 entry)
{
	return entry >> SPW_ENTRY_WINDOW_SHIFT & SPW_ENTRY_WINDOW_MASK;
}

/* A root entry that is no leaf: LINES becomes the line that @rest selects. */
SPW_INLINE u32 spw_choose_line(u32 entry, u64 rest)
{
	u32 bits = entry >> SPW_ENTRY_LINES_SHIFT & SPW_ENTRY_BITS_MASK;

	if (spw_is_fan(entry))
		return entry;
	return ((entry & SPW_ENTRY_LINES_MASK) + spw_next_bits(rest, bits)) | (SPW_ROOT_BITS + bits)
										      << SPW_ENTRY_WINDOW_SHIFT;
}

/**
 * spw_find4() - the slot of an IPv4 source.
 * @unit_mask: capacity of @ruleset in units, less one
 * @source: left aligned
 *
 * A table that does not end within SPW_WALK4_MAX steps is damaged: the last entry is read as a line, and the caller's
 * bounds catch an invalid slot.
 */
SPW_INLINE u32 spw_find4(const struct spw_ruleset *ruleset, u32 unit_mask, u64 source)
{
	u32 entry = ruleset->root4[source >> (64 - SPW_ROOT_BITS)];
	u64 rest = source << SPW_ROOT_BITS;
	const struct spw_line4 *line;

	if (entry < SPW_ENTRY_LINES)
		return entry;
	entry = spw_choose_line(entry, rest);
	for (u32 step = 0; step < SPW_WALK4_MAX && spw_is_fan(entry); step++)
		entry = spw_step(ruleset, unit_mask, entry, &rest);
	line = &spw_entry_line(ruleset, unit_mask, entry)->line4;
	return line->slots[spw_line4_rank(line, source << spw_entry_window(entry))];
}

/* The half of the address to continue in: @half, or @source_lo if @position says so. Branch-free. */
SPW_INLINE u64 spw_half(u64 half, u64 source_lo, u32 position)
{
	u64 low = position / SPW_DEEP_LOW & 1;

	/* Otherwise compiler and verifier turn it into a branch again, and the verifier walks the rest twice. */
	SPW_OPAQUE(low);
	return half ^ ((half ^ source_lo) & (0 - low));
}

/** spw_find6() - the slot of an IPv6 source; see spw_find4(). */
SPW_INLINE u32 spw_find6(const struct spw_ruleset *ruleset, u32 unit_mask, u64 source_hi, u64 source_lo)
{
	u32 entry = ruleset->root6[source_hi >> (64 - SPW_ROOT_BITS)], slot, deep;
	u64 rest = source_hi << SPW_ROOT_BITS, half = source_hi;
	const struct spw_line6 *line;

	if (entry < SPW_ENTRY_LINES)
		return entry;
	entry = spw_choose_line(entry, rest);
	for (u32 step = 0; step < SPW_WALK6_MAX; step++) {
		if (spw_is_fan(entry)) {
			entry = spw_step(ruleset, unit_mask, entry, &rest);
			continue;
		}
		line = &spw_entry_line(ruleset, unit_mask, entry)->line6;
		slot = spw_line6_slot(line, spw_line6_rank(line, half << spw_entry_window(entry)));
		if (slot != SPW_SLOT_DEEP)
			return slot;
		deep = line->slots[SPW_LINE6_DEEP_WORD] >> SPW_LINE6_DEEP_SHIFT;
		entry = spw_entry_at(ruleset, unit_mask, deep);
		half = spw_half(half, source_lo, entry);
		rest = half << (entry & 63);
		entry = spw_entry_at(ruleset, unit_mask, deep + 1);
	}
	return SPW_SLOT_NONE;
}

#endif
