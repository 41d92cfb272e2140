/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps the light listeners in use (maps/light.h): programs in the namespaces of their services, the listening sockets, and
 * the datapath's rules. Whatever goes wrong, nothing is let through for a light listener: it is dropped, as without one.
 */
#ifndef SPW_AGENT_LIGHT_H
#define SPW_AGENT_LIGHT_H

#include "in_force.h"
#include "view/light.h"

struct light;

/** light_new() - nothing is in use before light_follow(). NULL: no memory. light_free() leaves links pinned. */
struct light *light_new(const struct in_force *in_force);
void light_free(struct light *light);

/** light_abandon() - the start has failed: detach. NULL is a no-op. */
void light_abandon(struct light *light);

/**
 * light_follow() - a configuration or program is in force. @sockets_fd: governor_light_sockets(). Returns NULL, or a warning
 * that is valid until the next call.
 */
const char *light_follow(struct light *light, int sockets_fd);

/** light_tick() - once a second: look for the listeners. */
void light_tick(struct light *light, u64 now_ns);

/** light_state() - for display. @state: filled in; valid until the next tick. */
void light_state(const struct light *light, struct spw_light_state *state);

#endif
