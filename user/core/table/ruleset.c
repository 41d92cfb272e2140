/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists, classes and ports -> ruleset image, in these steps:
 *
 *   1. spans      every prefix of every list, by family; owner numbers say who wins among equals
 *   2. conflicts  two classes that name the same prefix: refused
 *   3. intervals  the most specific span wins (intervals.c)
 *   4. slots      list and "is management": one leaf for both, at no cost to the datapath
 *   5. table      intervals to units (table.c)
 *   6. image      laid out as the datapath reads it
 */
#include "ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "intervals.h"
#include "table.h"

#define UNITS_MIN (1u << 15)

#define LOCALS_UNITS	(u32)(sizeof(struct spw_locals) / sizeof(union spw_unit))
#define BALANCERS_UNITS (u32)(sizeof(struct spw_balancers) / sizeof(union spw_unit))

/* Owner numbers: by tier, then by list index. */
#define TIER_SHIFT 16
#define LIST_MASK  ((1u << TIER_SHIFT) - 1)

struct family_spans {
	struct spw_span *items;
	size_t count;
};

struct compiler {
	const struct spw_ruleset_source *source;
	struct spw_ruleset_error *error;
	struct spw_slot slots[SPW_SLOTS_MAX];
	u32 slots_count;
	u16 plain[SPW_LISTS_MAX + 1];	   /* list index + 1 (0: no list) -> slot; 0: not made yet */
	u16 management[SPW_LISTS_MAX + 1]; /* the same for management sources */
	u16 list_slots[SPW_LISTS_MAX][2];
	struct spw_units units;
};

/* Bytes of an image for @units. */
static size_t image_bytes(u32 units)
{
	return sizeof(struct spw_ruleset) + (size_t)units * sizeof(union spw_unit);
}

static int fail(struct compiler *compiler, int kind, int err)
{
	compiler->error->kind = kind;
	return err;
}

/* Step 1. Returns 0 or -ENOMEM. */
static int collect(const struct spw_ruleset_source *source, u8 family, struct family_spans *spans)
{
	size_t count = 0;

	for (size_t i = 0; i < source->lists_count; i++)
		for (size_t j = 0; j < source->lists[i].count; j++)
			count += source->lists[i].entries[j].prefix.family == family;
	spans->count = 0;
	spans->items = malloc((count ? count : 1) * sizeof(*spans->items));
	if (!spans->items)
		return -ENOMEM;
	for (size_t i = 0; i < source->lists_count; i++) {
		const struct spw_ruleset_list *list = &source->lists[i];
		u32 owner = (u32)i | (u32)list->tier << TIER_SHIFT;

		for (size_t j = 0; j < list->count; j++) {
			const struct spw_prefix *prefix = &list->entries[j].prefix;

			if (prefix->family == family)
				spans->items[spans->count++] = (struct spw_span){prefix->addr, owner, prefix->len};
		}
	}
	return 0;
}

static bool same_prefix(const struct spw_span *span, u8 family, const struct spw_prefix *prefix)
{
	return prefix->family == family && prefix->len == span->len && !spw_addr_compare(&prefix->addr, &span->first);
}

/* The list entry that a span came from; only for messages. */
static size_t find_entry(const struct compiler *compiler, u8 family, const struct spw_span *span)
{
	const struct spw_ruleset_list *list = &compiler->source->lists[span->owner & LIST_MASK];
	size_t i = 0;

	while (i + 1 < list->count && !same_prefix(span, family, &list->entries[i].prefix))
		i++;
	return i;
}

static void note_overlap(const struct spw_span *first, const struct spw_span *second, u8 family,
			 struct spw_ruleset_image *image)
{
	if (image->overlaps++)
		return;
	image->overlap = (struct spw_prefix){first->first, family, first->len};
	image->overlap_lists[0] = first->owner & LIST_MASK;
	image->overlap_lists[1] = second->owner & LIST_MASK;
}

/* Step 2; @spans are sorted. Counts distinct prefixes. */
static int find_conflict(struct compiler *compiler, u8 family, const struct family_spans *spans, u32 *distinct,
			 struct spw_ruleset_image *image)
{
	const struct spw_ruleset_list *lists = compiler->source->lists;
	const struct spw_span *first = spans->items; /* of those with the same prefix: the winner */

	*distinct = spans->count ? 1 : 0;
	for (const struct spw_span *span = first + 1; span < spans->items + spans->count; span++) {
		if (span->len != first->len || spw_addr_compare(&span->first, &first->first)) {
			first = span;
			++*distinct;
			continue;
		}
		if (span->owner >> TIER_SHIFT != first->owner >> TIER_SHIFT ||
		    lists[span->owner & LIST_MASK].class_index == lists[first->owner & LIST_MASK].class_index)
			continue;
		if (compiler->source->overlap_higher) {
			note_overlap(first, span, family, image);
			continue;
		}
		compiler->error->prefix = (struct spw_prefix){first->first, family, first->len};
		for (int side = 0; side < 2; side++) {
			const struct spw_span *named = side ? span : first;

			compiler->error->list[side] = named->owner & LIST_MASK;
			compiler->error->entry[side] = find_entry(compiler, family, named);
		}
		return fail(compiler, SPW_RULESET_CONFLICT, -EEXIST);
	}
	return 0;
}

static bool span_holds(const struct spw_span *outer, const struct spw_span *inner, u8 family)
{
	const struct spw_prefix first = {outer->first, family, outer->len}, second = {inner->first, family, inner->len};

	return spw_prefix_contains(&first, &second);
}

/*
 * The most specific prefix wins, even where a country's table splits a partner's /16: correct by the rule, but rarely
 * meant. So it is counted, for a warning. @spans are sorted.
 */
static void note_overruling(const struct compiler *compiler, u8 family, const struct family_spans *spans,
			    struct spw_ruleset_image *image)
{
	const struct spw_ruleset_list *lists = compiler->source->lists;
	const struct spw_span *written = NULL; /* the outermost open one that a person wrote */

	for (const struct spw_span *span = spans->items; span < spans->items + spans->count; span++) {
		u32 list = span->owner & LIST_MASK;

		if (written && !span_holds(written, span, family))
			written = NULL;
		if (!(span->owner >> TIER_SHIFT)) {
			if (!written)
				written = span;
			continue;
		}
		if (!written || written->len == span->len ||
		    lists[written->owner].class_index == lists[list].class_index)
			continue;
		if (!image->overruling++) {
			image->overruled = (struct spw_prefix){written->first, family, written->len};
			image->overruled_list = written->owner;
		}
	}
}

/* Step 4: the slot of @owner's list. */
static int find_slot(struct compiler *compiler, u32 owner, bool management, u32 *slot)
{
	const struct spw_ruleset_source *source = compiler->source;
	u32 list = owner == SPW_NOBODY ? 0 : (owner & LIST_MASK) + 1;
	u16 *known = management ? &compiler->management[list] : &compiler->plain[list];
	const struct spw_ruleset_class *class;

	if (!*known && !(list == 0 && !management)) {
		if (compiler->slots_count == SPW_SLOT_DEEP)
			return fail(compiler, SPW_RULESET_TOO_MANY_SLOTS, -E2BIG);
		*known = (u16)compiler->slots_count++;
	}
	*slot = *known;
	class = &source->classes[list ? source->lists[list - 1].class_index : source->classes_count - 1];
	compiler->slots[*slot] = (struct spw_slot){
		.list = list ? source->lists[list - 1].id : 0,
		.class_id = class->id,
		.management = management,
		.cut_new_from = class->cut_new_from,
		.cut_all_from = class->cut_all_from,
		.shed_from = class->shed_from,
		.limited = class->limited,
	};
	return 0;
}

/* Slots of all lists, for bans; the table may not contain them. */
static int number_lists(struct compiler *compiler)
{
	const struct spw_ruleset_source *source = compiler->source;

	for (size_t i = 0; i < source->lists_count; i++) {
		for (u32 management = 0; management <= (source->management_count > 0); management++) {
			u32 slot;
			int err = find_slot(compiler, (u32)i, management, &slot);

			if (err)
				return err;
			compiler->list_slots[source->lists[i].id & (SPW_LISTS_MAX - 1)][management] = (u16)slot;
		}
	}
	return 0;
}

/* Which lists can match any address: the others' prefixes are covered by more specific ones. */
static void note_matches(const struct compiler *compiler, const struct spw_intervals *intervals,
			 struct spw_ruleset_image *image)
{
	for (size_t i = 0; i < intervals->count; i++) {
		u32 owner = intervals->items[i].owner;

		image->matches[owner == SPW_NOBODY ? compiler->source->lists_count : owner & LIST_MASK] = true;
	}
}

static int management_intervals(struct compiler *compiler, u8 family, struct spw_intervals *intervals)
{
	const struct spw_ruleset_source *source = compiler->source;
	struct spw_span spans[SPW_MANAGEMENT_PREFIXES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < source->management_count && count < SPW_MANAGEMENT_PREFIXES_MAX; i++)
		if (source->management[i].family == family)
			spans[count++] = (struct spw_span){source->management[i].addr, 0, source->management[i].len};
	if (spw_intervals_make(spans, count, family, intervals))
		return fail(compiler, SPW_RULESET_NO_MEMORY, -ENOMEM);
	return 0;
}

/* Step 4: merge both sequences of intervals; the owners of the result are slots. */
static int assign_slots(struct compiler *compiler, const struct spw_intervals *lists,
			const struct spw_intervals *management, struct spw_intervals *out)
{
	size_t i = 0, j = 0;

	*out = (struct spw_intervals){.capacity = lists->count + management->count};
	out->items = malloc(out->capacity * sizeof(*out->items));
	if (!out->items)
		return fail(compiler, SPW_RULESET_NO_MEMORY, -ENOMEM);
	while (i < lists->count || j < management->count) {
		bool list_next = i < lists->count, management_next = j < management->count;
		struct spw_addr first;
		u32 slot;
		int err;

		if (list_next && management_next) {
			int order = spw_addr_compare(&lists->items[i].first, &management->items[j].first);

			list_next = order <= 0;
			management_next = order >= 0;
		}
		first = list_next ? lists->items[i].first : management->items[j].first;
		i += list_next;
		j += management_next;
		err = find_slot(compiler, lists->items[i - 1].owner, management->items[j - 1].owner != SPW_NOBODY,
				&slot);
		if (err)
			return err;
		if (!out->count || out->items[out->count - 1].owner != slot)
			out->items[out->count++] = (struct spw_interval){first, slot};
	}
	return 0;
}

/* Steps 1 to 5 for one family. */
static int compile_family(struct compiler *compiler, u8 family, u32 *root, struct spw_ruleset_image *image)
{
	struct spw_intervals lists = {0}, management = {0}, slots = {0};
	struct family_spans spans = {0};
	int err = 0;

	if (collect(compiler->source, family, &spans))
		err = fail(compiler, SPW_RULESET_NO_MEMORY, -ENOMEM);
	if (!err && spw_intervals_make(spans.items, spans.count, family, &lists))
		err = fail(compiler, SPW_RULESET_NO_MEMORY, -ENOMEM);
	if (!err)
		err = find_conflict(compiler, family, &spans, family == 4 ? &image->prefixes4 : &image->prefixes6,
				    image);
	if (!err)
		note_overruling(compiler, family, &spans, image);
	if (!err)
		note_matches(compiler, &lists, image);
	if (!err && compiler->source->keep_prefixes &&
	    spw_prefix_rows_add(&image->rows, family, spans.items, spans.count))
		err = fail(compiler, SPW_RULESET_NO_MEMORY, -ENOMEM);
	free(spans.items);
	if (!err)
		err = management_intervals(compiler, family, &management);
	if (!err)
		err = assign_slots(compiler, &lists, &management, &slots);
	spw_intervals_free(&lists);
	spw_intervals_free(&management);
	if (!err) {
		*(family == 4 ? &image->intervals4 : &image->intervals6) = (u32)slots.count;
		err = family == 4 ? spw_table_build4(&slots, &compiler->units, root)
				  : spw_table_build6(&slots, &compiler->units, root);
		if (err)
			fail(compiler, err == -E2BIG ? SPW_RULESET_TOO_LARGE : SPW_RULESET_NO_MEMORY, err);
		compiler->error->units_needed = compiler->units.count;
	}
	spw_intervals_free(&slots);
	return err;
}

/* In the last units that are used. */
static void lay_out_balancers(const struct spw_balancers *balancers, struct spw_ruleset *ruleset)
{
	for (u32 i = 0; balancers && i < SPW_BALANCERS_MAX; i++)
		ruleset->tunnels |= (u8)balancers->all[i].tunnels;
	if (!ruleset->tunnels)
		return;
	memcpy(&ruleset->units[ruleset->units_used], balancers, sizeof(*balancers));
	ruleset->units_used += BALANCERS_UNITS;
}

/* Step 6. */
static void lay_out(struct compiler *compiler, u32 capacity, struct spw_ruleset *ruleset)
{
	const struct spw_ruleset_source *source = compiler->source;

	ruleset->magic = SPW_RULESET_MAGIC;
	ruleset->layout = SPW_LAYOUT;
	ruleset->units_used = compiler->units.count;
	ruleset->units_capacity = capacity;
	ruleset->management_prefixes = source->management_count > 0;
	ruleset->malformed_drop = source->malformed_drop;
	ruleset->judge_others = source->judge_others;
	memcpy(ruleset->slots, compiler->slots, sizeof(ruleset->slots));
	memcpy(ruleset->list_slots, compiler->list_slots, sizeof(ruleset->list_slots));
	for (size_t i = 0; i < source->management_ports_count && i < SPW_MANAGEMENT_PORTS_MAX; i++)
		ruleset->management_ports[i] = source->management_ports[i];
	if (source->tcp_ports)
		memcpy(ruleset->tcp_ports, source->tcp_ports, sizeof(ruleset->tcp_ports));
	if (source->udp_ports)
		memcpy(ruleset->udp_ports, source->udp_ports, sizeof(ruleset->udp_ports));
	if (source->locals) {
		ruleset->locals = compiler->units.count + 1;
		ruleset->units_used += LOCALS_UNITS;
		memcpy(&ruleset->units[compiler->units.count], source->locals, sizeof(*source->locals));
	}
	lay_out_balancers(source->balancers, ruleset);
	if (compiler->units.count)
		memcpy(ruleset->units, compiler->units.items, (size_t)compiler->units.count * sizeof(union spw_unit));
}

static u32 round_capacity(u32 units, u32 units_min)
{
	u32 capacity = UNITS_MIN;

	while (capacity < units || capacity < units_min)
		capacity *= 2;
	return capacity;
}

int spw_ruleset_compile(const struct spw_ruleset_source *source, u32 units_min, struct spw_ruleset_image *image,
			struct spw_ruleset_error *error)
{
	const size_t root_bytes = sizeof(u32) << SPW_ROOT_BITS;
	struct compiler *compiler = calloc(1, sizeof(*compiler));
	u32 *root = malloc(2 * root_bytes), slot, capacity;
	int err = 0;

	*image = (struct spw_ruleset_image){0};
	*error = (struct spw_ruleset_error){0};
	if (!compiler || !root) {
		error->kind = SPW_RULESET_NO_MEMORY;
		err = -ENOMEM;
		goto out;
	}
	*compiler = (struct compiler){.source = source, .error = error, .slots_count = 1};
	compiler->units.limit = SPW_UNITS_LIMIT;
	find_slot(compiler, SPW_NOBODY, false, &slot); /* slot 0 must exist even if every address is listed */
	err = compile_family(compiler, 4, root, image);
	if (!err)
		err = compile_family(compiler, 6, root + (1 << SPW_ROOT_BITS), image);
	if (!err)
		err = number_lists(compiler);
	if (err)
		goto out;
	capacity = round_capacity(compiler->units.count + (source->locals ? LOCALS_UNITS : 0) +
					  (source->balancers ? BALANCERS_UNITS : 0),
				  units_min);
	image->bytes = image_bytes(capacity);
	image->ruleset = calloc(1, image->bytes);
	if (!image->ruleset) {
		error->kind = SPW_RULESET_NO_MEMORY;
		err = -ENOMEM;
		goto out;
	}
	lay_out(compiler, capacity, image->ruleset);
	memcpy(image->ruleset->root4, root, root_bytes);
	memcpy(image->ruleset->root6, root + (1 << SPW_ROOT_BITS), root_bytes);
out:
	if (compiler)
		free(compiler->units.items);
	free(compiler);
	free(root);
	return err;
}

int spw_ruleset_classes(const struct spw_ruleset_source *source, u8 family, struct spw_intervals *classes)
{
	struct family_spans spans = {0};
	int err = collect(source, family, &spans);
	size_t count = 0;

	*classes = (struct spw_intervals){0};
	if (!err)
		err = spw_intervals_make(spans.items, spans.count, family, classes);
	free(spans.items);
	if (err)
		return err;
	for (size_t i = 0; i < classes->count; i++) {
		u32 owner = classes->items[i].owner;

		owner = owner == SPW_NOBODY ? (u32)source->classes_count - 1
					    : source->lists[owner & LIST_MASK].class_index;
		if (!count || classes->items[count - 1].owner != owner)
			classes->items[count++] = (struct spw_interval){classes->items[i].first, owner};
	}
	classes->count = count;
	return 0;
}

void spw_ruleset_free(struct spw_ruleset_image *image)
{
	free(image->ruleset);
	spw_prefix_rows_free(&image->rows);
	*image = (struct spw_ruleset_image){0};
}
