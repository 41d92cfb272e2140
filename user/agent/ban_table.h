/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bans in force: in memory, and in the maps that the datapath reads (maps/ban.h). Only for the files of the
 * component bans, and for tests/prog/bans_driver.c.
 *
 * A prefix of a list inside a ban is more specific and must win, so the map holds it as a *hole*. No packet may see a
 * ban without its holes. So a ban comes in three steps: ban_table_put() for each prefix, ban_table_flush() writes
 * filter and holes, then ban_table_write() the ban itself.
 */
#ifndef SPW_AGENT_BAN_TABLE_H
#define SPW_AGENT_BAN_TABLE_H

#include "kernel/ban_maps.h"
#include "kernel/datapath.h"
#include "kernel/rows.h"

struct ban_table {
	struct spw_ban_maps maps;
	struct spw_ban_set set;
	struct spw_ban_owners owners;
	struct spw_rows_mapping rows;  /* prefixes of the lists; not mapped: not known */
	struct spw_ban_totals *totals; /* owned; by list identity */
	bool *totals_changed;
	struct spw_ban_clock clock; /* at most a second old */
	u64 now_ns;		    /* CLOCK_MONOTONIC, of the work under way */
	struct spw_ban_batch *batch;
	struct spw_prefix *writes; /* holes that wait for ban_table_flush() */
	size_t writes_count, writes_capacity;
	bool filter_short; /* the filter lacks a key of the set */
	bool filter_wide;  /* the filter lets keys through that are gone */
	u64 filtered_ns;   /* when it was last made anew */
	bool unsaved;
};

/** ban_table_open() - read what the pins hold. Returns 0 or -errno. Free with ban_table_close() in both cases. */
int ban_table_open(struct ban_table *table, const struct spw_pins *pins);
void ban_table_close(struct ban_table *table);

/** ban_table_read_clock() - before any work that writes bans. */
void ban_table_read_clock(struct ban_table *table, const struct spw_datapath *datapath);

/* A request of an owner, for one ban. */
struct ban_terms {
	u16 list;     /* identity */
	u16 owner;    /* number in `owners` */
	bool extend;  /* no earlier end than this owner has already */
	u64 until_ns; /* CLOCK_MONOTONIC; SPW_BAN_FOREVER */
	const char *note;
	const struct spw_ban_count *carried; /* counted before it was made anew; NULL: nothing */
};

enum ban_outcome {
	BAN_ADDED,
	BAN_CHANGED,
	BAN_MOVED, /* from another list; former owners are forgotten */
};

/** ban_table_put() - into set and filter, with its holes. Returns enum ban_outcome, -ENOSPC or -ENOMEM. */
int ban_table_put(struct ban_table *table, const struct spw_prefix *prefix, const struct ban_terms *terms);

/** ban_table_flush() - write the filter if need be, then the holes of what was put. Returns 0 or -errno. */
int ban_table_flush(struct ban_table *table);

/** ban_table_write() - write the ban; removes it again on an error. Returns 0 or -errno. */
int ban_table_write(struct ban_table *table, const struct spw_prefix *prefix, const struct ban_terms *terms);

/** ban_table_pack() - owner of @ban and @note as the map keeps them. */
void ban_table_pack(const struct ban_table *table, const struct spw_ban *ban, const char *note,
		    char packed[SPW_BAN_NOTE_MAX]);

/** ban_table_lift() - end one owner's part of a ban; removes the ban if it was the last owner. */
enum spw_ban_lifted ban_table_lift(struct ban_table *table, struct spw_ban *ban, u16 owner);

/** ban_table_prune() - forget owners whose end has passed, of a ban that others still hold. */
void ban_table_prune(struct ban_table *table, struct spw_ban *ban);

/**
 * ban_table_remove() - for all owners: out of the map, with the holes that no other ban needs.
 * @ban is gone or a hole afterwards.
 */
void ban_table_remove(struct ban_table *table, struct spw_ban *ban);

/** ban_table_expire() - the same for a ban whose time is over. */
void ban_table_expire(struct ban_table *table, struct spw_ban *ban);

/** ban_table_holes() - how many holes a ban of @prefix needs. Above SPW_BAN_HOLES_MAX: too many; negative: not known. */
long ban_table_holes(const struct ban_table *table, const struct spw_prefix *prefix);

/** ban_table_want_holes() - each prefix of a list in @prefix is needed by one ban more (@by 1) or less (-1). */
int ban_table_want_holes(struct ban_table *table, const struct spw_prefix *prefix, int by);

/**
 * ban_table_settle() - bring the map up to date on whether @ban is a hole; drop what is neither hole nor ban.
 * Returns 1 if it was dropped (another item has its place in the set now), 0, or -errno.
 */
int ban_table_settle(struct ban_table *table, struct spw_ban *ban);

/** ban_table_drop_crowded() - remove a ban that has too many holes under another ruleset, none of them counted yet. */
void ban_table_drop_crowded(struct ban_table *table, struct spw_ban *ban);

/** ban_table_publish() - make the filter anew. */
void ban_table_publish(struct ban_table *table);

/** ban_table_narrow() - the same once a second, while the filter lets through what is gone. */
void ban_table_narrow(struct ban_table *table, u64 now_ns);

/** ban_table_write_totals() - those that changed. */
void ban_table_write_totals(struct ban_table *table);

#endif
