/* SPDX-License-Identifier: GPL-2.0-only */
/* Disjoint intervals -> the units of the table (maps/ruleset.h): the second step of compiling a ruleset. Pure. */
#ifndef SPW_CORE_TABLE_H
#define SPW_CORE_TABLE_H

#include "maps/ruleset.h"
#include "intervals.h"

/* Units being built; entries refer to them by number, so the array may move. */
struct spw_units {
	union spw_unit *items; /* owned */
	u32 count;
	u32 capacity;
	u32 limit;	/* more are refused with -E2BIG */
	u32 small_next; /* next free entry of a unit shared by small fans */
	u32 small_end;
	u32 leaves[SPW_SLOTS_MAX]; /* of this family: the line shared by all leaves of a slot; 0: none yet */
};

/**
 * spw_table_build4(), spw_table_build6() - append the units of a family to @units and fill @root.
 * @intervals: owners are slots
 * @root: 2^SPW_ROOT_BITS entries
 * Returns 0, -ENOMEM or -E2BIG (units->limit).
 */
int spw_table_build4(const struct spw_intervals *intervals, struct spw_units *units, u32 *root);
int spw_table_build6(const struct spw_intervals *intervals, struct spw_units *units, u32 *root);

#endif
