/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests for bans that no agent answers: <run_dir>/spool, one file each. Programs such as fail2ban ask once and assume
 * that it worked. An agent takes the files in the order in which they were written: at its start before it is ready, and
 * later once a second, as it may have been too busy to answer.
 *
 * The lock of the folder decides between spool and socket. A writer holds it while it checks that nobody listens and
 * writes its file. An agent that starts listens first and takes the files after that, under the lock.
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
	SPW_SPOOL_BYTES_MAX = 32 << 20, /* of all files, and of those that are taken at a time */
};

/** spw_spool_is_wanted() - whether an agent has run here: in this boot, or before it with the same @state_dir (NULL: not known). */
bool spw_spool_is_wanted(const char *run_dir, const char *state_dir);

/**
 * spw_spool_lock() - make the folder if need be, and wait for its lock, 10 s at most.
 * Returns a descriptor that holds the lock until it is closed, or -errno and @message.
 */
int spw_spool_lock(const char *run_dir, char message[SPW_MESSAGE_MAX]);

/**
 * spw_spool_put() - write @request (borrowed; NULL: no JSON) and flush it to disk, whole or not at all; the caller has the lock.
 * Returns 0, or -errno and @message; -EDQUOT: the spool is full.
 */
int spw_spool_put(const char *run_dir, const json_t *request, char message[SPW_MESSAGE_MAX]);

/* @age_ns: how long ago it was asked. */
typedef void spw_spool_visit(void *context, const json_t *request, u64 age_ns);

/**
 * spw_spool_take() - call @visit for each request, in order, and remove its file.
 * @wait: for the lock, 2 s at most, and go on without it; otherwise do nothing if somebody has it
 * @message: empty, or what was not taken and why; the last such file is kept as "damaged" in the folder
 * Files beyond the bounds are left for the next call. Returns the number of requests.
 */
u32 spw_spool_take(const char *run_dir, bool wait, spw_spool_visit *visit, void *context,
		   char message[SPW_MESSAGE_MAX]);

#endif
