/* SPDX-License-Identifier: GPL-2.0-only */
/* The sampled drops as the agent tells them, line by line: what `events --drops` and `capture` have in common. */
#ifndef SPW_CMD_DROPS_H
#define SPW_CMD_DROPS_H

#include <jansson.h>

#include "cmd.h"

/* Whose drops, and for how long. */
struct spw_drops_request {
	const char *reason;	/* NULL: any */
	const char *class_name; /* NULL: any */
	bool follow;		/* what comes from now on; otherwise the latest few */
	double seconds;		/* 0: until somebody ends it */
};

/* One drop; false: that was enough. NULL: nothing came for a moment, to be asked whether to go on. */
typedef bool spw_drop_handler(void *context, const json_t *drop);

/**
 * spw_drops() - ask the agent that @call is about, and hand over what comes.
 * @lost: drops that the agent had no room for, as this was read too slowly; may be NULL
 * SIGINT and SIGTERM end it as the time does. Returns enum spw_exit; what went wrong was said on stderr.
 */
int spw_drops(const struct spw_call *call, const struct spw_drops_request *override, spw_drop_handler *handler,
	      void *context, u64 *lost);

#endif
