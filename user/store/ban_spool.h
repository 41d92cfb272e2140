/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bans that are asked for while no agent runs: <run_dir>/spool, one file a request, which the next agent does before it
 * is ready, in the order in which they were written. Programs such as fail2ban ask once and believe that it was done.
 *
 * The lock of the folder decides between spool and socket. A writer holds it while it sees that nobody listens and
 * writes its file. The agent listens first and takes the files then, under the lock, so none is left behind.
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
	SPW_SPOOL_BYTES_MAX = 32 << 20, /* of all files */
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
 * spw_spool_take() - @visit is called for each request in their order; then its file is removed.
 * @message: empty, or what could not be read; the last such file is kept as "damaged" in the folder
 * Returns how many requests there were.
 */
u32 spw_spool_take(const char *run_dir, spw_spool_visit *visit, void *context, char message[SPW_MESSAGE_MAX]);

#endif
