/* SPDX-License-Identifier: GPL-2.0-only */
/* Common to the read-only verbs: status, list, check and doctor. */
#ifndef SPW_CMD_LOOK_H
#define SPW_CMD_LOOK_H

#include <jansson.h>

#include "core/snapshot.h"
#include "cmd.h"

/**
 * spw_look() - read the state of the datapath of @call, with or without an agent.
 * @snapshot: filled in; free with spw_snapshot_free()
 * Returns SPW_EXIT_DONE, or SPW_EXIT_FAILED with the reason printed on stderr.
 */
int spw_look(const struct spw_call *call, struct spw_snapshot *snapshot);

/** spw_print_json() - print @value, taking the reference; NULL: out of memory. Returns enum spw_exit. */
int spw_print_json(json_t *value);

#endif
