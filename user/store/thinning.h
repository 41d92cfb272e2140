/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thins a full segment of the history (history.h), a few ticks at a time, into a temporary file that replaces it at the
 * end. After an error the segment is unchanged.
 */
#ifndef SPW_STORE_THINNING_H
#define SPW_STORE_THINNING_H

#include "maps/types.h"

#define SPW_THINNING_NEAR_NS 60000000000ull /* ticks this close to a change of the level are kept */

struct spw_thinning;

/**
 * spw_thinning_begin() - begin to thin the segment at @path, closed at @now_ns.
 * @changes: times of level changes, in it and before
 * Returns NULL if it cannot be thinned now, which is harmless.
 */
struct spw_thinning *spw_thinning_begin(const char *path, const u64 *changes, u32 changes_count, u64 now_ns);

/** spw_thinning_change() - the level changed again, perhaps near the end of the segment. NULL: no-op. */
void spw_thinning_change(struct spw_thinning *thinning, u64 at_ns);

/** spw_thinning_step() - work for a fraction of a millisecond. Returns false: done, or gave up. */
bool spw_thinning_step(struct spw_thinning *thinning, u64 now_ns);

/** spw_thinning_end() - free; an unfinished file is removed. NULL: no-op. */
void spw_thinning_end(struct spw_thinning *thinning);

/** spw_thinning_clean() - remove the temporary file of a killed run. */
void spw_thinning_clean(const char *state_dir);

#endif
