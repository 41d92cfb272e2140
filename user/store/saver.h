/* SPDX-License-Identifier: GPL-2.0-only */
/* Saving in a separate thread, so that the event loop never waits for the disk; one save at a time. */
#ifndef SPW_STORE_SAVER_H
#define SPW_STORE_SAVER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

/* Static, all zero. One thread starts saves and waits for them. */
struct spw_saver {
	atomic_bool busy;
	bool failed; /* written by the saving thread */
};

/* Save what @job describes. Returns 0, or -errno and @message. */
typedef int spw_save(const void *job, char message[SPW_MESSAGE_MAX]);

/**
 * spw_saver_start() - call @save in a thread. The first of successive failures is logged.
 * @job: from malloc(), owned and freed by the saver, even on an error; NULL: out of memory
 * Returns 0, -EBUSY (the one before is not done) or another -errno.
 */
int spw_saver_start(struct spw_saver *saver, spw_save *save, void *job);

/** spw_saver_wait() - wait until no save is running. */
void spw_saver_wait(struct spw_saver *saver);

#endif
