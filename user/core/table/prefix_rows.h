/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All prefixes of the lists, sorted: lost in the compiled table, but needed to find those within a ban (maps/ban.h).
 * Made by the compiler of rulesets in one block of memory, searched by the agent. Pure.
 */
#ifndef SPW_CORE_PREFIX_ROWS_H
#define SPW_CORE_PREFIX_ROWS_H

#include <stddef.h>

#include "intervals.h"
#include "prefix.h"

struct spw_prefix_row6 {
	u64 hi;
	u64 lo;
	u64 len;
};

/* Sorted by address, then by length, ascending; no duplicates. */
struct spw_prefix_rows {
	u64 *rows4; /* the address in the upper half, the length in the lower */
	size_t count4;
	struct spw_prefix_row6 *rows6;
	size_t count6;
};

/** spw_prefix_rows_add() - the rows of a family, from spans sorted by spw_intervals_make(). Returns 0 or -ENOMEM. */
int spw_prefix_rows_add(struct spw_prefix_rows *rows, u8 family, const struct spw_span *spans, size_t count);
void spw_prefix_rows_free(struct spw_prefix_rows *rows);

/* State of an iteration. */
struct spw_prefix_walk {
	const struct spw_prefix_rows *rows;
	struct spw_prefix outer;
	struct spw_addr last;
	size_t at;
};

/** spw_prefix_walk_begin() - at the first row that may lie in @outer. */
void spw_prefix_walk_begin(struct spw_prefix_walk *walk, const struct spw_prefix_rows *rows,
			   const struct spw_prefix *outer);

/** spw_prefix_walk_next() - the next prefix that lies in the outer one and is longer; false: no more. */
bool spw_prefix_walk_next(struct spw_prefix_walk *walk, struct spw_prefix *prefix);

#endif
