/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent: one event loop that decides, and keeps the datapath under a lease. Used by the verbs `run` and `doctor`. */
#ifndef SPW_AGENT_AGENT_H
#define SPW_AGENT_AGENT_H

#include <stdbool.h>

#include "base/error.h"
#include "maps/types.h"

/**
 * spw_agent_run() - run until SIGTERM or SIGINT.
 * @config_path: the configuration; read again at SIGHUP and at `apply`
 * @force: accept a configuration that `check` refuses without --force
 * @message: why it could not start; empty: it was logged
 * Returns 0 or -errno. Traffic passes in any case: an error before the program is attached leaves the host as it was, a
 * later one leaves a lease that expires.
 */
int spw_agent_run(const char *config_path, bool force, char message[SPW_MESSAGE_MAX]);

/** spw_agent_lock_holder() - the process that holds the lock of @run_dir, or held it last; 0: not known. */
u32 spw_agent_lock_holder(const char *run_dir);

#endif
