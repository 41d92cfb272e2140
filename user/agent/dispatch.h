/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent's end of the control socket (docs/control-socket.md): a table of verbs, JSON in and out. */
#ifndef SPW_AGENT_DISPATCH_H
#define SPW_AGENT_DISPATCH_H

#include <systemd/sd-event.h>

#include "bans.h"
#include "downloads.h"
#include "governor.h"
#include "light.h"
#include "own.h"
#include "lease.h"
#include "reloader.h"
#include "talkers.h"

struct dispatch;

/* Handlers of the requests; all borrowed. */
struct dispatch_parts {
	struct publisher *publisher;
	struct lease *lease;
	struct reloader *reloader;
	struct confirmation *confirmation;
	struct governor *governor;
	struct talkers *talkers;
	struct bans *bans;
	const struct own *own;
	struct downloads *downloads;
	const struct light *light;
};

/** dispatch_new() - listen in @run_dir. Returns 0, or -errno and @message. Free with dispatch_free(). */
int dispatch_new(sd_event *loop, const char *run_dir, const struct dispatch_parts *parts, struct dispatch **dispatch,
		 char message[SPW_MESSAGE_MAX]);
void dispatch_free(struct dispatch *dispatch);

/** dispatch_tick() - call after the decision: answers those who changed the level; enforces time limits. */
void dispatch_tick(struct dispatch *dispatch, u64 now_ns);

#endif
