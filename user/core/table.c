/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disjoint intervals -> table. A cell is a prefix of the address space with the starts of intervals that lie strictly
 * inside it and the slot that holds at its first address. For every cell the builder picks the first that serves:
 *
 *   1. no start inside: a leaf;
 *   2. lines: the smallest power of two of equal sub-cells that each fit one line, unless that wastes more than
 *      LINE_WASTE lines for each one that the starts would fill: then a walk ends one cache miss further on;
 *   3. IPv6 only: if all starts share 4 further bits or more, one line that goes deeper there (path compression);
 *   4. a fan, of the width that costs least in steps ahead and in memory.
 *
 * Every step of a walk takes 4 bits at least, but for the last before bit 64 and 128, which bounds it (SPW_WALK6_MAX).
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_WASTE = 8,	    /* lines that may stand for each that is filled */
	FAN_ENTRY_COST = 4, /* of an entry of a fan, in sixteenths of a step of one start */
	FAN_BITS_MIN = 4,   /* a fan of 16 entries is one unit */
	FAN_BITS_MAX = SPW_FAN_BITS_MAX,
	SHARED_BITS_MIN = 4,
};

/* Where a family differs. */
struct family {
	u32 keys;     /* of a line */
	u32 key_bits;
	u32 width;    /* of an address */
	bool deeper;  /* lines can go on */
};

static const struct family family4 = {SPW_LINE4_KEYS, SPW_LINE4_KEY_BITS, 32, false};
static const struct family family6 = {SPW_LINE6_KEYS, SPW_LINE6_KEY_BITS, 128, true};

/* A cell and what lies inside: starts[0..count) ascending, all above the cell's first address. */
struct cell {
	struct spw_addr first;
	u32 taken; /* bits of its prefix */
	u32 slot;  /* at its first address */
	const struct spw_interval *starts;
	size_t count;
};

struct builder {
	const struct family *family;
	struct spw_units *units;
	int err;
};

static u32 make_entry(u32 kind, u32 bits, u32 base)
{
	return kind << SPW_ENTRY_KIND_SHIFT | bits << SPW_ENTRY_BITS_SHIFT | base;
}

/* Room for @count units, zeroed; the number of the first. */
static u32 take_units(struct builder *builder, u32 count)
{
	struct spw_units *units = builder->units;
	u32 base = units->count;

	units->count += count;
	if (units->count > units->limit || units->count > SPW_ENTRY_BASE_MASK) {
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
	memset(&units->items[base], 0, (size_t)count * sizeof(*units->items));
	return base;
}

/* The bits of @addr from @taken on, left aligned; a walk sees no further than its half of the address. */
static u64 rest_of(const struct spw_addr *addr, u32 taken)
{
	return taken < 64 ? addr->hi << taken : taken < 128 ? addr->lo << (taken - 64) : 0;
}

/* The @bits of @addr behind @taken. */
static u64 first_bits(const struct spw_addr *addr, u32 taken, u32 bits)
{
	return rest_of(addr, taken) >> (64 - bits);
}

static u32 half_end(const struct family *family, u32 taken)
{
	return family->width == 32 ? 32 : taken < 64 ? 64 : 128;
}

/* @addr with @value added at bit position @bit (from the left). */
static struct spw_addr step_at(struct spw_addr addr, u32 bit, u64 value)
{
	if (bit <= 64) {
		addr.hi += bit == 64 ? value : value << (64 - bit);
	} else {
		u64 low = bit == 128 ? value : value << (128 - bit);

		addr.lo += low;
		addr.hi += addr.lo < low;
	}
	return addr;
}

/*
 * The @index-th of the 2^@bits sub-cells of @cell. @from: where in cell->starts to look; moved on. Sub-cells are to be
 * asked for in order.
 */
static struct cell sub_cell(const struct cell *cell, u32 bits, u32 index, size_t *from, u32 *slot)
{
	struct cell sub = {
		.first = step_at(cell->first, cell->taken + bits, index),
		.taken = cell->taken + bits,
	};
	size_t at = *from, end;

	if (at < cell->count && !spw_addr_compare(&cell->starts[at].first, &sub.first))
		*slot = cell->starts[at++].owner;
	sub.slot = *slot;
	sub.starts = &cell->starts[at];
	if (index + 1 == 1u << bits) {
		end = cell->count;
	} else {
		struct spw_addr next = step_at(cell->first, cell->taken + bits, (u64)index + 1);

		for (end = at; end < cell->count && spw_addr_compare(&cell->starts[end].first, &next) < 0;)
			end++;
	}
	sub.count = end - at;
	if (sub.count)
		*slot = cell->starts[end - 1].owner;
	*from = end;
	return sub;
}

/* How many bits behind @taken the two share, at most up to the end of the half. */
static u32 shared_bits(const struct family *family, u32 taken, const struct spw_addr *left,
		       const struct spw_addr *right)
{
	u64 differ = rest_of(left, taken) ^ rest_of(right, taken);
	u32 room = half_end(family, taken) - taken;
	u32 shared = 0;

	while (shared < room && !(differ >> 63)) {
		differ <<= 1;
		shared++;
	}
	return shared;
}

/* How a cell goes into one line: starts before and behind the part that goes deeper, if one does. */
struct line_plan {
	u32 keys;
	u32 deep_bits;	 /* 0: nothing goes deeper */
	size_t deep_from; /* starts [deep_from, deep_to) lie in the deeper part, or on its first address */
	size_t deep_to;
	bool opens; /* the deeper part needs a key for its begin */
	bool closes; /* and one for its end */
};

/* Whether a key can name the start exactly. */
static bool fits_window(const struct family *family, u32 taken, const struct spw_addr *start)
{
	u32 end = taken + family->key_bits;

	if (end < 64)
		return !(start->hi << end) && !start->lo;
	if (taken < 64)
		return !start->lo;
	return end >= 128 || !(start->lo << (end - 64));
}

static struct spw_addr deep_first(const struct cell *cell, const struct line_plan *plan)
{
	struct spw_addr first = cell->starts[plan->deep_from].first;
	u32 taken = cell->taken + plan->deep_bits;

	if (taken < 64)
		first = (struct spw_addr){first.hi >> (64 - taken) << (64 - taken), 0};
	else if (taken == 64)
		first.lo = 0;
	else if (taken < 128)
		first.lo = first.lo >> (128 - taken) << (128 - taken);
	return first;
}

/* Are the starts few enough for one line, and can keys name them all? */
static bool plan_flat_line(const struct family *family, const struct cell *cell, struct line_plan *plan)
{
	*plan = (struct line_plan){.keys = (u32)cell->count};
	if (cell->count > family->keys)
		return false;
	for (size_t i = 0; i < cell->count; i++)
		if (!fits_window(family, cell->taken, &cell->starts[i].first))
			return false;
	return true;
}

/* Can it be one line if starts [low, high), and whatever else lies in the prefix that they share, go deeper? */
static bool plan_deep_line(const struct family *family, const struct cell *cell, size_t low, size_t high,
			   struct line_plan *plan)
{
	u32 shared = shared_bits(family, cell->taken, &cell->starts[low].first, &cell->starts[high - 1].first);
	struct spw_addr first, next;

	*plan = (struct line_plan){.deep_from = low, .deep_to = high};
	plan->deep_bits = shared > family->key_bits ? family->key_bits : shared;
	if (cell->taken + plan->deep_bits > half_end(family, cell->taken))
		plan->deep_bits = half_end(family, cell->taken) - cell->taken;
	if (plan->deep_bits < SHARED_BITS_MIN && cell->taken + plan->deep_bits < half_end(family, cell->taken))
		return false;
	if (!plan->deep_bits)
		return false;
	first = deep_first(cell, plan);
	next = step_at(first, cell->taken + plan->deep_bits, 1);
	/* Everything in the deeper part goes there, also what a key could have named. */
	while (plan->deep_from && spw_addr_compare(&cell->starts[plan->deep_from - 1].first, &first) >= 0)
		plan->deep_from--;
	while (plan->deep_to < cell->count && (spw_addr_compare(&next, &first) <= 0 ||
	       spw_addr_compare(&cell->starts[plan->deep_to].first, &next) < 0))
		plan->deep_to++;
	plan->opens = spw_addr_compare(&first, &cell->first) != 0;
	plan->closes = rest_of(&first, cell->taken) >> (64 - plan->deep_bits) != (1ULL << plan->deep_bits) - 1 &&
		       !(plan->deep_to < cell->count && !spw_addr_compare(&cell->starts[plan->deep_to].first, &next));
	plan->keys = (u32)plan->deep_from + (u32)(cell->count - plan->deep_to) + plan->opens + plan->closes;
	return cell->count - (plan->deep_to - plan->deep_from) <= family->keys && plan->keys <= family->keys;
}

/* The one question: does the cell fit one line, and how? */
static bool fits_line(const struct family *family, const struct cell *cell, struct line_plan *plan)
{
	size_t low, high;

	if (plan_flat_line(family, cell, plan))
		return true;
	if (!family->deeper || cell->taken >= 128)
		return false;
	for (low = 0; low < cell->count && fits_window(family, cell->taken, &cell->starts[low].first);)
		if (++low > family->keys)
			return false;
	if (low == cell->count)
		return false;
	for (high = cell->count; fits_window(family, cell->taken, &cell->starts[high - 1].first); high--)
		if (cell->count - high > family->keys)
			return false;
	return plan_deep_line(family, cell, low, high, plan);
}

/* A line being written: its keys so far. */
struct line_writer {
	u64 keys[SPW_UNIT_ENTRIES];
	u32 slots[SPW_UNIT_ENTRIES];
	u32 count;
};

static void add_key(const struct family *family, struct line_writer *line, u32 taken, const struct spw_addr *start,
		    u32 slot)
{
	line->keys[line->count] = rest_of(start, taken) >> (64 - family->key_bits);
	line->slots[++line->count] = slot;
}

static void pack_line(const struct family *family, const struct line_writer *line, u32 deep, union spw_unit *unit)
{
	u32 lane_bits = family->key_bits + 1, lanes = 64 / lane_bits;
	u64 *words = family->width == 32 ? unit->line4.keys : unit->line6.keys;
	u16 *slots = family->width == 32 ? unit->line4.slots : unit->line6.slots;

	for (u32 i = 0; i < family->keys; i++) {
		u64 key = i < line->count ? line->keys[i] : (1ULL << family->key_bits) - 1;

		words[i / lanes] |= key << i % lanes * lane_bits;
	}
	for (u32 i = 0; i <= family->keys; i++)
		slots[i] = (u16)line->slots[i < line->count ? i : line->count];
	if (family->width != 32)
		unit->line6.deep = deep;
}

static u32 build_cell(struct builder *builder, const struct cell *cell);

/* The part of @cell that its line leaves to a deeper entry. */
static u32 build_deeper(struct builder *builder, const struct cell *cell, const struct line_plan *plan)
{
	struct cell part = {
		.first = deep_first(cell, plan),
		.taken = cell->taken + plan->deep_bits,
		.slot = plan->deep_from ? cell->starts[plan->deep_from - 1].owner : cell->slot,
	};
	size_t from = plan->deep_from;

	if (from < plan->deep_to && !spw_addr_compare(&cell->starts[from].first, &part.first))
		part.slot = cell->starts[from++].owner;
	part.starts = &cell->starts[from];
	part.count = plan->deep_to - from;
	return build_cell(builder, &part);
}

static void build_line(struct builder *builder, const struct cell *cell, const struct line_plan *plan, u32 unit)
{
	const struct family *family = builder->family;
	struct line_writer line = {.slots = {cell->slot}};
	u32 deep = 0;

	if (plan->deep_bits)
		deep = build_deeper(builder, cell, plan);
	if (builder->err)
		return;
	for (size_t i = 0; i < cell->count; i++) {
		if (plan->deep_bits && i == plan->deep_from) {
			struct spw_addr first = deep_first(cell, plan);
			struct spw_addr next = step_at(first, cell->taken + plan->deep_bits, 1);

			if (plan->opens)
				add_key(family, &line, cell->taken, &first, SPW_SLOT_DEEP + plan->deep_bits);
			else
				line.slots[0] = SPW_SLOT_DEEP + plan->deep_bits;
			if (plan->closes)
				add_key(family, &line, cell->taken, &next, cell->starts[plan->deep_to - 1].owner);
			i = plan->deep_to;
			if (i >= cell->count)
				break;
		}
		add_key(family, &line, cell->taken, &cell->starts[i].first, cell->starts[i].owner);
	}
	pack_line(family, &line, deep, &builder->units->items[unit]);
}

/* The smallest number of bits by which the cell falls into lines; more than SPW_FAN_BITS_MAX: none that is worth it. */
static u32 choose_line_bits(const struct family *family, const struct cell *cell)
{
	u32 room = half_end(family, cell->taken) - cell->taken;
	size_t enough = (cell->count + family->keys - 1) / family->keys * LINE_WASTE;

	for (u32 bits = 0; bits <= room && bits <= SPW_FAN_BITS_MAX; bits++) {
		size_t from = 0;
		u32 slot = cell->slot, index;
		struct line_plan plan;

		if ((1u << bits) > enough)
			break;
		for (index = 0; index < 1u << bits; index++) {
			struct cell sub = sub_cell(cell, bits, index, &from, &slot);

			if (!fits_line(family, &sub, &plan))
				break;
		}
		if (index == 1u << bits)
			return bits;
	}
	return SPW_FAN_BITS_MAX + 1;
}

static u32 build_lines(struct builder *builder, const struct cell *cell, u32 bits)
{
	u32 base = take_units(builder, 1u << bits), slot = cell->slot;
	size_t from = 0;

	for (u32 index = 0; index < 1u << bits && !builder->err; index++) {
		struct cell sub = sub_cell(cell, bits, index, &from, &slot);
		struct line_plan plan;

		fits_line(builder->family, &sub, &plan);
		build_line(builder, &sub, &plan, base + index);
	}
	return make_entry(SPW_ENTRY_LINES, bits, base);
}

/* How many steps more a cell with @count starts may take, in sixteenths: one line, or fans that divide by some 64. */
static u32 steps_ahead(size_t count, u32 keys)
{
	u32 steps = 16;

	if (!count)
		return 4; /* a leaf: no further access */
	for (; count > keys; count /= 2)
		steps += 16 / 4;
	return steps;
}

/* What a fan of @bits would cost: steps ahead of every start, and memory, which is cache that others do not get. */
static u64 fan_cost(const struct family *family, const struct cell *cell, u32 bits)
{
	u64 cost = ((u64)FAN_ENTRY_COST << bits);
	size_t from = 0;

	while (from < cell->count) {
		u64 index = first_bits(&cell->starts[from].first, cell->taken, bits);
		size_t to = from + 1;

		while (to < cell->count && first_bits(&cell->starts[to].first, cell->taken, bits) == index)
			to++;
		cost += (u64)(to - from) * steps_ahead(to - from, family->keys);
		from = to;
	}
	return cost;
}

static u32 choose_fan_bits(const struct family *family, const struct cell *cell)
{
	u32 room = half_end(family, cell->taken) - cell->taken, best = 0;
	u64 best_cost = UINT64_MAX;

	for (u32 bits = FAN_BITS_MIN; bits <= FAN_BITS_MAX && bits <= room; bits++) {
		u64 cost = fan_cost(family, cell, bits);

		if (cost < best_cost) {
			best_cost = cost;
			best = bits;
		}
		if (cell->count >> bits == 0 && bits > 8)
			break;
	}
	return best ? best : room;
}

static u32 build_fan(struct builder *builder, const struct cell *cell)
{
	u32 bits = choose_fan_bits(builder->family, cell), base, slot = cell->slot;
	size_t from = 0;

	base = take_units(builder, ((1u << bits) + SPW_UNIT_ENTRIES - 1) / SPW_UNIT_ENTRIES);
	for (u32 index = 0; index < 1u << bits && !builder->err; index++) {
		struct cell sub = sub_cell(cell, bits, index, &from, &slot);
		u32 entry = build_cell(builder, &sub);

		if (!builder->err)
			builder->units->items[base + index / SPW_UNIT_ENTRIES].entries[index % SPW_UNIT_ENTRIES] = entry;
	}
	return make_entry(SPW_ENTRY_FAN, bits, base);
}

static u32 build_cell(struct builder *builder, const struct cell *cell)
{
	const struct family *family = builder->family;
	struct line_plan plan;
	u32 bits;

	if (builder->err)
		return 0;
	if (!cell->count)
		return make_entry(SPW_ENTRY_LEAF, 0, cell->slot);
	bits = choose_line_bits(family, cell);
	if (bits <= SPW_FAN_BITS_MAX)
		return build_lines(builder, cell, bits);
	if (family->deeper && plan_deep_line(family, cell, 0, cell->count, &plan)) {
		u32 base = take_units(builder, 1);

		if (!builder->err)
			build_line(builder, cell, &plan, base);
		return make_entry(SPW_ENTRY_LINES, 0, base);
	}
	return build_fan(builder, cell);
}

static int build(const struct family *family, const struct spw_intervals *intervals, struct spw_units *units, u32 *root)
{
	struct builder builder = {.family = family, .units = units};
	struct cell all = {.slot = intervals->items[0].owner, .starts = intervals->items + 1, .count = intervals->count - 1};
	u32 slot = all.slot;
	size_t from = 0;

	for (u32 index = 0; index < 1u << SPW_ROOT_BITS; index++) {
		struct cell sub = sub_cell(&all, SPW_ROOT_BITS, index, &from, &slot);

		root[index] = build_cell(&builder, &sub);
	}
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
