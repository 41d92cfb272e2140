/* SPDX-License-Identifier: GPL-2.0-only */
/* list-owners (docs/control-socket.md). Private to bans. */
#ifndef SPW_AGENT_BAN_ANSWER_H
#define SPW_AGENT_BAN_ANSWER_H

#include <jansson.h>

#include "ban_table.h"
#include "in_force.h"

/** ban_answer_owners() - the owners of bans beyond the one with the latest end. Returns the answer. */
json_t *ban_answer_owners(const struct in_force *in_force, const struct ban_table *table, const json_t *request);

#endif
