/* SPDX-License-Identifier: GPL-2.0-only */
/* Compares the configuration with the network devices of this host. Used by the agent, check and doctor. */
#ifndef SPW_HOST_INTERFACES_H
#define SPW_HOST_INTERFACES_H

#include "config/config.h"

/**
 * spw_interfaces_check() - an error for each interface that @config names twice (altnames).
 * Ignores names that do not exist here. Returns 0 or -EINVAL.
 */
int spw_interfaces_check(const struct spw_config *config, struct spw_diagnostics *diagnostics);

/**
 * spw_interfaces_check_limits() - a warning for each limit above what the interfaces can carry together.
 * Says nothing if one of them does not exist here or does not report its speed.
 */
void spw_interfaces_check_limits(const struct spw_config *config, struct spw_diagnostics *diagnostics);

#endif
