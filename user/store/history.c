/* SPDX-License-Identifier: GPL-2.0-only */
/* Ticks are collected for a second and written as one block; full segments are thinned in the background. */
#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "history_format.h"
#include "base/log.h"
#include "base/replace.h"
#include "thinning.h"

#define NS_PER_S     1000000000ull
#define WRITE_NS     NS_PER_S
#define RETRY_NS     (10 * NS_PER_S)
#define BYTES_MIN    (64u << 10)
#define BUFFER_BYTES (2 * SPW_RECORD_BYTES_MAX)

enum {
	SEGMENTS = 8,	   /* of the maximum size */
	BLOCKS_A_KEY = 30, /* ticks between full blocks: upper bound of the loss by a damaged block */
	CHANGES_MAX = 1024,
};

struct spw_history {
	char dir[4096];
	u64 bytes_max;
	int fd;
	u32 number;
	u64 segment_bytes;
	u64 older_bytes; /* of the segments before */
	char *policy;	 /* the policy block at the start of each segment */
	size_t policy_bytes;
	u32 classes;
	u32 services;
	struct spw_record *now;
	struct spw_record *before;
	u8 *buffer; /* ticks of the next block */
	size_t used;
	u32 ticks;
	bool full;  /* the next block begins with a full tick */
	u32 blocks; /* blocks since the last full one */
	u64 last_write_ns;
	u64 retry_ns;
	u64 lost_since; /* ticks lost since writing failed */
	struct spw_history_state state;
	struct spw_thinning *thinning;
	/* When the level changed, in this segment and the one before: no thinning near those times. */
	u64 changes[CHANGES_MAX];
	u32 changes_count;
};

/* ---- segments ---- */

/* Remove the oldest segments of earlier runs until the rest fits. */
static void drop_oldest(struct spw_history *history)
{
	u64 room = history->bytes_max - history->bytes_max / SEGMENTS, total = 0;
	_cleanup_free_ u32 *numbers = NULL;
	int count = spw_history_segments(history->dir, &numbers);
	char path[SPW_SEGMENT_PATH_MAX];
	struct stat status;

	/* From the newest to the oldest; remove what exceeds the maximum. */
	for (int i = count; i-- > 0;) {
		spw_history_path(history->dir, numbers[i], path);
		if (numbers[i] == history->number || lstat(path, &status))
			continue;
		if (total + (u64)status.st_size > room)
			unlink(path);
		else
			total += (u64)status.st_size;
	}
	history->older_bytes = total;
}

static int make_segment(struct spw_history *history)
{
	_cleanup_free_ u32 *numbers = NULL;
	int count = spw_history_segments(history->dir, &numbers);
	struct spw_history_file head = {SPW_HISTORY_MAGIC, SPW_HISTORY_VERSION, 0};
	char path[SPW_SEGMENT_PATH_MAX];

	if (count < 0)
		return count;
	history->number = count ? numbers[count - 1] + 1 : 1;
	spw_history_path(history->dir, history->number, path);
	history->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (history->fd < 0)
		return -errno;
	history->full = true;
	history->segment_bytes = sizeof(head);
	if (write(history->fd, &head, sizeof(head)) == sizeof(head))
		return 0;
	close(history->fd);
	history->fd = -1;
	unlink(path);
	return -ENOSPC;
}

static void close_segment(struct spw_history *history)
{
	if (history->fd >= 0)
		close(history->fd);
	history->fd = -1;
}

/* ---- blocks ---- */

/* Write a whole block or nothing: on failure truncate. */
static int write_block(struct spw_history *history, u8 kind, const void *bytes, size_t count)
{
	int err = spw_history_write_block(history->fd, kind, bytes, count);

	if (!err)
		history->segment_bytes += sizeof(struct spw_history_block) + count;
	/* If this fails too, the reader skips the torn block. */
	else if (ftruncate(history->fd, (off_t)history->segment_bytes) ||
		 lseek(history->fd, (off_t)history->segment_bytes, SEEK_SET) < 0)
		err = -errno;
	return err;
}

/* Begin a segment with its policy. */
static int begin_segment(struct spw_history *history)
{
	char path[SPW_SEGMENT_PATH_MAX];
	int err;

	close_segment(history);
	err = make_segment(history);
	if (!err && history->policy)
		err = write_block(history, SPW_BLOCK_POLICY, history->policy, history->policy_bytes);
	if (err && history->fd >= 0) {
		close_segment(history);
		unlink(spw_history_path(history->dir, history->number, path));
	}
	drop_oldest(history);
	return err;
}

static void keep_recent_changes(struct spw_history *history, u64 now)
{
	u32 kept = 0;

	for (u32 i = 0; i < history->changes_count; i++)
		if (history->changes[i] + SPW_THINNING_NEAR_NS > now)
			history->changes[kept++] = history->changes[i];
	history->changes_count = kept;
}

/* Begin another segment, and start thinning this one. */
static int turn_over(struct spw_history *history, u64 now)
{
	char path[SPW_SEGMENT_PATH_MAX];

	spw_history_path(history->dir, history->number, path);
	spw_thinning_end(history->thinning);
	history->thinning = history->changes_count < CHANGES_MAX
				    ? spw_thinning_begin(path, history->changes, history->changes_count, now)
				    : NULL;
	keep_recent_changes(history, now);
	return begin_segment(history);
}

static void went_wrong(struct spw_history *history, int err, u64 now)
{
	if (history->state.writing)
		spw_log(LOG_ERR, "the history in %s is not written: %s; trying again each 10 s", history->dir,
			strerror(-err));
	history->state.writing = false;
	history->retry_ns = now + RETRY_NS;
	history->full = true;
}

static void went_well(struct spw_history *history)
{
	if (!history->state.writing && history->lost_since)
		spw_log(LOG_NOTICE, "the history in %s is written again; %llu ticks were lost", history->dir,
			(unsigned long long)history->lost_since);
	history->state.writing = true;
	history->lost_since = 0;
}

static void flush(struct spw_history *history, u64 now)
{
	bool key = history->blocks == 0;
	int err = 0;

	history->last_write_ns = now;
	if (!history->ticks)
		return;
	if (history->fd < 0)
		err = begin_segment(history);
	if (!err)
		err = write_block(history, key ? SPW_BLOCK_TICKS_FULL : SPW_BLOCK_TICKS, history->buffer,
				  history->used);
	if (err) {
		history->state.ticks_lost += history->ticks;
		history->lost_since += history->ticks;
		went_wrong(history, err, now);
	} else {
		history->state.ticks_kept += history->ticks;
		history->blocks = (history->blocks + 1) % BLOCKS_A_KEY;
		went_well(history);
	}
	history->used = history->ticks = 0;
	if (!err && history->segment_bytes >= history->bytes_max / SEGMENTS) {
		err = turn_over(history, now);
		if (err)
			went_wrong(history, err, now);
	}
}

/* ---- for the agent ---- */

static int make_room(struct spw_history *history)
{
	history->now = calloc(1, sizeof(*history->now));
	history->before = calloc(1, sizeof(*history->before));
	history->buffer = malloc(BUFFER_BYTES);
	return history->now && history->before && history->buffer ? 0 : -ENOMEM;
}

static u64 clamp(u64 bytes)
{
	const u64 most = (u64)SPW_SEGMENT_BYTES_MAX / 2 * SEGMENTS;

	return bytes < BYTES_MIN ? BYTES_MIN : bytes > most ? most : bytes;
}

int spw_history_open(const char *state_dir, u64 bytes_max, struct spw_history **result, char message[SPW_MESSAGE_MAX])
{
	struct spw_history *history = calloc(1, sizeof(*history));
	int err = history ? make_room(history) : -ENOMEM;

	*result = NULL;
	if (!err)
		err = spw_make_folder(state_dir, 0700);
	if (err) {
		snprintf(message, SPW_MESSAGE_MAX, "no history in %.200s: %s", state_dir, strerror(-err));
		if (history)
			history->fd = -1;
		spw_history_close(history);
		return err;
	}
	snprintf(history->dir, sizeof(history->dir), "%s", state_dir);
	history->fd = -1;
	history->bytes_max = clamp(bytes_max ? bytes_max : SPW_HISTORY_BYTES);
	history->state.writing = true;
	spw_thinning_clean(state_dir);
	/* A full disk may have space later. */
	err = begin_segment(history);
	if (err)
		went_wrong(history, err, 0);
	*result = history;
	return 0;
}

void spw_history_policy(struct spw_history *history, const struct spw_named_policy *policy,
			const struct spw_learned *learned, const char *config, u64 now_ns, u64 wall_ns)
{
	struct spw_history_policy *block = history ? calloc(1, sizeof(*block)) : NULL;
	json_t *json;

	if (!block)
		return;
	flush(history, now_ns);
	block->policy = *policy;
	if (learned)
		memcpy(block->learned, learned, policy->policy.services_count * sizeof(*learned));
	snprintf(block->config, sizeof(block->config), "%s", config);
	block->now_ns = now_ns;
	block->wall_ns = wall_ns;
	json = spw_history_policy_json(block);
	free(history->policy);
	history->policy = json_dumps(json, JSON_COMPACT);
	history->policy_bytes = history->policy ? strlen(history->policy) : 0;
	json_decref(json);
	free(block);
	history->classes = policy->policy.classes_count;
	history->services = policy->policy.services_count;
	history->full = true;
	if (history->fd >= 0 && write_block(history, SPW_BLOCK_POLICY, history->policy, history->policy_bytes)) {
		/* Ticks after a missing policy would be misread: the next attempt begins a new segment. */
		close_segment(history);
		went_wrong(history, -ENOSPC, now_ns);
	}
}

static void put_tick(struct spw_history *history)
{
	struct spw_record *now = history->now;
	size_t used;

	if (!history->ticks && (history->full || history->blocks == 0)) {
		memset(history->before, 0, sizeof(*history->before));
		history->blocks = 0;
		history->full = false;
	}
	used = spw_record_put(now, history->before, history->classes, history->services,
			      history->buffer + history->used, BUFFER_BYTES - history->used);
	if (!used) {
		history->state.ticks_lost++;
		history->full = true;
		return;
	}
	history->used += used;
	history->ticks++;
	history->now = history->before;
	history->before = now;
}

void spw_history_tick(struct spw_history *history, const struct spw_override *override, const struct spw_facts *facts,
		      const struct spw_decision *decision)
{
	struct spw_record *now = history ? history->now : NULL;
	u32 services = facts->services_count;

	if (!history || !history->policy || services != history->services || decision->services_count != services)
		return;
	if (history->thinning && !spw_thinning_step(history->thinning, facts->now_ns)) {
		spw_thinning_end(history->thinning);
		history->thinning = NULL;
		drop_oldest(history);
	}
	if (decision->level != decision->former && history->changes_count < CHANGES_MAX) {
		history->changes[history->changes_count++] = facts->now_ns;
		spw_thinning_change(history->thinning, facts->now_ns);
	}
	if (!history->state.writing && facts->now_ns < history->retry_ns) {
		history->state.ticks_lost++;
		history->lost_since++;
		return;
	}
	now->override = *override;
	memcpy(&now->facts, facts, offsetof(struct spw_facts, services[services]));
	memcpy(&now->decision, decision, offsetof(struct spw_decision, services[services]));
	put_tick(history);
	if (facts->now_ns - history->last_write_ns >= WRITE_NS || history->used > BUFFER_BYTES / 2 ||
	    !history->state.writing)
		flush(history, facts->now_ns);
}

struct spw_history_state spw_history_state(const struct spw_history *history)
{
	struct spw_history_state state = history ? history->state : (struct spw_history_state){0};

	if (history)
		state.bytes = history->older_bytes + history->segment_bytes;
	return state;
}

void spw_history_close(struct spw_history *history)
{
	if (!history)
		return;
	if (history->buffer && history->ticks)
		flush(history, history->last_write_ns);
	spw_thinning_end(history->thinning);
	close_segment(history);
	free(history->policy);
	free(history->now);
	free(history->before);
	free(history->buffer);
	free(history);
}
