/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested prefixes -> disjoint intervals. Prefixes nest or are disjoint, so one pass sorted by first address, with a
 * stack of the open ones, finds every point where the owner changes.
 */
#include "intervals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_spans(const void *left_item, const void *right_item)
{
	const struct spw_span *left = left_item, *right = right_item;

	if (left->first.hi != right->first.hi)
		return left->first.hi < right->first.hi ? -1 : 1;
	if (left->first.lo != right->first.lo)
		return left->first.lo < right->first.lo ? -1 : 1;
	if (left->len != right->len)
		return left->len < right->len ? -1 : 1;
	return left->owner < right->owner ? -1 : left->owner > right->owner;
}

static bool is_sorted(const struct spw_span *spans, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (compare_spans(&spans[i - 1], &spans[i]) > 0)
			return false;
	return true;
}

/* From @first on the owner is @owner; a later call for the same address replaces the earlier. */
static int put(struct spw_intervals *intervals, struct spw_addr first, u32 owner)
{
	struct spw_interval *last = intervals->count ? &intervals->items[intervals->count - 1] : NULL;

	if (last && !spw_addr_compare(&last->first, &first)) {
		last->owner = owner;
		if (intervals->count > 1 && last[-1].owner == owner)
			intervals->count--;
		return 0;
	}
	if (last && last->owner == owner)
		return 0;
	if (intervals->count == intervals->capacity) {
		size_t capacity = intervals->capacity ? intervals->capacity + intervals->capacity / 2 : 1024;
		struct spw_interval *items = realloc(intervals->items, capacity * sizeof(*items));

		if (!items)
			return -ENOMEM;
		intervals->items = items;
		intervals->capacity = capacity;
	}
	intervals->items[intervals->count++] = (struct spw_interval){first, owner};
	return 0;
}

/* An open prefix: ends before `end`, unless it reaches the last address. */
struct open_span {
	struct spw_addr end;
	bool endless;
	u32 owner;
};

static struct open_span open_span(const struct spw_span *span)
{
	struct open_span open = {.end = span->first, .owner = span->owner};

	if (span->len == 0) {
		open.endless = true;
	} else if (span->len <= 64) {
		open.end.hi += 1ULL << (64 - span->len);
		open.endless = open.end.hi == 0;
	} else {
		open.end.lo += 1ULL << (128 - span->len);
		if (!open.end.lo)
			open.endless = ++open.end.hi == 0;
	}
	return open;
}

int spw_intervals_make(struct spw_span *spans, size_t count, u8 family, struct spw_intervals *intervals)
{
	struct open_span stack[130];
	size_t depth = 0;
	int err;

	(void)family;
	*intervals = (struct spw_intervals){0};
	if (!is_sorted(spans, count))
		qsort(spans, count, sizeof(*spans), compare_spans);
	err = put(intervals, (struct spw_addr){0, 0}, SPW_NOBODY);
	for (size_t i = 0; i <= count && !err; i++) {
		while (depth && !err && !stack[depth - 1].endless &&
		       (i == count || spw_addr_compare(&stack[depth - 1].end, &spans[i].first) <= 0)) {
			depth--;
			err = put(intervals, stack[depth].end, depth ? stack[depth - 1].owner : SPW_NOBODY);
		}
		if (i == count || err)
			break;
		if (i && !spw_addr_compare(&spans[i - 1].first, &spans[i].first) && spans[i - 1].len == spans[i].len)
			continue;
		err = put(intervals, spans[i].first, spans[i].owner);
		stack[depth++] = open_span(&spans[i]);
	}
	if (err)
		spw_intervals_free(intervals);
	return err;
}

void spw_intervals_free(struct spw_intervals *intervals)
{
	free(intervals->items);
	*intervals = (struct spw_intervals){0};
}
