/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disjoint intervals -> table. A cell is a prefix of the address space, with the starts of intervals strictly inside it
 * and the slot at its first address. A fan divides a cell into equal sub-cells and visits them in sequence:
 *
 *   1. no start inside: a leaf;
 *   2. few enough for one line: it joins the line of the sub-cells before it if it fits, else begins the next, so that
 *      lines are full however uneven the starts;
 *   3. directly below the root: lines, the smallest power of two of equal sub-cells that each fit one, unless that
 *      exceeds LINES_WASTE_BITS; saves a walk one access;
 *   4. otherwise a fan again, or (IPv6) a line that goes deeper where the starts share their next bits.
 *
 * Widths of fans are chosen by cost in bytes, as bytes are cache, and in further steps: the first ones are cheap, later
 * ones cost a mispredicted branch each. Every slow step takes at least 2 bits (IPv4) or 4, except the last before bit
 * 64 and 128, which bounds the walk.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORD_BITS = 64,
	BEYOND = 65,		/* in place of a depth: in the lower half of the address */
	SHARED_BITS_MIN = 4,	/* of a line that goes deeper */
	LINES_WASTE_BITS = 2,	/* lines below the root: log2 of lines per filled line */
	STEP_BYTES = 16,	/* what a further step is worth, per start below it */
	SLOW_STEP_BYTES = 64,	/* the same for a step that branches */
	LINE_FILL_PERCENT = 60, /* expected fill of lines to be made */
};

/* What differs between families. */
struct family {
	u32 keys; /* of a line */
	u32 key_bits;
	u32 width;	 /* of the half of an address that a walk is in */
	u32 cheap_steps; /* fans below the root that are assumed to be predicted */
	u32 slow_bits;	 /* minimum of bits per further fan, which bounds walks */
	bool deeper;	 /* lines can go on */
};

static const struct family family4 = {SPW_LINE4_KEYS, SPW_LINE4_KEY_BITS, 32, 1, 2, false};
static const struct family family6 = {SPW_LINE6_KEYS, SPW_LINE6_KEY_BITS, 64, 2, 4, true};

/* A cell and its content: starts[0..count) ascending, all above the cell's first address. */
struct cell {
	u64 first; /* of its half of the address */
	u32 taken; /* bits of its prefix, in that half */
	bool low;  /* in the lower half of the address */
	u32 slot;  /* at its first address */
	u32 level; /* fans walked so far */
	const struct spw_interval *starts;
	size_t count;
};

/* Some of the starts of a cell. */
struct interval_range {
	const struct spw_interval *starts;
	size_t count;
};

struct builder {
	const struct family *family;
	struct spw_units *units;
	int err;
};

static u32 fan_entry(u32 bits, u32 index)
{
	return SPW_ENTRY_FAN | bits << SPW_ENTRY_BITS_SHIFT | index;
}

static u32 line_entry(u32 window, u32 unit)
{
	return window << SPW_ENTRY_WINDOW_SHIFT | unit;
}

static u32 lines_entry(u32 bits, u32 unit)
{
	return SPW_ENTRY_LINES | bits << SPW_ENTRY_LINES_SHIFT | unit;
}

/* Allocate @count zeroed units; returns the number of the first, never 0, which means none. */
static u32 take_units(struct builder *builder, u32 count)
{
	struct spw_units *units = builder->units;
	u32 base = units->count ? units->count : 1;

	units->count = base + count;
	if (units->count > units->limit || units->count > SPW_ENTRY_UNIT_MASK) {
		builder->err = -E2BIG;
		return 0;
	}
	if (units->count > units->capacity) {
		u32 capacity = units->count + units->count / 2;
		union spw_unit *items = realloc(units->items, (size_t)capacity * sizeof(*items));

		if (!items) {
			builder->err = -ENOMEM;
			return 0;
		}
		units->items = items;
		units->capacity = capacity;
	}
	if (base == 1)
		memset(units->items, 0, sizeof(*units->items));
	memset(&units->items[base], 0, (size_t)count * sizeof(*units->items));
	return base;
}

/* Allocate 2^@bits entries, not across units if they fit into one; returns the index of the first. */
static u32 take_entries(struct builder *builder, u32 bits)
{
	struct spw_units *units = builder->units;
	u32 count = 1u << bits, at = (units->small_next + count - 1) & ~(count - 1);

	if (count >= SPW_UNIT_ENTRIES)
		return take_units(builder, count / SPW_UNIT_ENTRIES) * SPW_UNIT_ENTRIES;
	if (!units->small_next || at + count > units->small_end) {
		at = take_units(builder, 1) * SPW_UNIT_ENTRIES;
		units->small_end = at + SPW_UNIT_ENTRIES;
	}
	units->small_next = at + count;
	return at;
}

static u32 *ban_at(struct builder *builder, u32 index)
{
	return &builder->units->items[index / SPW_UNIT_ENTRIES].entries[index % SPW_UNIT_ENTRIES];
}

static u64 word_of(const struct cell *cell, const struct spw_interval *start)
{
	return cell->low ? start->first.lo : start->first.hi;
}

/* Bits that name a start in its half of the address. */
static u32 depth_of(const struct cell *cell, const struct spw_interval *start)
{
	if (!cell->low && start->first.lo)
		return BEYOND;
	return WORD_BITS - (u32)__builtin_ctzll(word_of(cell, start));
}

/* Number of leading bits that two words share. */
static u32 shared_bits(u64 left, u64 right)
{
	return left == right ? WORD_BITS : (u32)__builtin_clzll(left ^ right);
}

/* The @bits of @word after @taken. */
static u32 bits_of(u64 word, u32 taken, u32 bits)
{
	return bits ? (u32)(word << taken >> (WORD_BITS - bits)) : 0;
}

/* ---- lines ---- */

static void put_bits(u32 *words, u32 at, u32 value)
{
	words[at / 32] |= value << at % 32;
	if (at % 32)
		words[at / 32 + 1] |= (u32)((u64)value << at % 32 >> 32);
}

/* A line being built: the sub-cells from `first` on that were joined. */
struct line {
	u64 first;  /* address */
	u32 shared; /* bits shared by all its addresses */
	u32 depth;  /* bits that name all its keys */
	u32 unit;
	u32 count;		  /* of keys */
	u64 keys[SPW_LINE4_KEYS]; /* addresses */
	u32 slots[SPW_LINE4_KEYS + 1];
};

static void pack4(const struct line *line, u32 window, struct spw_line4 *out)
{
	for (u32 i = 0; i < SPW_LINE4_KEYS; i++) {
		u64 key = i < line->count ? line->keys[i] << window >> (WORD_BITS - SPW_LINE4_KEY_BITS)
					  : (1u << SPW_LINE4_KEY_BITS) - 1;

		out->keys[i / 4] |= key << 16 * (i % 4);
	}
	for (u32 i = 0; i <= SPW_LINE4_KEYS; i++)
		out->slots[i] = (u16)line->slots[i < line->count ? i : line->count];
}

static void pack6(const struct line *line, u32 window, u32 deep, struct spw_line6 *out)
{
	for (u32 i = 0; i < SPW_LINE6_KEYS; i++) {
		u64 key = i < line->count ? line->keys[i] << window >> (WORD_BITS - SPW_LINE6_KEY_BITS)
					  : (1u << SPW_LINE6_KEY_BITS) - 1;

		if (i < 1)
			out->keys1 = (u32)key;
		else
			out->keys[(i - 1) / 2] |= key << 32 * ((i - 1) % 2);
	}
	for (u32 i = 0; i <= SPW_LINE6_KEYS; i++)
		put_bits(out->slots, i * SPW_SLOT_BITS, line->slots[i < line->count ? i : line->count]);
	out->slots[SPW_LINE6_DEEP_WORD] |= deep << SPW_LINE6_DEEP_SHIFT;
}

static void pack_line(struct builder *builder, const struct line *line, u32 window, u32 deep)
{
	union spw_unit *unit = &builder->units->items[line->unit];

	if (builder->err)
		return;
	if (builder->family->deeper)
		pack6(line, window, deep, &unit->line6);
	else
		pack4(line, window, &unit->line4);
}

/* Placeholder of a leaf until finish_entries() knows where it is: no line has this window. */
static u32 leaf_mark(u32 slot)
{
	return line_entry(SPW_ENTRY_WINDOW_MASK, slot);
}

static bool is_leaf_mark(u32 entry)
{
	return entry >> SPW_ENTRY_WINDOW_SHIFT == SPW_ENTRY_WINDOW_MASK;
}

/* A line in which every slot is @slot. */
static u32 leaf_line(struct builder *builder, u32 slot)
{
	struct spw_units *units = builder->units;

	if (!units->leaves[slot]) {
		struct line line = {.slots = {slot}};

		line.unit = take_units(builder, 1);
		units->leaves[slot] = line.unit;
		pack_line(builder, &line, 0, 0);
	}
	return line_entry(0, units->leaves[slot]);
}

/* Replace leaf placeholders: by slots in a root, by lines in a fan. */
static void finish_entries(struct builder *builder, u32 *entries, u32 count, u32 level)
{
	for (u32 i = 0; i < count && !builder->err; i++)
		if (!(entries[i] & SPW_ENTRY_FAN) && is_leaf_mark(entries[i]))
			entries[i] = level ? leaf_line(builder, entries[i] & SPW_ENTRY_UNIT_MASK)
					   : entries[i] & SPW_ENTRY_UNIT_MASK;
}

/* What a sub-cell needs of a line. */
struct demand {
	u64 first;
	u32 bits;  /* of its prefix */
	u32 slot;  /* at its first address */
	u32 depth; /* of its deepest start */
	const struct spw_interval *starts;
	size_t count;
};

/* Whether one line can hold the keys: @shared bits before its window, @depth bits to its deepest key. */
static bool line_fits(const struct family *family, size_t count, u32 shared, u32 depth)
{
	return count <= family->keys && depth <= WORD_BITS && depth <= shared + family->key_bits;
}

static bool fits_alone(const struct family *family, const struct demand *demand)
{
	return line_fits(family, demand->count, demand->bits, demand->depth);
}

static u32 line_last_slot(const struct line *line)
{
	return line->slots[line->count];
}

/* Join the sub-cell to the line, if it fits. Only counts: add_keys() adds the keys. */
static bool join(const struct family *family, struct line *line, const struct demand *demand, u32 last_slot)
{
	u32 shared = shared_bits(line->first, demand->first), opens = last_slot != demand->slot;
	u32 depth = line->depth > demand->depth ? line->depth : demand->depth;

	if (shared > line->shared)
		shared = line->shared;
	if (depth < demand->bits && opens)
		depth = demand->bits;
	if (!line_fits(family, line->count + opens + demand->count, shared, depth))
		return false;
	line->shared = shared;
	line->depth = depth;
	return true;
}

static void begin(struct line *line, const struct demand *demand)
{
	line->first = demand->first;
	line->shared = demand->bits;
	line->depth = demand->depth;
	line->count = 0;
	line->slots[0] = demand->slot;
}

static void add_key(struct line *line, u64 key, u32 slot)
{
	line->keys[line->count] = key;
	line->slots[++line->count] = slot;
}

static void add_keys(const struct cell *cell, struct line *line, const struct demand *demand)
{
	if (line_last_slot(line) != demand->slot)
		add_key(line, demand->first, demand->slot);
	for (size_t i = 0; i < demand->count; i++)
		add_key(line, word_of(cell, &demand->starts[i]), demand->starts[i].owner);
}

/* ---- fans ---- */

/* The sub-cell of starts[*from]: its demand and index. Advances *from and *slot past it. */
static u32 next_demand(const struct cell *cell, u32 bits, size_t *from, u32 *slot, struct demand *demand)
{
	u32 below = cell->taken + bits, index = bits_of(word_of(cell, &cell->starts[*from]), cell->taken, bits), depth;
	size_t at = *from;

	demand->bits = below;
	demand->first = word_of(cell, &cell->starts[at]);
	if (below < WORD_BITS)
		demand->first = demand->first >> (WORD_BITS - below) << (WORD_BITS - below);
	demand->slot = *slot;
	demand->depth = 0;
	if (depth_of(cell, &cell->starts[at]) <= below)
		demand->slot = cell->starts[at++].owner;
	demand->starts = &cell->starts[at];
	for (; at < cell->count && bits_of(word_of(cell, &cell->starts[at]), cell->taken, bits) == index; at++) {
		depth = depth_of(cell, &cell->starts[at]);
		if (depth > demand->depth)
			demand->depth = depth;
	}
	demand->count = (size_t)(&cell->starts[at] - demand->starts);
	*from = at;
	*slot = cell->starts[at - 1].owner;
	return index;
}

static u32 log2_above(u64 value)
{
	return value < 2 ? 0 : WORD_BITS - (u32)__builtin_clzll(value - 1);
}

/* Estimated cost of starts[0..count) of a cell @level fans below the root, with @bits of prefix. */
static u64 cost_ahead(const struct family *family, const struct cell *cell, const struct interval_range *range,
		      u32 bits, u32 level)
{
	u64 lines = range->count * 100 / (family->keys * LINE_FILL_PERCENT) + 1;
	u64 shared = shared_bits(word_of(cell, range->starts), word_of(cell, &range->starts[range->count - 1]));
	u64 width = (shared > bits ? shared - bits : 0) + log2_above(lines) + 1;
	u64 step = level > family->cheap_steps ? SLOW_STEP_BYTES : STEP_BYTES;

	if (width > SPW_FAN_BITS_MAX) {
		width = SPW_FAN_BITS_MAX;
		step += SLOW_STEP_BYTES;
	}
	return lines * SPW_UNIT_BYTES + (sizeof(u32) << width) + range->count * step;
}

/* What a fan of @bits would cost, or any number above @limit. */
static u64 fan_cost(const struct family *family, const struct cell *cell, u32 bits, u64 limit)
{
	u64 cost = sizeof(u32) << bits;
	u32 slot = cell->slot, last_slot = 0;
	struct line line = {.count = 0}; /* none yet */

	for (size_t from = 0; from < cell->count && cost <= limit;) {
		struct demand demand;

		next_demand(cell, bits, &from, &slot, &demand);
		if (!demand.count)
			continue;
		if (!fits_alone(family, &demand)) {
			cost += cost_ahead(family, cell, &(struct interval_range){demand.starts, demand.count},
					   demand.bits, cell->level + 1);
			continue;
		}
		if (line.count && join(family, &line, &demand, last_slot)) {
			line.count += (u32)demand.count + (last_slot != demand.slot);
		} else {
			begin(&line, &demand);
			line.count = (u32)demand.count;
			cost += SPW_UNIT_BYTES;
		}
		last_slot = slot;
	}
	return cost;
}

static u32 choose_fan_bits(const struct family *family, const struct cell *cell, u64 *best_cost)
{
	u32 room = family->width - cell->taken, most = room < SPW_FAN_BITS_MAX ? room : SPW_FAN_BITS_MAX, best = most;
	u32 least = cell->level <= family->cheap_steps ? 1 : family->slow_bits;

	/* Do not halve uneven cells step by step. */
	if (log2_above(cell->count / family->keys) > least)
		least = log2_above(cell->count / family->keys);
	*best_cost = UINT64_MAX;
	for (u32 bits = least < most ? least : most; bits <= most; bits++) {
		u64 cost;

		if (sizeof(u32) << bits > *best_cost)
			break;
		cost = fan_cost(family, cell, bits, *best_cost);
		if (cost < *best_cost) {
			*best_cost = cost;
			best = bits;
		}
	}
	return best;
}

static u32 build_cell(struct builder *builder, const struct cell *cell);

/* Where keys begin, so that none extends past the end of the word. */
static u32 window_of(const struct family *family, u32 shared)
{
	return shared < WORD_BITS - family->key_bits ? shared : WORD_BITS - family->key_bits;
}

/* Write the line, and its window into the entries that point to it. */
static void close_line(struct builder *builder, const struct line *line, u32 *entries, u32 from, u32 to)
{
	u32 window = window_of(builder->family, line->shared);

	for (u32 i = from; i < to; i++)
		if (entries[i] == line_entry(0, line->unit))
			entries[i] = line_entry(window, line->unit);
	pack_line(builder, line, window, 0);
}

static void fill_fan(struct builder *builder, const struct cell *cell, u32 bits, u32 *entries)
{
	u32 slot = cell->slot, next = 0, line_from = 0;
	struct line line = {0};

	for (size_t from = 0; from < cell->count && !builder->err;) {
		u32 before = slot, index;
		struct demand demand;

		index = next_demand(cell, bits, &from, &slot, &demand);
		while (next < index)
			entries[next++] = leaf_mark(before);
		if (!demand.count) {
			entries[next++] = leaf_mark(demand.slot);
			continue;
		}
		if (!fits_alone(builder->family, &demand) || !cell->level) {
			struct cell sub = {.first = demand.first,
					   .taken = demand.bits,
					   .low = cell->low,
					   .slot = demand.slot,
					   .level = cell->level + 1,
					   .starts = demand.starts,
					   .count = demand.count};

			entries[next++] = build_cell(builder, &sub);
			continue;
		}
		if (!line.unit || !join(builder->family, &line, &demand, line_last_slot(&line))) {
			if (line.unit)
				close_line(builder, &line, entries, line_from, next);
			line.unit = take_units(builder, 1);
			line_from = next;
			begin(&line, &demand);
		}
		add_keys(cell, &line, &demand);
		entries[next++] = line_entry(0, line.unit);
	}
	if (line.unit)
		close_line(builder, &line, entries, line_from, next);
	while (next < 1u << bits && !builder->err)
		entries[next++] = leaf_mark(slot);
	finish_entries(builder, entries, 1u << bits, cell->level);
}

static u32 build_fan(struct builder *builder, const struct cell *cell, u32 bits)
{
	u32 base = take_entries(builder, bits), *entries = malloc(sizeof(u32) << bits);

	if (!entries)
		builder->err = -ENOMEM;
	if (!builder->err)
		fill_fan(builder, cell, bits, entries);
	if (!builder->err)
		memcpy(ban_at(builder, base), entries, sizeof(u32) << bits);
	free(entries);
	return fan_entry(bits, base);
}

/* ---- lines that go deeper ---- */

/* A cell as one line; its starts [from, to) are in a deeper part, or on that part's first address. */
struct deep_plan {
	size_t from;
	size_t to;
	u64 first;   /* of the deeper part */
	u32 bits;    /* of its prefix */
	bool opens;  /* needs a key for its start */
	bool closes; /* needs a key for its end */
	u64 next;    /* first address after it, if closes */
};

/* What no key can name must go deeper; if there is no such start, everything. */
static bool find_deep(const struct family *family, const struct cell *cell, struct deep_plan *plan)
{
	u32 window_end = cell->taken + family->key_bits;
	size_t low = 0, high = cell->count;

	while (low < high && depth_of(cell, &cell->starts[low]) <= window_end)
		low++;
	if (low == cell->count)
		low = 0;
	else
		while (depth_of(cell, &cell->starts[high - 1]) <= window_end)
			high--;
	plan->from = low;
	plan->to = high;
	plan->bits = shared_bits(word_of(cell, &cell->starts[low]), word_of(cell, &cell->starts[high - 1]));
	if (plan->bits > window_end)
		plan->bits = window_end;
	return plan->bits == WORD_BITS || plan->bits >= cell->taken + SHARED_BITS_MIN;
}

/* Whether the cell can be one line with a part that goes deeper. */
static bool plan_deep(const struct family *family, const struct cell *cell, struct deep_plan *plan)
{
	u64 last;

	if (!family->deeper || cell->taken == WORD_BITS || !find_deep(family, cell, plan))
		return false;
	plan->first = word_of(cell, &cell->starts[plan->from]);
	last = plan->first;
	if (plan->bits < WORD_BITS) {
		plan->first = plan->first >> (WORD_BITS - plan->bits) << (WORD_BITS - plan->bits);
		last = plan->first | UINT64_MAX >> plan->bits;
	}
	/* All starts in the deeper part go there, even those that a key could name. */
	while (plan->from && word_of(cell, &cell->starts[plan->from - 1]) >= plan->first)
		plan->from--;
	while (plan->to < cell->count && word_of(cell, &cell->starts[plan->to]) <= last)
		plan->to++;
	plan->opens = plan->first != cell->first;
	plan->next = last + 1;
	plan->closes = last != (cell->first | (cell->taken ? UINT64_MAX >> cell->taken : UINT64_MAX)) &&
		       !(plan->to < cell->count && word_of(cell, &cell->starts[plan->to]) == plan->next &&
			 depth_of(cell, &cell->starts[plan->to]) != BEYOND);
	return plan->from + (cell->count - plan->to) + plan->opens + plan->closes <= family->keys;
}

/* The deeper part and where it begins: two entries. */
static u32 build_deeper(struct builder *builder, const struct cell *cell, const struct deep_plan *plan)
{
	struct cell part = {
		.first = plan->first,
		.taken = plan->bits,
		.low = cell->low,
		.slot = plan->from ? cell->starts[plan->from - 1].owner : cell->slot,
		.level = builder->family->cheap_steps + 1,
	};
	u32 record = take_entries(builder, 1), entry;
	size_t from = plan->from;

	if (part.taken == WORD_BITS)
		part.first = 0, part.taken = 0, part.low = true;
	if (from < plan->to && word_of(&part, &cell->starts[from]) == part.first &&
	    (part.low || !cell->starts[from].first.lo))
		part.slot = cell->starts[from++].owner;
	part.starts = &cell->starts[from];
	part.count = plan->to - from;
	entry = build_cell(builder, &part);
	if (!builder->err) {
		*ban_at(builder, record) = part.taken | (part.low ? SPW_DEEP_LOW : 0);
		*ban_at(builder, record + 1) = entry;
	}
	return record;
}

static u32 build_deep_line(struct builder *builder, const struct cell *cell, const struct deep_plan *plan)
{
	u32 window = window_of(builder->family, cell->taken), deep;
	struct line line = {.slots = {cell->slot}};

	line.unit = take_units(builder, 1);
	deep = build_deeper(builder, cell, plan);
	for (size_t i = 0; i < plan->from; i++)
		add_key(&line, word_of(cell, &cell->starts[i]), cell->starts[i].owner);
	if (plan->opens)
		add_key(&line, plan->first, SPW_SLOT_DEEP);
	else
		line.slots[line.count] = SPW_SLOT_DEEP;
	if (plan->closes)
		add_key(&line, plan->next, cell->starts[plan->to - 1].owner);
	for (size_t i = plan->to; i < cell->count; i++)
		add_key(&line, word_of(cell, &cell->starts[i]), cell->starts[i].owner);
	pack_line(builder, &line, window, deep);
	return line_entry(window, line.unit);
}

/* The upper half is used up: a line that only says so. */
static u32 build_crossing(struct builder *builder, const struct cell *cell)
{
	struct line line = {.slots = {SPW_SLOT_DEEP}};
	struct deep_plan plan = {.to = cell->count, .first = cell->first, .bits = WORD_BITS};
	u32 deep;

	line.unit = take_units(builder, 1);
	deep = build_deeper(builder, cell, &plan);
	pack_line(builder, &line, 0, deep);
	return line_entry(0, line.unit);
}

/* ---- cells ---- */

static u32 build_line(struct builder *builder, const struct cell *cell, const struct demand *demand)
{
	u32 window = window_of(builder->family, cell->taken);
	struct line line;

	begin(&line, demand);
	add_keys(cell, &line, demand);
	line.unit = take_units(builder, 1);
	pack_line(builder, &line, window, 0);
	return line_entry(window, line.unit);
}

/* The smallest number of bits that divides the cell into lines; more than @most: none. */
static u32 choose_lines_bits(const struct family *family, const struct cell *cell, u32 most)
{
	for (u32 bits = 0; bits <= most; bits++) {
		u32 slot = cell->slot;
		size_t from = 0;
		bool fits = true;

		while (from < cell->count && fits) {
			struct demand demand;

			next_demand(cell, bits, &from, &slot, &demand);
			fits = fits_alone(family, &demand);
		}
		if (fits)
			return bits;
	}
	return most + 1;
}

static u32 build_lines(struct builder *builder, const struct cell *cell, u32 bits)
{
	u32 base = take_units(builder, 1u << bits), slot = cell->slot, next = 0;
	struct line line;

	for (size_t from = 0; next < 1u << bits && !builder->err; next++) {
		struct demand demand = {.slot = slot, .bits = cell->taken + bits};

		if (from < cell->count && bits_of(word_of(cell, &cell->starts[from]), cell->taken, bits) == next)
			next_demand(cell, bits, &from, &slot, &demand);
		begin(&line, &demand);
		add_keys(cell, &line, &demand);
		line.unit = base + next;
		pack_line(builder, &line, demand.bits, 0);
	}
	return lines_entry(bits, base);
}

static u32 build_cell(struct builder *builder, const struct cell *cell)
{
	const struct family *family = builder->family;
	struct demand demand = {.first = cell->first,
				.bits = cell->taken,
				.slot = cell->slot,
				.starts = cell->starts,
				.count = cell->count};
	struct deep_plan plan;
	u64 cost;
	u32 bits;

	if (builder->err)
		return 0;
	if (!cell->count)
		return leaf_line(builder, cell->slot);
	if (!cell->low && cell->taken == WORD_BITS)
		return build_crossing(builder, cell);
	for (size_t i = 0; i < cell->count; i++)
		if (depth_of(cell, &cell->starts[i]) > demand.depth)
			demand.depth = depth_of(cell, &cell->starts[i]);
	if (cell->level == 1) {
		u32 most = log2_above(cell->count / family->keys + 1) + LINES_WASTE_BITS;

		bits = choose_lines_bits(family, cell, most);
		if (bits <= most)
			return build_lines(builder, cell, bits);
	}
	if (fits_alone(family, &demand))
		return build_line(builder, cell, &demand);
	bits = choose_fan_bits(family, cell, &cost);
	if (plan_deep(family, cell, &plan) &&
	    cost_ahead(family, cell, &(struct interval_range){cell->starts + plan.from, plan.to - plan.from}, plan.bits,
		       family->cheap_steps + 1) +
			    SPW_UNIT_BYTES <=
		    cost)
		/* In a root this is the only way to name a line. */
		return cell->level == 1 ? lines_entry(0, build_deep_line(builder, cell, &plan) & SPW_ENTRY_UNIT_MASK)
					: build_deep_line(builder, cell, &plan);
	return build_fan(builder, cell, bits);
}

static int build(const struct family *family, const struct spw_intervals *intervals, struct spw_units *units, u32 *root)
{
	struct builder builder = {.family = family, .units = units};
	struct cell all = {
		.slot = intervals->items[0].owner, .starts = intervals->items + 1, .count = intervals->count - 1};

	memset(units->leaves, 0, sizeof(units->leaves));
	fill_fan(&builder, &all, SPW_ROOT_BITS, root);
	return builder.err;
}

int spw_table_build4(const struct spw_intervals *intervals, struct spw_units *units, u32 *root)
{
	return build(&family4, intervals, units, root);
}

int spw_table_build6(const struct spw_intervals *intervals, struct spw_units *units, u32 *root)
{
	return build(&family6, intervals, units, root);
}
