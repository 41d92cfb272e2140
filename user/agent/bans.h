/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bans: prefixes put into a list for a time, by an operator or by a program such as fail2ban. Requests become jobs,
 * done one at a time in slices of a few milliseconds between ticks, and saved by a separate thread.
 *
 *   bans.c         the queue of jobs, expiry, saving, the spool
 *   ban_request.c  list-add, list-remove and list-flush into jobs
 *   ban_answer.c   list-owners
 *   ban_job.c      a job, slice by slice
 *   ban_table.c    bans and holes in memory and in the maps
 */
#ifndef SPW_AGENT_BANS_H
#define SPW_AGENT_BANS_H

#include <systemd/sd-event.h>

#include "ban_verb.h"
#include "in_force.h"
#include "net/reply.h"

struct bans;

/** bans_new() - read what the pins hold. Returns 0 or -errno. Free with bans_free(), which saves. */
int bans_new(const struct in_force *in_force, struct bans **bans);
void bans_free(struct bans *bans);

/** bans_follow() - another ruleset is in force. */
void bans_follow(struct bans *bans);

/** bans_start() - call once, after the first publication: restore what an earlier boot saved. Returns 0 or -errno. */
int bans_start(struct bans *bans, sd_event *loop);

/**
 * bans_tick() - remove expired bans, a bounded number per tick; take the spool; save changes, at most once a second.
 */
void bans_tick(struct bans *bans, u64 now_ns);

/** bans_request() - list-add and the like. Returns an answer, or NULL: the job will answer @client. */
json_t *bans_request(struct bans *bans, const struct spw_reply_to *client, const json_t *request, enum bans_verb verb);

/** bans_owners() - list-owners. Returns the answer. */
json_t *bans_owners(const struct bans *bans, const json_t *request);

/**
 * bans_take_spool() - do what was requested while no agent ran (store/ban_spool.h). Call once, when the control socket
 * listens and no request has been read yet.
 */
void bans_take_spool(struct bans *bans);

#endif
