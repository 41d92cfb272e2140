/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thinning a segment of the history that is full: a few ticks at a time, into a file beside it that takes its place at
 * the end. Called by history.c alone; an error leaves the segment as it was.
 */
#ifndef SPW_IO_THINNING_H
#define SPW_IO_THINNING_H

#include "maps/types.h"

#define SPW_THINNING_NEAR_NS 60000000000ull /* nothing is thinned so near to a change of the level */

struct spw_thinning;

/**
 * spw_thinning_begin() - of the segment at @path, which was closed at @now_ns.
 * @changes: when the level changed in it and before
 * NULL: not now, which does no harm.
 */
struct spw_thinning *spw_thinning_begin(const char *path, const u64 *changes, u32 changes_count, u64 now_ns);

/** spw_thinning_change() - the level changed again; matters for the end of the segment. NULL: no-op. */
void spw_thinning_change(struct spw_thinning *thinning, u64 at_ns);

/** spw_thinning_step() - go on for a fraction of a millisecond. Returns false: done, or given up. */
bool spw_thinning_step(struct spw_thinning *thinning, u64 now_ns);

/** spw_thinning_end() - free; what is not done is left undone. NULL: no-op. */
void spw_thinning_end(struct spw_thinning *thinning);

/** spw_thinning_clean() - remove what a run that was killed has left. */
void spw_thinning_clean(const char *state_dir);

#endif
