/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Meters of sources and prefixes: a hash table of GCRA arrival times (bpf/meter.h) without insertion, eviction or
 * clean-up. A line of the table is a cache line: two sets of four cells, for new work and for packets, so that one
 * access serves both. Bits are metered in the second set of another line.
 *
 * A cell is one word, so that it changes atomically: an arrival time in the upper 48 bits, the owner's tag, 16 bits of
 * its hash, in the lower. Adding a multiple of SPW_CELL_UNIT advances the time modulo 2^48 and never touches the tag.
 * Zero is a cell that was never used.
 *
 * Times are in units of 1/1024 jiffy, so a word counts in 2^26ths of a jiffy, four of which are a tick (admission.h).
 * They are compared by difference: backlogs may be up to 2^62, four years at 250 jiffies a second and one at 1,000.
 * Anything further ahead counts as past, which is right for cells unused for 26 and 6 years.
 */
#ifndef SPW_MAPS_CELLS_H
#define SPW_MAPS_CELLS_H

#include "types.h"

#define SPW_CELL_UNIT	     (1ULL << 16) /* of time; below it the tag */
#define SPW_CELL_TAG	     (SPW_CELL_UNIT - 1)
#define SPW_CELL_SHIFT	     26 /* of jiffies */
#define SPW_CELL_BACKLOG_MAX (1ULL << 62)

enum spw_cell_sizes {
	SPW_WAYS = 4, /* cells of a set; a power of two */
	SPW_SETS = 2, /* of a line */
};

struct spw_line {
	u64 cells[SPW_SETS][SPW_WAYS];
};

_Static_assert(sizeof(struct spw_line) == 64, "a line of the table is a cache line");

#endif
