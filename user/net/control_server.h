/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Server side of the control socket, on the agent's event loop: one JSON object per line, one answer per line
 * (docs/control-socket.md).
 *
 * Bounded: number of connections (the longest silent one is replaced; a reserve serves urgent requests only), bytes of
 * a request, duration of a connection. Mode 0600, so only root can connect; peer credentials are checked too, in case
 * somebody changed the mode.
 */
#ifndef SPW_NET_CONTROL_SERVER_H
#define SPW_NET_CONTROL_SERVER_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/error.h"
#include "maps/types.h"

struct spw_control_server;

/**
 * Handle a request. Returns the answer (a new reference), or NULL to answer later by spw_control_answer() with the same
 * @client.
 */
typedef json_t *spw_control_handler(void *context, u64 client, const json_t *request);

/** Whether a request is served even if all connections are taken. */
typedef bool spw_control_urgent(const json_t *request);

/** spw_control_server_start() - listen in @run_dir. Returns 0, or -errno and @message. */
int spw_control_server_start(sd_event *loop, const char *run_dir, spw_control_handler *handler,
			     spw_control_urgent *urgent, void *context, struct spw_control_server **server,
			     char message[SPW_MESSAGE_MAX]);

/** spw_control_answer() - answer a pending request; takes the reference. No-op if the client is gone. */
void spw_control_answer(struct spw_control_server *server, u64 client, json_t *answer);

/** spw_control_is_there() - whether that client is still connected. */
bool spw_control_is_there(const struct spw_control_server *server, u64 client);

/**
 * spw_control_take() - take over the connection of a client with a pending request, to stream to it.
 * Returns the descriptor, owned by the caller; -1: the client is gone.
 */
int spw_control_take(struct spw_control_server *server, u64 client);

/** spw_control_server_tick() - close connections that exceed their time limit. */
void spw_control_server_tick(struct spw_control_server *server, u64 now_ns);

/** spw_control_server_stop() - close everything and remove the socket. NULL: no-op. */
void spw_control_server_stop(struct spw_control_server *server);

#endif
