/* SPDX-License-Identifier: GPL-2.0-only */
/* Read and answer waits: loads, attaches and reads bpf/signals.bpf.c. Called by signals.c. */
#ifndef SPW_KERNEL_READ_WAIT_H
#define SPW_KERNEL_READ_WAIT_H

#include "core/control/facts.h"
#include "maps/signal.h"

struct spw_read_wait;

/**
 * spw_read_wait_open() - load and attach. Tries the hooks of this kernel, best first (listed in bpf/signals.bpf.c).
 * Answer waits may be absent while read waits are there. Returns 0, even when both are absent, or -ENOMEM. Free with
 * spw_read_wait_close().
 */
int spw_read_wait_open(struct spw_read_wait **wait);

/** spw_read_wait_about() - the hook used for read-wait, or why it is absent. */
const char *spw_read_wait_about(const struct spw_read_wait *wait);

/** spw_read_wait_about_answers() - the same for answer wait. */
const char *spw_read_wait_about_answers(const struct spw_read_wait *wait);

/** spw_read_wait_follow() - set which sockets count for which service. Returns 0 or -errno. */
int spw_read_wait_follow(struct spw_read_wait *wait, const struct spw_signal_scope *scope);

/** spw_read_wait_sockets() - map signal_waits, for a dump of sockets; borrowed; -1: absent. */
int spw_read_wait_sockets(const struct spw_read_wait *wait);

/** spw_read_wait_light() - map light_sockets: connections that are not observed; borrowed; -1: absent. */
int spw_read_wait_light(const struct spw_read_wait *wait);

/**
 * spw_read_wait_read() - fill in the read and answer waits of a service, with their presence flags.
 * @identity: of the service; @now_ns: CLOCK_MONOTONIC
 */
void spw_read_wait_read(struct spw_read_wait *wait, u32 identity, u64 now_ns, struct spw_service_facts *facts);
void spw_read_wait_close(struct spw_read_wait *wait);

#endif
