/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps the datapath's table of this host's addresses (maps/own.h). Whatever goes wrong, every packet counts as for
 * this host until the table is complete again.
 */
#ifndef SPW_AGENT_OWN_H
#define SPW_AGENT_OWN_H

#include "in_force.h"
#include "view/own.h"

struct own;

/** own_new() - nothing is watched before own_follow(). NULL: no memory. Free with own_free(). */
struct own *own_new(const struct in_force *in_force);
void own_free(struct own *own);

/** own_follow() - a configuration or program is in force: read all addresses, at once if possible. */
void own_follow(struct own *own);

/** own_tick() - follow changes; never blocks, and reads a bounded amount. */
void own_tick(struct own *own, u64 now_ns);

/** own_state() - for display; valid until the next tick. */
struct spw_own_state own_state(const struct own *own);

#endif
