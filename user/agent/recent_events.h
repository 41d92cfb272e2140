/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last events, for the status page: without what may hold an address or a secret (output of hooks, messages about
 * lines of lists), which is in the event log.
 */
#ifndef SPW_AGENT_RECENT_EVENTS_H
#define SPW_AGENT_RECENT_EVENTS_H

#include <jansson.h>

#include "maps/types.h"

#define RECENT_EVENTS_MAX 32

/* Zero it to begin. */
struct recent_events {
	json_t *events[RECENT_EVENTS_MAX]; /* a ring */
	u32 next;			   /* where the next one goes */
};

/**
 * recent_events_add() - keep a copy; the oldest goes.
 * @wall_ns: CLOCK_REALTIME
 * @fields: as for spw_events_append(); borrowed, may be NULL
 */
void recent_events_add(struct recent_events *recent, u64 wall_ns, const char *event, const json_t *fields);

/** recent_events_json() - an array, newest first; a new reference, NULL: no memory. */
json_t *recent_events_json(const struct recent_events *recent);
void recent_events_free(struct recent_events *recent);

#endif
