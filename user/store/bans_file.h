/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bans on disk, for the next boot: <state_dir>/entries.jsonl. The pinned maps are authoritative as long as they exist.
 * Written from the maps by a thread and replaced as a whole; read once per set of pins.
 *
 * The first line has "spillway": "entries", "version", "boot_id" and "saved" (seconds of the wall clock). Each other
 * line is a ban: "list", "prefix", "note", "packets", "bytes", and its end twice: "until_ns" (CLOCK_MONOTONIC, for the
 * same boot; null: until it is removed) and "until" (seconds of the wall clock, for another boot). The line of a ban has
 * the "owner" with the latest end; older files have none. After all bans come lines with "shared": each owner of a
 * shared ban, latest end last. Older agents take them for changes of the ban, so the last one counts.
 */
#ifndef SPW_STORE_BANS_FILE_H
#define SPW_STORE_BANS_FILE_H

#include "kernel/ban_maps.h"
#include "ban_line.h"
#include "kernel/registry.h"

#define SPW_BANS_FILE	    "entries.jsonl"
#define SPW_BANS_BYTES_MAX  (64u << 20)
#define SPW_BANS_LINE_BYTES 1024

typedef void spw_ban_line_visit(void *context, const struct spw_ban_line *line);

/* An owner of a shared ban: the maps only have the one with the latest end. */
struct spw_shared_ban {
	struct spw_prefix prefix;
	u64 until_ns;
	u16 list; /* identity */
	char owner[SPW_BAN_OWNER_MAX];
	char note[SPW_BAN_NOTE_MAX];
};

struct spw_shared_bans {
	struct spw_shared_ban *items;
	size_t count;
};

/**
 * spw_bans_load() - read the file; @visit is called for each ban.
 * @shared_only: read only the lines with "shared"
 * @expired: number of bans that have ended since
 * @message: empty, or what could not be read: it is skipped, and the file is kept as entries.jsonl.bad
 * In another boot, no ban has more time left than when it was saved, whatever the wall clock says. A missing file is
 * not an error. Returns 0 or -errno.
 */
int spw_bans_load(const char *state_dir, bool shared_only, spw_ban_line_visit *visit, void *context, u32 *expired,
		  char message[SPW_MESSAGE_MAX]);

/** spw_bans_save() - write all bans of the maps, then @shared. Returns 0, or -errno and @message: the old file is intact. */
int spw_bans_save(const char *state_dir, const struct spw_ban_maps *maps, const struct spw_registry *registry,
		  const struct spw_shared_bans *shared, char message[SPW_MESSAGE_MAX]);

/**
 * spw_bans_save_soon() - the same in a thread (saver.h).
 * @maps: must stay valid until spw_bans_save_wait(); the rest is copied
 * Returns 0, -EBUSY (a save is running), -ENOMEM or -EAGAIN.
 */
int spw_bans_save_soon(const char *state_dir, const struct spw_ban_maps *maps, const struct spw_registry *registry,
		       const struct spw_shared_bans *shared);

/** spw_bans_save_wait() - wait for a running save to end. */
void spw_bans_save_wait(void);

#endif
