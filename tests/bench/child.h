/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs work in a child process: its memory, and everything it opens or attaches, ends with it. */
#ifndef SPW_BENCH_CHILD_H
#define SPW_BENCH_CHILD_H

#include <stddef.h>

#include "maps/types.h"

/**
 * bench_child() - run @work in a child.
 * @result: @bytes filled in by the child, visible to both
 * Returns the child's peak resident memory in KiB. Ends the program if the child failed.
 */
u64 bench_child(void (*work)(const void *argument, void *result), const void *argument, void *result, size_t bytes);

#endif
