/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guards from /proc: busiest core, softirq, softnet drops, listen overflows, pressure. Files stay open and are re-read
 * at each tick; rates are over the time between two reads. Called by signals.c.
 */
#ifndef SPW_SIGNALS_HOST_SIGNALS_H
#define SPW_SIGNALS_HOST_SIGNALS_H

#include "core/control/facts.h"
#include "scope.h"

struct spw_host_signals;

#define SPW_PRESSURE_INTERVAL_NS 20000000ull /* pressure totals read more often miss stall time */

/** spw_host_signals_open() - open what is there. Returns 0 or -ENOMEM. */
int spw_host_signals_open(struct spw_host_signals **host);

/** spw_host_signals_follow() - count listen overflows of these namespaces from now on. */
void spw_host_signals_follow(struct spw_host_signals *host, const struct spw_scope *scope);

/**
 * spw_host_signals_read() - all guards, since the call before; @now_ns: CLOCK_MONOTONIC.
 * A guard is absent at its first read, if its file is missing, and if its value is invalid. Within 20 ms, pressure
 * keeps its former value.
 */
void spw_host_signals_read(struct spw_host_signals *host, u64 now_ns, struct spw_reading readings[SPW_HOST_SIGNALS]);

/** spw_host_signals_about() - the source of a guard, or why it is absent. */
const char *spw_host_signals_about(const struct spw_host_signals *host, enum spw_host_signal signal);
void spw_host_signals_close(struct spw_host_signals *host);

#endif
