/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bans in force: in memory, and in the maps that the datapath reads (maps/ban.h). Private to bans, and used by
 * tests/prog/bans_driver.c.
 *
 * A list's prefix inside a ban is more specific and must win, so the map holds it as a *hole*. No packet may see a ban
 * without its holes. So a ban takes three steps: ban_table_put() for each prefix, ban_table_flush() writes filter and
 * holes, ban_table_write() the ban itself.
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
	u64 now_ns;		    /* CLOCK_MONOTONIC, of the current job */
	struct spw_ban_batch *batch;
	struct spw_prefix *writes; /* holes awaiting ban_table_flush() */
	size_t writes_count, writes_capacity;
	bool filter_short; /* the filter lacks a key of the set */
	bool filter_wide;  /* the filter has bits of removed keys */
	u64 filtered_ns;   /* when it was last rebuilt */
	bool unsaved;
};

/** ban_table_open() - read what the pins hold. Returns 0 or -errno. Free with ban_table_close() in both cases. */
int ban_table_open(struct ban_table *table, const struct spw_pins *pins);
void ban_table_close(struct ban_table *table);

/** ban_table_read_clock() - call before any work that writes bans. */
void ban_table_read_clock(struct ban_table *table, const struct spw_datapath *datapath);

/* A request of an owner, for one ban. */
struct ban_terms {
	u16 list;     /* identity */
	u16 owner;    /* number in `owners` */
	bool extend;  /* do not shorten this owner's existing ban */
	u64 until_ns; /* CLOCK_MONOTONIC; SPW_BAN_FOREVER */
	const char *note;
	const struct spw_ban_count *carried; /* counts from before, such as an earlier boot; NULL: none */
};

enum ban_outcome {
	BAN_ADDED,
	BAN_CHANGED,
	BAN_MOVED, /* from another list; former owners are forgotten */
};

/** ban_table_put() - add to set and filter, with its holes. Returns enum ban_outcome, -ENOSPC or -ENOMEM. */
int ban_table_put(struct ban_table *table, const struct spw_prefix *prefix, const struct ban_terms *terms);

/** ban_table_flush() - write the filter if needed, then the holes of what was put. Returns 0 or -errno. */
int ban_table_flush(struct ban_table *table);

/** ban_table_write() - write the ban; on error removes it again. Returns 0 or -errno. */
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

/** ban_table_expire() - the same for an expired ban. */
void ban_table_expire(struct ban_table *table, struct spw_ban *ban);

/** ban_table_holes() - how many holes a ban of @prefix needs. Above SPW_BAN_HOLES_MAX: too many; negative: unknown. */
long ban_table_holes(const struct ban_table *table, const struct spw_prefix *prefix);

/** ban_table_want_holes() - count one ban more (@by 1) or less (-1) for each prefix of a list in @prefix. */
int ban_table_want_holes(struct ban_table *table, const struct spw_prefix *prefix, int by);

/**
 * ban_table_settle() - write to the map whether @ban is a hole; drop what is neither hole nor ban.
 * Returns 1 if it was dropped (another item has its index now), 0, or -errno.
 */
int ban_table_settle(struct ban_table *table, struct spw_ban *ban);

/** ban_table_drop_crowded() - remove a ban that has too many holes under a new ruleset, none of them counted yet. */
void ban_table_drop_crowded(struct ban_table *table, struct spw_ban *ban);

/** ban_table_publish() - rebuild the filter. */
void ban_table_publish(struct ban_table *table);

/** ban_table_narrow() - rebuild it once a second while it has bits of removed keys. */
void ban_table_narrow(struct ban_table *table, u64 now_ns);

/** ban_table_write_totals() - write changed totals. */
void ban_table_write_totals(struct ban_table *table);

#endif
