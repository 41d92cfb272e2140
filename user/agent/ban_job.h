/* SPDX-License-Identifier: GPL-2.0-only */
/* Work on many bans, in slices of a few milliseconds so that ticks are not delayed. Private to bans. */
#ifndef SPW_AGENT_BAN_JOB_H
#define SPW_AGENT_BAN_JOB_H

#include "ban_table.h"
#include "lists/lists.h"
#include "net/reply.h"

enum {
	BAN_WITHIN_MAX = 64, /* prefixes of a SWEEP */
};

enum ban_job_kind {
	BAN_ADD,
	BAN_REMOVE,
	BAN_SWEEP, /* remove all bans of a list, or those within the prefixes */
	BAN_REFIT, /* another ruleset is in force: other holes */
};

enum ban_phase {
	BAN_CHECK, /* ADD: is there space; REFIT: map the new prefixes */
	BAN_DO,
	BAN_SETTLE, /* ADD that failed: roll back; REFIT: write changed holes */
};

struct ban_job {
	enum ban_job_kind kind;
	enum ban_phase phase;
	struct spw_reply_to client;
	u16 list; /* identity */
	char list_name[SPW_NAME_MAX];
	char owner[SPW_BAN_OWNER_MAX]; /* REMOVE, SWEEP: empty: all owners */
	bool extend;		       /* ADD: do not shorten the owner's existing ban */
	bool begun;		       /* SWEEP: `at` is set */
	u64 until_ns;		       /* CLOCK_MONOTONIC; SPW_BAN_FOREVER */
	char note[SPW_BAN_NOTE_MAX];
	struct spw_list prefixes;
	size_t at;   /* next prefix, or next item of the set; SWEEP: items left, from the end */
	size_t room; /* CHECK: keys needed at most */
	u32 added, changed, moved, removed, absent;
	u32 held;			/* ADD: bans that another owner wants for longer */
	u32 kept;			/* REMOVE, SWEEP: bans that other owners still want */
	char warnings[SPW_MESSAGE_MAX]; /* one per line */
	char *fresh;			/* ADD: by prefix, 1: it was not a ban before */
	char error[SPW_MESSAGE_MAX];	/* empty: none */
	struct ban_job *next;
};

/** ban_job_work() - one slice. @rows_file: see struct in_force. Returns true when the job is done. */
bool ban_job_work(struct ban_job *job, struct ban_table *table, int rows_file);

/** ban_job_report() - log what was done, and answer the client. */
void ban_job_report(const struct ban_job *job);

/** ban_job_free() - NULL: no-op. */
void ban_job_free(struct ban_job *job);

#endif
