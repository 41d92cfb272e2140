/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log: <state_dir>/events.jsonl, one JSON object per line, for people and for `events`. Rotated at 1 MiB to
 * events.jsonl.1. Written by the agent.
 *
 * Each object has "at" (RFC 3339, UTC, to the ms) and "event":
 *   start, stop     "pid", "version"
 *   level           "level", "former", "service" (null: none), "rule", "reason" (a sentence), numbers
 *   reload          "ok", "generation", "error" (null: none)
 *   attach, detach  "interface"; "mode" of attach
 *   hook            "hook", "ok", "exit", "signal", "seconds", "level", "output"
 *   signal          "signal", "service" (null: the host), "present", "reason" (why it is absent)
 *   ending          "service", "ending" (connections are being ended); then "class" of the first and "reason" ("share",
 *                   "patience"); or, when none was for 10 s, how many were "ended", within how many "seconds"
 *   pin             "level" (null: automatic again)
 */
#ifndef SPW_STORE_EVENTS_H
#define SPW_STORE_EVENTS_H

#include <jansson.h>

#include "maps/types.h"
#include "kernel/pins.h"

#define SPW_EVENTS_FILE	     "events.jsonl"
#define SPW_EVENTS_BYTES_MAX (1u << 20)
#define SPW_EVENT_BYTES_MAX  (16u << 10) /* per line; longer ones are dropped, which is logged */

struct spw_events;

/** spw_events_open() - open or create. Returns 0, or -errno and @message. */
int spw_events_open(const char *state_dir, struct spw_events **events, char message[SPW_MESSAGE_MAX]);

/**
 * spw_events_append() - write one line.
 * @wall_ns: CLOCK_REALTIME
 * @fields: object with what belongs to the event, or NULL; takes the reference
 * With a full disk the event is lost, which is logged once. @events NULL: no-op.
 */
void spw_events_append(struct spw_events *events, u64 wall_ns, const char *event, json_t *fields);
void spw_events_close(struct spw_events *events);

/** spw_events_time() - RFC 3339 in UTC to the millisecond, as in "at". @text: 32 bytes. Returns @text. */
const char *spw_events_time(u64 wall_ns, char text[32]);

#endif
