/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was learned about each service, kept over restarts in <state_dir>/learned.json. Called by the agent: read at the
 * start, written once a minute and at the end.
 *
 *   {"version":1,"saved_at":"2026-11-24T23:40:00Z","services":{"shop":{"capacity_per_s":950,"served_peak_per_s":990,
 *    "idle_wait_ns":120000,"reads_per_work":1}}}
 *
 * The file is replaced as a whole (state_file.h).
 */
#ifndef SPW_STORE_LEARNED_H
#define SPW_STORE_LEARNED_H

#include "core/control/decide.h"
#include "kernel/pins.h"

#define SPW_LEARNED_FILE      "learned.json"
#define SPW_LEARNED_BYTES_MAX (1u << 16)

struct spw_learned_service {
	char name[SPW_NAME_MAX];
	struct spw_learned learned;
};

/* By name: a reload may change the indices of services. */
struct spw_learned_all {
	u32 count;
	struct spw_learned_service services[SPW_SERVICES_MAX];
};

/**
 * spw_learned_load() - read back.
 * @all: filled in; only numbers that pass spw_learned_check(); empty on any error
 * @message: what was ignored, or why nothing was read; "": no error, also without a file
 * An unusable file is renamed to learned.json.bad.
 * Returns 0 (also without a file), or -errno: nothing was read.
 */
int spw_learned_load(const char *state_dir, struct spw_learned_all *all, char message[SPW_MESSAGE_MAX]);

/**
 * spw_learned_save() - write the file, after a running spw_learned_save_soon(); makes the folder (0700).
 * Blocks in fsync(2), possibly for seconds.
 * Returns 0, or -errno and @message: the old file is intact (fault 31).
 */
int spw_learned_save(const char *state_dir, const struct spw_learned_all *all, char message[SPW_MESSAGE_MAX]);

/**
 * spw_learned_save_soon() - the same in a thread (saver.h). Returns 0, -EBUSY (a save is running) or another -errno.
 */
int spw_learned_save_soon(const char *state_dir, const struct spw_learned_all *all);

/** spw_learned_find() - of a name; NULL: none. */
const struct spw_learned *spw_learned_find(const struct spw_learned_all *all, const char *name);

#endif
