/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Saving in a thread of its own, so that the event loop never waits for the disk; one save at a time. Called by
 * learned.c and bans_file.c.
 */
#ifndef SPW_STORE_SAVER_H
#define SPW_STORE_SAVER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

/* Static, all zero. One thread starts saves and waits for them. */
struct spw_saver {
	atomic_bool busy;
	bool failed; /* written by the thread that saves */
};

/* Saves what @job describes. Returns 0, or -errno and @message. */
typedef int spw_save(const void *job, char message[SPW_MESSAGE_MAX]);

/**
 * spw_saver_start() - call @save in a thread. The first of successive failures is logged.
 * @job: from malloc(), owned and freed by the saver, also on an error; NULL: out of memory
 * Returns 0, -EBUSY (the one before is not done) or another -errno.
 */
int spw_saver_start(struct spw_saver *saver, spw_save *save, void *job);

/** spw_saver_wait() - until nothing is being saved. */
void spw_saver_wait(struct spw_saver *saver);

#endif
