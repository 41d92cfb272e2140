/* SPDX-License-Identifier: GPL-2.0-only */
/* The program on the interfaces: one pinned link each, checked at every tick. Part of the publisher. */
#ifndef SPW_AGENT_ATTACHMENT_H
#define SPW_AGENT_ATTACHMENT_H

#include "in_force.h"
#include "journal.h"
#include "kernel/links.h"

/* All zero: nothing is attached. */
struct attachment {
	const struct in_force *in_force;
	struct journal *journal;
	struct spw_link links[SPW_INTERFACES_MAX];
	bool made[SPW_INTERFACES_MAX]; /* by the latest attachment_cover() */
	size_t count;
	u64 retried_ns;
};

/**
 * attachment_cover() - attach to every interface of @config, or change nothing. Links that are alive are kept.
 * Returns 0, or -errno and @message.
 */
int attachment_cover(struct attachment *attachment, const struct spw_config *config, char message[SPW_MESSAGE_MAX]);

/** attachment_detach_others() - detach from interfaces that only earlier configurations named. */
void attachment_detach_others(struct attachment *attachment);

/**
 * attachment_replace() - put @program_fd into every link; on error @former_fd again. Returns 0, or -errno and @message.
 */
int attachment_replace(struct attachment *attachment, int program_fd, int former_fd, char message[SPW_MESSAGE_MAX]);

/**
 * attachment_watch() - find links that lost their interface or were detached: log once and, if configured, retry each
 * second. Returns whether anything changed.
 */
bool attachment_watch(struct attachment *attachment, u64 now_ns);

/** attachment_is_whole() - whether every interface is covered. */
bool attachment_is_whole(const struct attachment *attachment);

/** attachment_describe() - for the agent's record. */
void attachment_describe(const struct attachment *attachment, struct spw_interface_record records[SPW_INTERFACES_MAX]);

/** attachment_abandon() - detach what the first attachment_cover() attached; links of an earlier run stay. */
void attachment_abandon(struct attachment *attachment);

/** attachment_close() - the links stay pinned. */
void attachment_close(struct attachment *attachment);

#endif
