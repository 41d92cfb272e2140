/* SPDX-License-Identifier: GPL-2.0-only */
/* Common to the verbs that only send a request to the agent: level, capacity and confirm. */
#ifndef SPW_CMD_ASK_H
#define SPW_CMD_ASK_H

#include <jansson.h>

#include "cmd.h"

/**
 * spw_ask() - send one request to the agent of @call.
 * @request: taken
 * @print: shows a positive answer; returns enum spw_exit
 * A refusal, or the lack of an agent, is printed on stderr. Returns enum spw_exit.
 */
int spw_ask(const struct spw_call *call, json_t *request,
	    int (*print)(const struct spw_call *call, const json_t *answer));

#endif
