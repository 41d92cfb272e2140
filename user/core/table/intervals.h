/* SPDX-License-Identifier: GPL-2.0-only */
/* Nested prefixes -> disjoint intervals: the first step of compiling a ruleset. Pure; called by ruleset.c. */
#ifndef SPW_CORE_INTERVALS_H
#define SPW_CORE_INTERVALS_H

#include <stddef.h>

#include "prefix.h"

/* A prefix in the compiler. Owners are numbers given by the caller. */
struct spw_span {
	struct spw_addr first;
	u32 owner; /* of spans with the same prefix the lowest owner wins */
	u8 len;
};

/* Addresses from `first` up to the next interval belong to `owner`. */
struct spw_interval {
	struct spw_addr first;
	u32 owner;
};

#define SPW_NOBODY UINT32_MAX

struct spw_intervals {
	struct spw_interval *items; /* owned; ascending; items[0].first is zero; adjacent owners differ */
	size_t count;
	size_t capacity;
};

/**
 * spw_intervals_make() - sort @spans in place; the most specific one wins everywhere.
 * @family: 4 or 6, of all spans
 * Returns 0 or -ENOMEM.
 */
int spw_intervals_make(struct spw_span *spans, size_t count, u8 family, struct spw_intervals *intervals);
void spw_intervals_free(struct spw_intervals *intervals);

#endif
