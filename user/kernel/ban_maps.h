/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of entries (maps/entry.h) as the agent writes them and `list show` reads them. What is to be written, and
 * when, is agent/entries.c's.
 */
#ifndef SPW_IO_ENTRIES_H
#define SPW_IO_ENTRIES_H

#include "core/bans/ban_set.h"
#include "pins.h"

struct spw_entry_maps {
	int entries_fd;			      /* borrowed, as the next */
	int totals_fd;			      /* -1: none */
	struct spw_entry_filter *filter;      /* mapped; NULL when opened to look */
	const struct spw_entry_count *counts; /* mapped; NULL when opened to look: a map that was opened so cannot be */
	int counts_fd;			      /* borrowed */
};

/** spw_entry_maps_open() - from pins, or from any maps of the kind. Returns 0 or -errno. @writable: the filter too. */
int spw_entry_maps_open(const struct spw_pins *pins, bool writable, struct spw_entry_maps *maps);
void spw_entry_maps_close(struct spw_entry_maps *maps);

/** spw_entry_maps_seed() - a filter that was never in use gets its secret. Returns 0 or -errno. */
int spw_entry_maps_seed(struct spw_entry_maps *maps);

/** spw_entry_maps_publish() - the filter as @set wants it, in one step. Not twice within a microsecond. */
void spw_entry_maps_publish(struct spw_entry_maps *maps, const struct spw_entry_set *set);

/**
 * spw_entry_maps_write() - the value of an entry, new or with another end, list or note.
 * @carried: what the entry has counted before it was made anew; NULL: nothing
 * Counts of an entry that stands already go on. Returns 0 or -errno (-ENOMEM, -E2BIG: the map takes no more).
 */
int spw_entry_maps_write(const struct spw_entry_maps *maps, const struct spw_held *held,
			 const struct spw_entry_clock *clock, const char *note, const struct spw_entry_count *carried);

/* New entries on their way, so that many cost the kernel one call. */
#define SPW_ENTRY_BATCH 1024

struct spw_entry_batch {
	struct spw_entry_key keys[SPW_ENTRY_BATCH];
	struct spw_entry_value values[SPW_ENTRY_BATCH];
	u32 count;
};

/** spw_entry_batch_add() - an entry with a counter of its own since just now; the batch must have room. */
void spw_entry_batch_add(const struct spw_entry_maps *maps, struct spw_entry_batch *batch, const struct spw_held *held,
			 const struct spw_entry_clock *clock, const char *note);

/** spw_entry_batch_write() - all of them, and the batch is empty. Returns 0 or -errno: the first ones may be there. */
int spw_entry_batch_write(const struct spw_entry_maps *maps, struct spw_entry_batch *batch);

/** spw_entry_maps_mark() - write that @held is a hole, or is none any more; an entry's other fields stay. */
int spw_entry_maps_mark(const struct spw_entry_maps *maps, const struct spw_held *held);

/** spw_entry_maps_remove() - take a key out; one that is not there is well. Returns 0 or -errno. */
int spw_entry_maps_remove(const struct spw_entry_maps *maps, const struct spw_held *held);

/* What the map holds at one key. Anything but 0 ends the reading. */
typedef int spw_entry_visit(void *context, const struct spw_entry_key *key, const struct spw_entry_value *value);

/** spw_entry_maps_read() - everything, in the map's order; while somebody writes, each value whole. Returns 0, -errno
 * or what @visit returned. */
int spw_entry_maps_read(const struct spw_entry_maps *maps, spw_entry_visit *visit, void *context);

/** spw_entry_counted() - what an entry has counted by now. */
struct spw_entry_count spw_entry_counted(const struct spw_entry_maps *maps, const struct spw_entry_value *value);

#endif
