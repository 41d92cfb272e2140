/* SPDX-License-Identifier: GPL-2.0-only */
/* The verbs' end of the control socket (control_server.h). */
#ifndef SPW_NET_CONTROL_CLIENT_H
#define SPW_NET_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/** spw_control_connect() - a connection for several requests. Returns a descriptor owned by the caller, or -1 and @message. */
int spw_control_connect(const char *run_dir, char message[SPW_MESSAGE_MAX]);

/** spw_control_exchange() - one request on it and its answer, as spw_control_call(). */
json_t *spw_control_exchange(int fd, json_t *request, int seconds, char message[SPW_MESSAGE_MAX]);

/**
 * spw_control_open() - connect and send @request (takes the reference), without waiting for the answer.
 * Returns a descriptor owned by the caller, or -1 and @message.
 */
int spw_control_open(const char *run_dir, json_t *request, char message[SPW_MESSAGE_MAX]);

/** spw_control_is_crowded() - whether @answer says that too many are connected: try again on a new connection. */
bool spw_control_is_crowded(const json_t *answer);

/**
 * spw_control_call() - send @request (takes the reference) and wait for the answer. While too many are connected it tries
 * again, for 3 s.
 * Returns the answer (a new reference), or NULL and @message: no agent, no permission, no answer within @seconds.
 */
json_t *spw_control_call(const char *run_dir, json_t *request, int seconds, char message[SPW_MESSAGE_MAX]);

#endif
