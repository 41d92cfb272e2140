/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of bans (maps/ban.h): written by the agent (agent/ban_table.c), read by `list show`. */
#ifndef SPW_KERNEL_BAN_MAPS_H
#define SPW_KERNEL_BAN_MAPS_H

#include "core/bans/ban_owners.h"
#include "core/bans/ban_set.h"
#include "pins.h"

struct spw_ban_maps {
	int bans_fd;			    /* borrowed, like the next */
	int totals_fd;			    /* -1: none */
	struct spw_ban_filter *filter;	    /* mapped; NULL when opened for reading */
	const struct spw_ban_count *counts; /* mapped; NULL when opened for reading, which forbids mmap(2) */
	int counts_fd;			    /* borrowed */
};

/** spw_ban_maps_open() - @writable: map the filter, for writing, and the counts. Returns 0 or -errno. */
int spw_ban_maps_open(const struct spw_pins *pins, bool writable, struct spw_ban_maps *maps);
void spw_ban_maps_close(struct spw_ban_maps *maps);

/** spw_ban_maps_seed() - give a new filter its secret; no-op for one in use. Returns 0 or -errno. */
int spw_ban_maps_seed(struct spw_ban_maps *maps);

/** spw_ban_maps_publish() - replace the filter by that of @set, atomically. At most once per microsecond. */
void spw_ban_maps_publish(struct spw_ban_maps *maps, const struct spw_ban_set *set);

/**
 * spw_ban_maps_write() - add a ban, or change the end, list or label of one.
 * @label: note and owner, packed (store/ban_label.h)
 * @carried: what a new one has counted before, such as in an earlier boot; NULL: nothing
 * A ban that is there already keeps its counts. Returns 0 or -errno (-ENOMEM, -E2BIG: the map is full).
 */
int spw_ban_maps_write(const struct spw_ban_maps *maps, const struct spw_ban *ban, const struct spw_ban_clock *clock,
		       const char label[SPW_BAN_NOTE_MAX], const struct spw_ban_count *carried);

/** spw_ban_maps_label() - the label of a ban. Returns 0 or -errno. */
int spw_ban_maps_label(const struct spw_ban_maps *maps, const struct spw_ban *ban, char label[SPW_BAN_NOTE_MAX]);

/** spw_ban_maps_read_total(), spw_ban_maps_write_total() - the totals of list @list. Returns 0 or -errno. */
int spw_ban_maps_read_total(const struct spw_ban_maps *maps, u32 list, struct spw_ban_totals *total);
int spw_ban_maps_write_total(const struct spw_ban_maps *maps, u32 list, const struct spw_ban_totals *total);

/* Many new bans, written by one system call. */
#define SPW_BAN_BATCH 1024

struct spw_ban_batch {
	struct spw_ban_key keys[SPW_BAN_BATCH];
	struct spw_ban_value values[SPW_BAN_BATCH];
	u32 count;
};

/** spw_ban_batch_add() - a ban whose counter was just assigned; the batch must have room. */
void spw_ban_batch_add(const struct spw_ban_maps *maps, struct spw_ban_batch *batch, const struct spw_ban *ban,
		       const struct spw_ban_clock *clock, const char label[SPW_BAN_NOTE_MAX]);

/** spw_ban_batch_write() - write and empty the batch. Returns 0, or -errno: some may have been written. */
int spw_ban_batch_write(const struct spw_ban_maps *maps, struct spw_ban_batch *batch);

/** spw_ban_maps_mark() - write whether @ban is a hole; other fields stay. Returns 0 or -errno. */
int spw_ban_maps_mark(const struct spw_ban_maps *maps, const struct spw_ban *ban);

/** spw_ban_maps_remove() - delete its key, if it is there. Returns 0 or -errno. */
int spw_ban_maps_remove(const struct spw_ban_maps *maps, const struct spw_ban *ban);

/* Called for each key; a result other than 0 ends the iteration. */
typedef int spw_ban_visit(void *context, const struct spw_ban_key *key, const struct spw_ban_value *value);

/**
 * spw_ban_maps_read() - read everything, in the map's sequence; each value is consistent, even during writes.
 * Returns 0, -errno or what @visit returned.
 */
int spw_ban_maps_read(const struct spw_ban_maps *maps, spw_ban_visit *visit, void *context);

/** spw_ban_counted() - the counts of a ban so far. */
struct spw_ban_count spw_ban_counted(const struct spw_ban_maps *maps, const struct spw_ban_value *value);

#endif
