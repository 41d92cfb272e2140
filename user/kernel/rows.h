/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The prefixes of a ruleset in a sealed memfd: written by the compile job, mapped by the agent, which needs memory only
 * for the pages that it reads.
 */
#ifndef SPW_KERNEL_ROWS_H
#define SPW_KERNEL_ROWS_H

#include "core/table/prefix_rows.h"

struct spw_rows_mapping {
	struct spw_prefix_rows rows; /* borrowed from the mapping; not to be freed */
	void *memory;		     /* NULL: nothing is mapped */
	size_t bytes;
};

/** spw_rows_write() - create the file. Returns its descriptor, owned by the caller, or -errno. */
int spw_rows_write(const struct spw_prefix_rows *rows);

/** spw_rows_map() - map the file at @fd. Returns 0 or -errno (-EPROTO: not such a file). */
int spw_rows_map(int fd, struct spw_rows_mapping *mapping);
void spw_rows_unmap(struct spw_rows_mapping *mapping);

/** spw_rows_rest() - release the pages that were read; they are read again when needed. */
void spw_rows_rest(const struct spw_rows_mapping *mapping);

#endif
