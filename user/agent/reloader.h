/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reloader: a configuration is read here, compiled in a process of its own (host/compile_job.h) and handed to the
 * publisher. One reload runs at a time; of the requests that come meanwhile the last one wins.
 */
#ifndef SPW_AGENT_RELOADER_H
#define SPW_AGENT_RELOADER_H

#include <systemd/sd-event.h>

#include "confirmation.h"
#include "net/reply.h"

struct reloader;

/**
 * reloader_new() - all but @config_path is borrowed.
 * @config_path: what a request without a path means, until a reload has succeeded
 * @force: take what `check` refuses without --force, at every reload
 * NULL: no memory.
 */
struct reloader *reloader_new(sd_event *loop, struct publisher *publisher, struct confirmation *confirmation,
			      struct journal *journal, const char *config_path, bool force);

/** reloader_free() - ends a job that runs. */
void reloader_free(struct reloader *reloader);

/**
 * reloader_start() - the first publication, which waits for its job. What an earlier run has left to be taken back goes
 * before @config.
 * @config: taken
 * Returns 0, or -errno and @message.
 */
int reloader_start(struct reloader *reloader, struct spw_config *config, char message[SPW_MESSAGE_MAX]);

struct reload_request {
	const char *path; /* NULL: the configuration in force, read again */
	bool force;
	struct spw_reply_to client;
	u64 confirm_ns; /* as in struct publication */
};

/** reloader_request() - begin, or remember it; the client is answered at the end. */
void reloader_request(struct reloader *reloader, const struct reload_request *request);

/** reloader_tick() - end a job that takes too long, and take back what nobody confirmed in time. */
void reloader_tick(struct reloader *reloader, u64 now_ns);

#endif
