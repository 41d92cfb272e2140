/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read-wait: bpf/signals.bpf.c loaded, attached and read. Called by signals.c.
 */
#ifndef SPW_IO_READ_WAIT_H
#define SPW_IO_READ_WAIT_H

#include "core/control/facts.h"
#include "signals/scope.h"

struct spw_read_wait;

/**
 * spw_read_wait_open() - load and attach, by the tracepoint where there is one, else by fentry; which of them works is
 * found by trying. Returns 0 or -ENOMEM; without a source it is there and says why not.
 */
int spw_read_wait_open(struct spw_read_wait **wait);

/** spw_read_wait_about() - in words: what is used, or why it is absent. */
const char *spw_read_wait_about(const struct spw_read_wait *wait);

/** spw_read_wait_follow() - which sockets count for which service. Returns 0 or -errno. */
int spw_read_wait_follow(struct spw_read_wait *wait, const struct spw_scope *scope);

/**
 * spw_read_wait_read() - fill in waits_present, waits, first_reads and oldest_unread_ns of a service.
 * @identity: of the service; @now_ns: CLOCK_MONOTONIC
 */
void spw_read_wait_read(struct spw_read_wait *wait, u32 identity, u64 now_ns, struct spw_service_facts *facts);
void spw_read_wait_close(struct spw_read_wait *wait);

#endif
