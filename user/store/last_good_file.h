/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps the last good ruleset (lists/last_good.h) in state_dir. The compile job wrote it to memory; it is copied to disk
 * in a thread, so that the event loop never waits for the disk. Called by the agent.
 */
#ifndef SPW_STORE_LAST_GOOD_FILE_H
#define SPW_STORE_LAST_GOOD_FILE_H

#include "base/error.h"

/**
 * spw_last_good_save_soon() - replace the file (state_file.h), in a thread; failures are logged by saver.h.
 * @fd: what to write, from its start; a duplicate is used
 * Returns 0, -EBUSY (a save is running) or another -errno.
 */
int spw_last_good_save_soon(const char *state_dir, int fd);

/** spw_last_good_save() - wait for a save that runs; then save @fd (negative: nothing) here. Failures are logged. */
void spw_last_good_save(const char *state_dir, int fd);

#endif
