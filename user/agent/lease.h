/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lease, and everything else told to the datapath at each tick: the only writer of struct spw_control. An
 * operator's overrides of the level are kept there too, so that they survive a restart.
 */
#ifndef SPW_AGENT_LEASE_H
#define SPW_AGENT_LEASE_H

#include "core/control/decide.h"
#include "in_force.h"
#include "maps/control.h"

struct lease;

/** lease_new() - read what an earlier agent left; writes nothing yet. Returns 0 or -errno. */
int lease_new(const struct in_force *in_force, struct lease **lease);

/** lease_end() - end the lease: everything passes from now on. NULL, or never renewed: no-op. */
void lease_end(struct lease *lease);
void lease_free(struct lease *lease);

/** lease_follow() - another configuration is in force: adopt its mode and renew the lease. */
void lease_follow(struct lease *lease);

/** lease_tick() - drop expired overrides. */
void lease_tick(struct lease *lease, u64 now_ns);

/** lease_renew() - write everything, with a lease from @now_ns on. An error is logged. */
void lease_renew(struct lease *lease, u64 now_ns);

/** lease_control() - current values, including those not written yet. */
const struct spw_control *lease_control(const struct lease *lease);

/** lease_jiffies() - the kernel's jiffies at the last renewal; 0: unknown. */
u64 lease_jiffies(const struct lease *lease);

/* Written by the next lease_renew(): */

/** lease_set_level() - as decided. */
void lease_set_level(struct lease *lease, u8 level);

/** lease_set_sampling() - see `sample` in struct spw_control. */
void lease_set_sampling(struct lease *lease, enum spw_verdict verdict, u8 threshold);

/** lease_pin() - an operator sets the level until @until_ns (CLOCK_MONOTONIC, UINT64_MAX: permanently). */
void lease_pin(struct lease *lease, u8 level, u64 until_ns);

/** lease_unpin() - back to automatic, bounds too. */
void lease_unpin(struct lease *lease);

/** lease_bound() - an operator bounds the level; @least <= @most. */
void lease_bound(struct lease *lease, u8 least, u8 most, u64 until_ns);

/** lease_override() - the override in force. */
struct spw_override lease_override(const struct lease *lease);

#endif
