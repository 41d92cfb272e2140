/* SPDX-License-Identifier: GPL-2.0-only */
/* Sorted prefixes: binary search for the start of a range, then iteration to its end. */
#include "prefix_rows.h"

#include <errno.h>
#include <stdlib.h>

static u64 row4(const struct spw_addr *addr, u32 len)
{
	return (addr->hi & 0xffffffff00000000ull) | len;
}

int spw_prefix_rows_add(struct spw_prefix_rows *rows, u8 family, const struct spw_span *spans, size_t count)
{
	size_t size = family == 4 ? sizeof(*rows->rows4) : sizeof(*rows->rows6), kept = 0;
	void *items = malloc((count ? count : 1) * size);

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct spw_span *span = &spans[i];

		if (i && span->len == span[-1].len && !spw_addr_compare(&span->first, &span[-1].first))
			continue;
		if (family == 4)
			((u64 *)items)[kept++] = row4(&span->first, span->len);
		else
			((struct spw_prefix_row6 *)items)[kept++] =
				(struct spw_prefix_row6){span->first.hi, span->first.lo, span->len};
	}
	if (family == 4) {
		rows->rows4 = items;
		rows->count4 = kept;
	} else {
		rows->rows6 = items;
		rows->count6 = kept;
	}
	return 0;
}

void spw_prefix_rows_free(struct spw_prefix_rows *rows)
{
	free(rows->rows4);
	free(rows->rows6);
	*rows = (struct spw_prefix_rows){0};
}

static struct spw_prefix row_at(const struct spw_prefix_rows *rows, u8 family, size_t at)
{
	if (family == 4) {
		u64 row = rows->rows4[at];

		return (struct spw_prefix){{row & 0xffffffff00000000ull, 0}, 4, (u8)row};
	}
	return (struct spw_prefix){{rows->rows6[at].hi, rows->rows6[at].lo}, 6, (u8)rows->rows6[at].len};
}

static size_t count_of(const struct spw_prefix_rows *rows, u8 family)
{
	return family == 4 ? rows->count4 : rows->count6;
}

/* Whether a row sorts before (@addr, @len). */
static bool is_before(const struct spw_prefix *row, const struct spw_addr *addr, u8 len)
{
	int order = spw_addr_compare(&row->addr, addr);

	return order < 0 || (!order && row->len < len);
}

/* The first row that does not sort before. */
static size_t lower_bound(const struct spw_prefix_rows *rows, u8 family, const struct spw_addr *addr, u8 len)
{
	size_t low = 0, high = count_of(rows, family);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct spw_prefix row = row_at(rows, family, middle);

		if (is_before(&row, addr, len))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void spw_prefix_walk_begin(struct spw_prefix_walk *walk, const struct spw_prefix_rows *rows,
			   const struct spw_prefix *outer)
{
	*walk = (struct spw_prefix_walk){rows, *outer, spw_prefix_last(outer), 0};
	walk->at = lower_bound(rows, outer->family, &outer->addr, (u8)(outer->len + 1));
}

/* After the outer prefix's first address any row is longer: a shorter one would not be aligned. */
bool spw_prefix_walk_next(struct spw_prefix_walk *walk, struct spw_prefix *prefix)
{
	if (walk->at >= count_of(walk->rows, walk->outer.family))
		return false;
	*prefix = row_at(walk->rows, walk->outer.family, walk->at);
	if (spw_addr_compare(&prefix->addr, &walk->last) > 0)
		return false;
	walk->at++;
	return true;
}
