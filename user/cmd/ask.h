/* SPDX-License-Identifier: GPL-2.0-only */
/* What the verbs that only ask the agent have in common: level, capacity and confirm. */
#ifndef SPW_CMD_ASK_H
#define SPW_CMD_ASK_H

#include <jansson.h>

#include "cmd.h"

/**
 * spw_ask() - one request to the agent that @call is about.
 * @request: taken over
 * @print: shows an answer that says yes; returns enum spw_exit
 * A no of the agent's, and no agent at all, are said on stderr. Returns enum spw_exit.
 */
int spw_ask(const struct spw_call *call, json_t *request,
	    int (*print)(const struct spw_call *call, const json_t *answer));

#endif
