/* SPDX-License-Identifier: GPL-2.0-only */
/* Sampled drops requested from the agent: shared by `events --drops` and `capture`. */
#ifndef SPW_CMD_DROPS_H
#define SPW_CMD_DROPS_H

#include <jansson.h>

#include "cmd.h"

/* Which drops, and for how long. */
struct spw_drops_request {
	const char *reason;	/* NULL: any */
	const char *class_name; /* NULL: any */
	bool follow;		/* from now on; otherwise the latest few */
	double seconds;		/* 0: until interrupted */
};

/* Called with each drop, or with NULL if none came for a moment. Returns false to end. */
typedef bool spw_drop_handler(void *context, const json_t *drop);

/**
 * spw_drops() - request drops, and pass each to @handler.
 * @lost: incremented by the drops that the agent discarded because they were read too slowly
 * SIGINT and SIGTERM end it like the time limit. Returns enum spw_exit; errors are printed on stderr.
 */
int spw_drops(const struct spw_call *call, const struct spw_drops_request *wanted, spw_drop_handler *handler,
	      void *context, u64 *lost);

#endif
