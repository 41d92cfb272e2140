/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent: one event loop that keeps the datapath under a lease. Called by the verb `run` alone. */
#ifndef SPW_AGENT_H
#define SPW_AGENT_H

#include <stdbool.h>

/**
 * spw_agent_run() - run until SIGTERM or SIGINT.
 * @config_path: the configuration; read again at SIGHUP and at `apply`
 * @force: take a configuration that `check` refuses without --force (a class that cuts everything, or management)
 * Returns enum spw_exit. Whatever happens, the interfaces go on passing traffic: errors before the first attachment
 * leave the host as it was, later ones end in a lease that nobody renews.
 */
int spw_agent_run(const char *config_path, bool force);

#endif
