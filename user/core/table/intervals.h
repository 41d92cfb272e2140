/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested prefixes -> disjoint intervals: the first step of compiling a ruleset. Pure; called by ruleset.c alone.
 */
#ifndef SPW_CORE_INTERVALS_H
#define SPW_CORE_INTERVALS_H

#include <stddef.h>

#include "prefix.h"

/* A prefix on its way through the compiler; what the owner's number means is the caller's affair. */
struct spw_span {
	struct spw_addr first;
	u32 owner; /* of two spans with one prefix the one with the lower number wins */
	u8 len;
};

/* From `first` on, up to the next interval, addresses belong to `owner`. */
struct spw_interval {
	struct spw_addr first;
	u32 owner;
};

#define SPW_NOBODY UINT32_MAX

struct spw_intervals {
	struct spw_interval *items; /* owned; ascending; items[0].first is zero; neighbours have different owners */
	size_t count;
	size_t capacity;
};

/**
 * spw_intervals_make() - sort @spans (in place) and let the most specific one win everywhere.
 * @family: 4 or 6; all spans are of it
 * Returns 0 or -ENOMEM.
 */
int spw_intervals_make(struct spw_span *spans, size_t count, u8 family, struct spw_intervals *intervals);
void spw_intervals_free(struct spw_intervals *intervals);

#endif
