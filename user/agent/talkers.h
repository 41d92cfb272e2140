/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples of packets, at each tick: they feed the ranking of talkers, clients that follow drops, and the choice of the
 * sampling rate. Shedding does not depend on any of it: errors are logged once.
 */
#ifndef SPW_AGENT_TALKERS_H
#define SPW_AGENT_TALKERS_H

#include "in_force.h"
#include "lease.h"
#include "net/drop_stream.h"
#include "view/talkers.h"

struct talkers;

/** talkers_new() - @lease: borrowed. NULL: no memory. Free with talkers_free(), which ends all streams. */
struct talkers *talkers_new(const struct in_force *in_force, struct lease *lease);
void talkers_free(struct talkers *talkers);

/** talkers_follow() - another configuration is in force. */
void talkers_follow(struct talkers *talkers);

/** talkers_tick() - read the samples, and tell the lease the next sampling rate. */
void talkers_tick(struct talkers *talkers, u64 now_ns);

/** talkers_ranking() - for fair shares. */
const struct spw_talkers *talkers_ranking(const struct talkers *talkers);

/** talkers_view() - for `top` and metrics; all but policy and decision. Borrowed until the next tick. */
struct spw_talkers_view talkers_view(const struct talkers *talkers);

/** talkers_have_room() - whether one more client may follow the drops. */
bool talkers_have_room(const struct talkers *talkers);

/**
 * talkers_send_drops() - the latest drops, or all that are sampled from now on.
 * @fd: connection of a client, from spw_control_take(); taken
 */
void talkers_send_drops(struct talkers *talkers, int fd, const struct spw_stream_filter *filter, bool follow);

#endif
