/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries on disk: <state_dir>/entries.jsonl, for the next boot; while the host runs, the pinned maps know better.
 * Written by the agent from the maps, beside its loop, and replaced in one step; read once for a set of pins.
 *
 * The first line has "spillway": "entries", "version", "boot_id" and "saved" (seconds of the wall clock). Each other
 * line is an entry: "list", "prefix", "note", "packets", "bytes", and its end twice: "until_ns" (CLOCK_MONOTONIC, for
 * the same boot; null: until it is removed) and "until" (seconds of the wall clock, for another).
 */
#ifndef SPW_IO_ENTRIES_FILE_H
#define SPW_IO_ENTRIES_FILE_H

#include "kernel/ban_maps.h"
#include "ban_line.h"
#include "kernel/registry.h"

#define SPW_BANS_FILE	    "entries.jsonl"
#define SPW_BANS_BYTES_MAX  (64u << 20)
#define SPW_BANS_LINE_BYTES 1024

typedef void spw_ban_line_visit(void *context, const struct spw_ban_line *line);

/**
 * spw_bans_load() - read what is there, one entry after the other.
 * @expired: how many have ended since
 * @message: empty, or what could not be read: that is passed over, and the file is kept beside as entries.jsonl.bad
 * After another boot no entry has more time left than it had when it was saved, wherever the wall clock stands. A file
 * that is not there is no error. Returns 0 or -errno.
 */
int spw_bans_load(const char *state_dir, spw_ban_line_visit *visit, void *context, u32 *expired,
		  char message[SPW_MESSAGE_MAX]);

/** spw_bans_save() - write all that the maps hold. Returns 0, or -errno and @message: the old file is intact. */
int spw_bans_save(const char *state_dir, const struct spw_ban_maps *maps, const struct spw_registry *registry,
		  char message[SPW_MESSAGE_MAX]);

/**
 * spw_bans_save_soon() - the same beside the loop; an error is logged, once until it goes well.
 * @maps: must stay until spw_bans_save_wait(); what else is needed is copied
 * Returns 0, -EBUSY (one is under way), -ENOMEM or -EAGAIN.
 */
int spw_bans_save_soon(const char *state_dir, const struct spw_ban_maps *maps, const struct spw_registry *registry);

/** spw_bans_save_wait() - until none is under way. */
void spw_bans_save_wait(void);

#endif
