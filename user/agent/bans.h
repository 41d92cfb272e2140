/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries by hand or by machine, as the agent keeps them (maps/entry.h): requests become jobs, jobs are done one after
 * the other in slices of a few milliseconds between two ticks, and what was done is saved beside the loop.
 *
 *   entries.c         what is held: opening, slices of jobs, ends, saving
 *   ban_hold.c      one entry with its holes, in and out
 *   entry_requests.c  list-add and list-remove
 */
#ifndef SPW_AGENT_ENTRIES_H
#define SPW_AGENT_ENTRIES_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "kernel/ban_maps.h"
#include "kernel/rows.h"
#include "lists/lists.h"

struct agent;

enum ban_job_kind {
	BAN_ADD,
	BAN_REMOVE,
	BAN_RELOOK, /* other prefixes in the lists: other holes */
};

enum ban_phase {
	BAN_CHECK, /* ADD: is there room; RELOOK: nobody wants a hole any more */
	BAN_DO,
	BAN_SETTLE, /* ADD that failed: out with what it brought; RELOOK: holes that nobody wants go */
};

struct ban_job {
	enum ban_job_kind kind;
	enum ban_phase phase;
	u64 client; /* who waits for the answer; 0: nobody */
	u16 list;   /* identity */
	char list_name[SPW_NAME_MAX];
	u64 until_ns;
	char note[SPW_BAN_NOTE_MAX];
	struct spw_list prefixes;
	size_t at;
	size_t room; /* CHECK: keys that it will need at most */
	u32 added, changed, moved, removed, absent;
	char *fresh;		     /* ADD: by prefix, 1: it was not there before */
	char error[SPW_MESSAGE_MAX]; /* empty: it goes well */
	struct ban_job *next;
};

/* Prefixes that came with `more`, until the request that ends them. */
struct ban_stage {
	u64 client; /* 0: free */
	struct ban_job *job;
};

#define BAN_STAGES 16

struct agent_bans {
	struct spw_ban_maps maps;
	struct spw_ban_set set;
	struct spw_rows_mapping rows;
	int rows_fd;		       /* of the ruleset in force, which the next RELOOK maps; -1: not known */
	int kept_rows_fd;	       /* of the one that waits to be given back; -1: none */
	struct spw_ban_totals *totals; /* by list identity */
	bool *totals_changed;
	struct ban_job *jobs, **last_job;
	struct ban_stage stages[BAN_STAGES];
	sd_event_source *work;
	struct spw_ban_clock clock; /* both clocks at a moment of the last second */
	u64 now_ns;		    /* of this slice */
	u32 ended;		    /* not told yet */
	/* What a slice is to write when the filter lets it pass. */
	struct spw_ban_batch *batch; /* owned */
	struct spw_prefix *writes;
	size_t writes_count, writes_capacity;
	bool filter_short; /* something in the set does not pass the filter */
	bool filter_wide;  /* something passes that is gone */
	u32 look_at;	   /* next item that is asked whether it ended */
	bool unsaved;
	u64 saved_ns, filtered_ns;
};

/** agent_open_bans() - from the pins, and what an earlier boot has left. Returns 0 or -errno; logged. */
int agent_open_bans(struct agent *agent);

/** agent_begin_bans() - the loop is there: work in slices from here on. Returns 0 or -errno. */
int agent_begin_bans(struct agent *agent);

/** agent_end_bans() - save, and give everything back. */
void agent_end_bans(struct agent *agent);

/** agent_bans_adopt() - a ruleset was published; @rows_file: its prefixes, -1: not known. Keeps a copy of it. */
void agent_bans_adopt(struct agent *agent, int rows_file);

/** agent_bans_keep_rows(), agent_bans_kept_rows() - those of the ruleset that may have to be given back; the
 * latter returns a copy, -1: not known. */
void agent_bans_keep_rows(struct agent *agent);
int agent_bans_kept_rows(struct agent *agent);

/** agent_tick_bans() - what ended goes, in bounded pieces; what changed is saved, at most once a second. */
void agent_tick_bans(struct agent *agent, u64 now);

/** agent_list_request() - the answer to list-add and list-remove, or NULL: it comes when the job is done. */
json_t *agent_list_request(struct agent *agent, u64 client, const json_t *request, bool add);

/* ---- between the three files ---- */

/** bans_queue() - takes @job. */
void bans_queue(struct agent_bans *entries, struct ban_job *job);
void ban_job_free(struct ban_job *job);

/** ban_holes() - prefixes of lists in @prefix; above SPW_BAN_HOLES_MAX: too many; below 0: not known. */
long ban_holes(const struct agent_bans *entries, const struct spw_prefix *prefix);

/* An entry to be. */
struct ban_terms {
	u16 list;
	u64 until_ns;
	const char *note;
	const struct spw_ban_count *carried;
};

enum ban_outcome {
	BAN_ADDED,
	BAN_CHANGED,
	BAN_MOVED, /* was in another list */
};

/**
 * ban_hold() - into the set and the filter, with its holes; holes are to be written by bans_flush(), then the
 * entry by ban_write(). Returns enum ban_outcome, or -ENOSPC, -ENOMEM.
 */
int ban_hold(struct agent_bans *entries, const struct spw_prefix *prefix, const struct ban_terms *terms);

/** bans_flush() - the filter, then the holes that ban_hold() put. Returns 0 or -errno. */
int bans_flush(struct agent_bans *entries);

/** ban_write() - the entry itself; on an error it is let go again. */
int ban_write(struct agent_bans *entries, const struct spw_prefix *prefix, const struct ban_terms *terms);

/** ban_release() - out of the map, with the holes that nobody else wants; @held is gone or a hole afterwards. */
void ban_release(struct agent_bans *entries, struct spw_ban *ban);

/** ban_want_holes() - each prefix of a list in an entry is wanted by one more (@by 1) or one less (-1). */
int ban_want_holes(struct agent_bans *entries, const struct spw_prefix *prefix, int by);

/** ban_settle_hole() - the map learns whether @held is a hole; one that is nothing any more goes. Returns 1 if it
 * went, 0, or -errno. */
int ban_settle_hole(struct agent_bans *entries, struct spw_ban *ban);

#endif
