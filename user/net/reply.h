/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers to requests on the control socket, at once or later. */
#ifndef SPW_NET_REPLY_H
#define SPW_NET_REPLY_H

#include "control_server.h"

/* A client that waits for an answer. All zero: none; answers are dropped. */
struct spw_reply_to {
	struct spw_control_server *server;
	u64 client;
};

/** spw_reply() - answer now; takes the reference of @answer. */
void spw_reply(const struct spw_reply_to *to, json_t *answer);

/** spw_reply_awaited() - whether that client is still connected. */
bool spw_reply_awaited(const struct spw_reply_to *to);

/** spw_reply_failure() - {"ok":false,"error":@text}, a new reference. @text is cut at invalid UTF-8. */
json_t *spw_reply_failure(const char *text);

#endif
