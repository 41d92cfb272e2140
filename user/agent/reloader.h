/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reloader reads a configuration, has it compiled in a separate process (host/compile_job.h) and passes it to the
 * publisher. One reload runs at a time; of the requests that arrive meanwhile the last one wins.
 */
#ifndef SPW_AGENT_RELOADER_H
#define SPW_AGENT_RELOADER_H

#include <systemd/sd-event.h>

#include "confirmation.h"
#include "net/reply.h"

struct reloader;

/**
 * reloader_new() - all but @config_path is borrowed.
 * @config_path: used for requests without a path, until a reload has succeeded
 * @force: accept what `check` refuses without --force, at every reload
 * NULL: no memory.
 */
struct reloader *reloader_new(sd_event *loop, struct publisher *publisher, struct confirmation *confirmation,
			      struct journal *journal, const char *config_path, bool force);

/** reloader_free() - kills a running job. */
void reloader_free(struct reloader *reloader);

/**
 * reloader_start() - the first publication; waits for its job. What an earlier run left to be rolled back takes
 * precedence over @config.
 * @config: taken
 * Returns 0, or -errno and @message.
 */
int reloader_start(struct reloader *reloader, struct spw_config *config, char message[SPW_MESSAGE_MAX]);

struct reload_request {
	const char *path; /* NULL: the configuration in force, read again */
	bool force;
	bool shrunk; /* take lists that were emptied or have lost more than half of their prefixes */
	struct spw_reply_to client;
	u64 confirm_ns; /* as in struct publication */
};

/** reloader_request() - begin, or queue it; the client is answered at the end. */
void reloader_request(struct reloader *reloader, const struct reload_request *request);

/* A reload of the configuration in force, not of its file, because a list was fetched. */
struct reload_trial {
	const char *list; /* whose fetched content is used instead of its copy (config/url_copy.h); NULL: all copies */
	bool shrunk;	  /* as above */
	void (*done)(void *context, const char *why); /* @why: it was refused; NULL: it is in force */
	void *context;
};

/** reloader_is_free() - whether no reload runs or waits, and none awaits its confirmation. */
bool reloader_is_free(const struct reloader *reloader);

/** reloader_try() - begin one while reloader_is_free(); trial->done is called once, perhaps at once. */
void reloader_try(struct reloader *reloader, const struct reload_trial *trial);

/**
 * reloader_release() - the fetched content that a trial has brought into force is the copy now. Until then, for two
 * seconds at most, other reloads wait: they would read the copy before it.
 */
void reloader_release(struct reloader *reloader);

/** reloader_tick() - kill a job that takes too long, and roll back what nobody confirmed in time. */
void reloader_tick(struct reloader *reloader, u64 now_ns);

#endif
