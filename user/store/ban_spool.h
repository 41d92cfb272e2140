/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests for bans while no agent answers: <run_dir>/spool, one file each. Programs such as fail2ban ask once and
 * assume success. An agent takes the files in the sequence of writing: at its start before it is ready, and later once
 * a second, as it may have been too busy to answer.
 *
 * The folder's lock decides between spool and socket. A writer holds it while it checks that nobody listens and writes
 * its file. A starting agent first listens, then takes the files under the lock.
 */
#ifndef SPW_STORE_BAN_SPOOL_H
#define SPW_STORE_BAN_SPOOL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "maps/types.h"

enum {
	SPW_SPOOL_FILES_MAX = 4096,
	SPW_SPOOL_FILE_BYTES_MAX = 8 << 20,
	SPW_SPOOL_BYTES_MAX = 32 << 20, /* of all files, and of those taken at a time */
};

/**
 * spw_spool_is_wanted() - whether an agent has run here: in this boot, or before with the same @state_dir (NULL:
 * unknown).
 */
bool spw_spool_is_wanted(const char *run_dir, const char *state_dir);

/**
 * spw_spool_lock() - make the folder if missing, and wait for its lock, at most 10 s.
 * Returns a descriptor that holds the lock until closed, or -errno and @message.
 */
int spw_spool_lock(const char *run_dir, char message[SPW_MESSAGE_MAX]);

/**
 * spw_spool_put() - write @request (borrowed; NULL: no JSON) and flush it to disk, whole or not at all; the caller has the lock.
 * Returns 0, or -errno and @message; -EDQUOT: the spool is full.
 */
int spw_spool_put(const char *run_dir, const json_t *request, char message[SPW_MESSAGE_MAX]);

/* @age_ns: time since the request was made. */
typedef void spw_spool_visit(void *context, const json_t *request, u64 age_ns);

/**
 * spw_spool_take() - call @visit for each request, in sequence, and remove its file.
 * @wait: for the lock, at most 2 s, and go on without it; otherwise do nothing if it is held
 * @message: empty, or what was not taken and why; the last such file is kept as "damaged" in the folder
 * Files beyond the bounds are left for the next call. Returns the number of requests.
 */
u32 spw_spool_take(const char *run_dir, bool wait, spw_spool_visit *visit, void *context,
		   char message[SPW_MESSAGE_MAX]);

#endif
