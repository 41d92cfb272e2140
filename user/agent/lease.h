/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lease, and what else the agent tells the datapath at each tick: the only writer of struct spw_control. Overrides
 * of the level by an operator live there too, so that they survive a restart.
 */
#ifndef SPW_AGENT_LEASE_H
#define SPW_AGENT_LEASE_H

#include "core/control/decide.h"
#include "in_force.h"
#include "maps/control.h"

struct lease;

/** lease_new() - read what an earlier agent has left; nothing is written yet. Returns 0 or -errno. */
int lease_new(const struct in_force *in_force, struct lease **lease);

/** lease_end() - end the lease: everything passes from here on. NULL, or never renewed: no-op. */
void lease_end(struct lease *lease);
void lease_free(struct lease *lease);

/** lease_follow() - another configuration is in force: its mode counts, and the lease is renewed. */
void lease_follow(struct lease *lease);

/** lease_tick() - drop overrides whose time is over. */
void lease_tick(struct lease *lease, u64 now_ns);

/** lease_renew() - write everything, with a lease from @now_ns on. An error is logged. */
void lease_renew(struct lease *lease, u64 now_ns);

/** lease_control() - as it is, or will be written next. */
const struct spw_control *lease_control(const struct lease *lease);

/** lease_jiffies() - the kernel's jiffies at the last renewal; 0: not known. */
u64 lease_jiffies(const struct lease *lease);

/* Written by the next lease_renew(): */

/** lease_set_level() - as decided. */
void lease_set_level(struct lease *lease, u8 level);

/** lease_set_sampling() - see `sample` in struct spw_control. */
void lease_set_sampling(struct lease *lease, enum spw_verdict verdict, u8 threshold);

/** lease_pin() - an operator sets the level until @until_ns (CLOCK_MONOTONIC, UINT64_MAX: for good). */
void lease_pin(struct lease *lease, u8 level, u64 until_ns);

/** lease_unpin() - and gives it back, bounds too. */
void lease_unpin(struct lease *lease);

/** lease_bound() - an operator bounds the level; @least <= @most. */
void lease_bound(struct lease *lease, u8 least, u8 most, u64 until_ns);

/** lease_override() - what of that is in force. */
struct spw_override lease_override(const struct lease *lease);

#endif
