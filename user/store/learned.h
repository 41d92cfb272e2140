/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was learned of each service, kept over restarts in <state_dir>/learned.json. Called by the agent: read once at
 * the start, written now and then and at the end.
 *
 *   {"version":1,"saved_at":"2026-11-24T23:40:00Z","services":{"shop":{"capacity_per_s":950,"served_peak_per_s":990,
 *    "idle_wait_ns":120000,"reads_per_work":1}}}
 *
 * The file is written whole beside the old one, brought to disk and renamed, so that there is always one that is whole.
 * Mode 0600; a symbolic link in its place is refused, neither followed nor replaced.
 */
#ifndef SPW_IO_LEARNED_H
#define SPW_IO_LEARNED_H

#include "core/control/decide.h"
#include "kernel/pins.h"

#define SPW_LEARNED_FILE      "learned.json"
#define SPW_LEARNED_BYTES_MAX (1u << 16)

struct spw_learned_service {
	char name[SPW_NAME_MAX];
	struct spw_learned learned;
};

/* By name, as services may stand in another order after a reload. */
struct spw_learned_all {
	u32 count;
	struct spw_learned_service services[SPW_SERVICES_MAX];
};

/**
 * spw_learned_load() - read back.
 * @all: filled in; only numbers that pass spw_learned_check(); empty on any error
 * @message: what was left out, or why nothing was read; "": all is well, also when there is no file
 * A file that is damaged, foreign or too large is moved to learned.json.bad.
 * Returns 0 (also without a file), or -errno: nothing was read, go on without.
 */
int spw_learned_load(const char *state_dir, struct spw_learned_all *all, char message[SPW_MESSAGE_MAX]);

/**
 * spw_learned_save() - write; the folder is made where it is missing (0700).
 * Returns 0, or -errno and @message: the file that was there is as it was (fault 31).
 * Waits for the disk (fsync): some ms, seconds on a bad day. Call it in a process of its own or by
 * spw_learned_save_soon().
 */
int spw_learned_save(const char *state_dir, const struct spw_learned_all *all, char message[SPW_MESSAGE_MAX]);

/**
 * spw_learned_save_soon() - the same in a thread of its own, so that the loop does not wait for the disk; one at a
 * time. What went wrong is logged there, once until it goes well again. Returns 0, -EBUSY (the one before is not done),
 * or another -errno.
 */
int spw_learned_save_soon(const char *state_dir, const struct spw_learned_all *all);

/** spw_learned_find() - of a name; NULL: none. */
const struct spw_learned *spw_learned_find(const struct spw_learned_all *all, const char *name);

#endif
