/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes the copies of lists by URL (config/url_copy.h) in a thread, one file at a time, so that the event loop never
 * waits for the disk. Called by the agent.
 */
#ifndef SPW_STORE_URL_COPY_FILE_H
#define SPW_STORE_URL_COPY_FILE_H

#include "base/error.h"
#include "config/url_copy.h"

/**
 * spw_url_copy_write_soon() - write content into the spare file of @copy.
 * @fd: what to write, from its start; a duplicate is used
 * Returns 0, -EBUSY (another write is running) or another -errno.
 */
int spw_url_copy_write_soon(const char *state_dir, const char *list, const struct spw_url_copy *copy, int fd);

/** spw_url_copy_describe_soon() - write lists/NAME.json: from then on @copy is the copy. Returns as above. */
int spw_url_copy_describe_soon(const char *state_dir, const char *list, const char *url,
			       const struct spw_url_copy *copy);

/** spw_url_copy_written() - whether no write is running. @failed: the last one failed, and was logged. */
bool spw_url_copy_written(bool *failed);

/** spw_url_copy_wait() - wait for a running write. */
void spw_url_copy_wait(void);

#endif
