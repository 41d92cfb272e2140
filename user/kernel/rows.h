/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The prefixes of a ruleset in a sealed file without a name: written by the compile job, mapped by the agent, which so
 * pays memory only for the pages that it looks at.
 */
#ifndef SPW_IO_ROWS_H
#define SPW_IO_ROWS_H

#include "core/table/prefix_rows.h"

struct spw_rows_mapping {
	struct spw_prefix_rows rows; /* borrowed from the mapping; not to be freed */
	void *memory;		     /* NULL: nothing is mapped, and nothing known of the lists */
	size_t bytes;
};

/** spw_rows_write() - the file; its descriptor, or -errno. */
int spw_rows_write(const struct spw_prefix_rows *rows);

/** spw_rows_map() - map the file at @fd. Returns 0 or -errno (-EPROTO: it is none). */
int spw_rows_map(int fd, struct spw_rows_mapping *mapping);
void spw_rows_unmap(struct spw_rows_mapping *mapping);

/** spw_rows_rest() - give the pages that were looked at back to the file. */
void spw_rows_rest(const struct spw_rows_mapping *mapping);

#endif
