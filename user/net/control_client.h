/* SPDX-License-Identifier: GPL-2.0-only */
/* Client side of the control socket (control_server.h). */
#ifndef SPW_NET_CONTROL_CLIENT_H
#define SPW_NET_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/** spw_control_exchange() - one request (takes the reference) and its answer, as spw_control_call(), on a connection. */
json_t *spw_control_exchange(int fd, json_t *request, int seconds, char message[SPW_MESSAGE_MAX]);

/** spw_control_listens() - whether an agent accepts connections. */
bool spw_control_listens(const char *run_dir);

/**
 * spw_control_open() - connect and send @request (takes the reference), without waiting for the answer.
 * Returns a descriptor owned by the caller, or -1 and @message.
 */
int spw_control_open(const char *run_dir, json_t *request, char message[SPW_MESSAGE_MAX]);

/** Talks over a connection, with spw_control_exchange(); returns the last answer, or NULL and @message. */
typedef json_t *spw_control_talker(int fd, void *context, char *message);

/**
 * spw_control_talk() - connect, and return what @talk does. While too many are connected it tries again, for 3 s: @talk
 * then begins anew.
 * @err: 0; -EBUSY: still too many, and the answer says so; where NULL is returned -ENOENT or -ECONNREFUSED if nobody
 * listens, -ECONNRESET if the agent closed the connection, -ETIMEDOUT if it did not answer in time, or another -errno
 * Returns NULL and @message also if there is no agent, or no permission.
 */
json_t *spw_control_talk(const char *run_dir, spw_control_talker *talk, void *context, int *err,
			 char message[SPW_MESSAGE_MAX]);

/**
 * spw_control_call() - send @request (takes the reference) by spw_control_talk() and wait for the answer.
 * Returns the answer (a new reference), or NULL and @message: no agent, no permission, no answer within @seconds.
 */
json_t *spw_control_call(const char *run_dir, json_t *request, int seconds, char message[SPW_MESSAGE_MAX]);

#endif
