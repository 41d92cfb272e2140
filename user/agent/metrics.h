/* SPDX-License-Identifier: GPL-2.0-only */
/* /metrics, /healthz and the status page. Protection does not depend on them. */
#ifndef SPW_AGENT_METRICS_H
#define SPW_AGENT_METRICS_H

#include <systemd/sd-event.h>

#include "downloads.h"
#include "governor.h"
#include "lease.h"
#include "limiter.h"
#include "light.h"
#include "own.h"
#include "publisher.h"
#include "talkers.h"

struct metrics;

/* What is shown; all borrowed. */
struct metrics_sources {
	const struct publisher *publisher;
	const struct lease *lease;
	struct governor *governor;
	const struct limiter *limiter;
	const struct talkers *talkers;
	const struct journal *journal;
	const struct own *own;
	const struct downloads *downloads;
	const struct light *light;
};

/** metrics_new() - create and listen. NULL: no memory. Free with metrics_free(). */
struct metrics *metrics_new(sd_event *loop, const struct metrics_sources *sources);
void metrics_free(struct metrics *metrics);

/**
 * metrics_follow() - another configuration is in force: move to its address.
 * Returns a warning, as on_in_force; NULL: none.
 */
const char *metrics_follow(struct metrics *metrics);

/** metrics_tick() - time limits of connections. */
void metrics_tick(struct metrics *metrics);

#endif
