/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of entries (maps/entry.h) as the agent writes them and `list show` reads them. What is to be written, and
 * when, is agent/entries.c's.
 */
#ifndef SPW_IO_ENTRIES_H
#define SPW_IO_ENTRIES_H

#include "core/bans/ban_set.h"
#include "pins.h"

struct spw_ban_maps {
	int entries_fd;			    /* borrowed, as the next */
	int totals_fd;			    /* -1: none */
	struct spw_ban_filter *filter;	    /* mapped; NULL when opened to look */
	const struct spw_ban_count *counts; /* mapped; NULL when opened to look: a map that was opened so cannot be */
	int counts_fd;			    /* borrowed */
};

/** spw_ban_maps_open() - from pins, or from any maps of the kind. Returns 0 or -errno. @writable: the filter too. */
int spw_ban_maps_open(const struct spw_pins *pins, bool writable, struct spw_ban_maps *maps);
void spw_ban_maps_close(struct spw_ban_maps *maps);

/** spw_ban_maps_seed() - a filter that was never in use gets its secret. Returns 0 or -errno. */
int spw_ban_maps_seed(struct spw_ban_maps *maps);

/** spw_ban_maps_publish() - the filter as @set wants it, in one step. Not twice within a microsecond. */
void spw_ban_maps_publish(struct spw_ban_maps *maps, const struct spw_ban_set *set);

/**
 * spw_ban_maps_write() - the value of an entry, new or with another end, list or note.
 * @carried: what the entry has counted before it was made anew; NULL: nothing
 * Counts of an entry that stands already go on. Returns 0 or -errno (-ENOMEM, -E2BIG: the map takes no more).
 */
int spw_ban_maps_write(const struct spw_ban_maps *maps, const struct spw_ban *ban, const struct spw_ban_clock *clock,
		       const char *note, const struct spw_ban_count *carried);

/** spw_ban_maps_read_total(), spw_ban_maps_write_total() - the totals of list @list. Returns 0 or -errno. */
int spw_ban_maps_read_total(const struct spw_ban_maps *maps, u32 list, struct spw_ban_totals *total);
int spw_ban_maps_write_total(const struct spw_ban_maps *maps, u32 list, const struct spw_ban_totals *total);

/* New entries on their way, so that many cost the kernel one call. */
#define SPW_BAN_BATCH 1024

struct spw_ban_batch {
	struct spw_ban_key keys[SPW_BAN_BATCH];
	struct spw_ban_value values[SPW_BAN_BATCH];
	u32 count;
};

/** spw_ban_batch_add() - an entry with a counter of its own since just now; the batch must have room. */
void spw_ban_batch_add(const struct spw_ban_maps *maps, struct spw_ban_batch *batch, const struct spw_ban *ban,
		       const struct spw_ban_clock *clock, const char *note);

/** spw_ban_batch_write() - all of them, and the batch is empty. Returns 0 or -errno: the first ones may be there. */
int spw_ban_batch_write(const struct spw_ban_maps *maps, struct spw_ban_batch *batch);

/** spw_ban_maps_mark() - write that @held is a hole, or is none any more; an entry's other fields stay. */
int spw_ban_maps_mark(const struct spw_ban_maps *maps, const struct spw_ban *ban);

/** spw_ban_maps_remove() - take a key out; one that is not there is well. Returns 0 or -errno. */
int spw_ban_maps_remove(const struct spw_ban_maps *maps, const struct spw_ban *ban);

/* What the map holds at one key. Anything but 0 ends the reading. */
typedef int spw_ban_visit(void *context, const struct spw_ban_key *key, const struct spw_ban_value *value);

/** spw_ban_maps_read() - everything, in the map's order; while somebody writes, each value whole. Returns 0, -errno
 * or what @visit returned. */
int spw_ban_maps_read(const struct spw_ban_maps *maps, spw_ban_visit *visit, void *context);

/** spw_ban_counted() - what an entry has counted by now. */
struct spw_ban_count spw_ban_counted(const struct spw_ban_maps *maps, const struct spw_ban_value *value);

#endif
