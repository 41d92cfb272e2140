/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections of the services, by sock_diag(7): look at them a few at a time, and end some. Called by agent/ender.c.
 * Nothing here waits: the kernel answers within the system calls.
 */
#ifndef SPW_SIGNALS_CONNECTIONS_H
#define SPW_SIGNALS_CONNECTIONS_H

#include "core/control/established.h"
#include "scope.h"

/* Connections that one step of a sweep finds at most. */
#define SPW_SWEEP_STEP_MAX 512u

struct spw_connections;

/** spw_connections_open() - Returns 0 or -ENOMEM. Free with spw_connections_close(). */
int spw_connections_open(struct spw_connections **connections);

/**
 * spw_connections_follow() - restart the sweep, over the ports of @scope.
 * @scope: borrowed until the next call
 * @storage_fd: map signal_waits, for what is known of a connection; -1: none
 */
void spw_connections_follow(struct spw_connections *connections, const struct spw_scope *scope, int storage_fd);

/**
 * spw_connections_sweep() - the next step: what one read of the dump gives.
 * @now_ns: CLOCK_MONOTONIC
 * @found: SPW_SWEEP_STEP_MAX of them; `rank` and the flags for management and share are left to the caller
 * @count: how many were found
 * @whole: the sweep is over, and the next step begins another one
 * Returns 0, or -errno: the current namespace was skipped.
 */
int spw_connections_sweep(struct spw_connections *connections, u64 now_ns, struct spw_connection *found, u32 *count,
			  bool *whole);

/**
 * spw_connections_end() - end @count connections (SOCK_DESTROY): both sides see a reset.
 * @ended: by index: it was ended. One that no longer exists is neither ended nor an error.
 * Returns 0, or -errno of the last one that failed.
 */
int spw_connections_end(struct spw_connections *connections, const struct spw_connection *victims, u32 count,
			bool *ended);
void spw_connections_close(struct spw_connections *connections);

#endif
