/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket: one JSON object a line, one answer a line. Both ends stand here: the agent's, on its event loop,
 * and the verbs'. Requests and answers are described in docs/control-socket.md.
 *
 * Bounded: connections, bytes of a request, seconds of a connection. Mode 0600: others than root are refused by the
 * kernel, and by a look at the peer's credentials should the socket have been opened up.
 */
#ifndef SPW_IO_CONTROL_SOCKET_H
#define SPW_IO_CONTROL_SOCKET_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "maps/types.h"
#include "kernel/pins.h"

#define SPW_CONTROL_SOCKET "control.sock"

struct spw_control_server;

/**
 * A request came in. Answer by returning a new reference, or later by spw_control_answer() with the same @client and
 * return NULL now.
 */
typedef json_t *spw_control_handler(void *context, u64 client, const json_t *request);

/** spw_control_server_start() - listen in @run_dir. Returns 0, or -errno and @message. */
int spw_control_server_start(sd_event *loop, const char *run_dir, spw_control_handler *handler, void *context,
			     struct spw_control_server **server, char message[SPW_MESSAGE_MAX]);

/** spw_control_answer() - the answer to a request that was left open; takes the reference. A client that went: no-op.
 */
void spw_control_answer(struct spw_control_server *server, u64 client, json_t *answer);

/** spw_control_is_there() - whether that client is still connected. */
bool spw_control_is_there(const struct spw_control_server *server, u64 client);

/**
 * spw_control_take() - the connection of a client that has asked and was not answered, for a handler whose answer has
 * no end: the server forgets it, the caller owns the descriptor. -1: the client went.
 */
int spw_control_take(struct spw_control_server *server, u64 client);

/** spw_control_server_tick() - close connections that are past their time. */
void spw_control_server_tick(struct spw_control_server *server, u64 now_ns);
void spw_control_server_stop(struct spw_control_server *server);

/** spw_control_connect() - a connection for several requests; to be closed. Returns -1 and @message on an error. */
int spw_control_connect(const char *run_dir, char message[SPW_MESSAGE_MAX]);

/** spw_control_exchange() - one request on it and its answer, as spw_control_call(). */
json_t *spw_control_exchange(int fd, json_t *request, int seconds, char message[SPW_MESSAGE_MAX]);

/**
 * spw_control_open() - connect and send @request (takes the reference), without waiting for the answer.
 * Returns a descriptor that the caller owns, or -1 and @message.
 */
int spw_control_open(const char *run_dir, json_t *request, char message[SPW_MESSAGE_MAX]);

/**
 * spw_control_call() - the verbs' end: send @request (takes the reference), wait for the answer.
 * Returns the answer (a new reference), or NULL and @message: no agent, no permission, no answer within @seconds.
 */
json_t *spw_control_call(const char *run_dir, json_t *request, int seconds, char message[SPW_MESSAGE_MAX]);

#endif
