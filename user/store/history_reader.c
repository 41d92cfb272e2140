/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads segment by segment, block by block, skipping damage. */
#include "history_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "history_format.h"

enum {
	TRIES_MAX = 1000, /* false block magics in one file before the rest is skipped */
	DAMAGE_BYTES = 2048,
};

struct spw_history_reader {
	char path[SPW_SEGMENT_PATH_MAX];
	u32 *segments; /* NULL: one file */
	int segments_count;
	int next_segment;
	u8 *bytes; /* of the segment that is read */
	size_t count;
	size_t at;	 /* of the next block */
	const u8 *ticks; /* of the block that is read; in `bytes` */
	const u8 *ticks_end;
	u32 tries;
	u32 version; /* of the segment's format */
	bool lost;   /* no policy or full record yet: ticks cannot be decoded */
	bool begins;
	bool gap;
	struct spw_history_policy policy;
	bool policy_known;
	struct spw_record record;
	char name[SPW_SEGMENT_PATH_MAX]; /* of the segment, for messages */
	char damage[DAMAGE_BYTES];
};

__attribute__((format(printf, 2, 3))) static void note(struct spw_history_reader *reader, const char *format, ...)
{
	size_t used = strlen(reader->damage);
	va_list arguments;

	reader->gap = true;
	if (used + 256 > sizeof(reader->damage))
		return;
	va_start(arguments, format);
	used += (size_t)snprintf(reader->damage + used, 128, "%s%.100s: ", used ? "\n" : "",
				 strrchr(reader->name, '/') ? strrchr(reader->name, '/') + 1 : reader->name);
	vsnprintf(reader->damage + used, 128, format, arguments);
	va_end(arguments);
}

static int load(struct spw_history_reader *reader, const char *path)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	size_t room;

	snprintf(reader->name, sizeof(reader->name), "%s", path);
	reader->count = reader->at = 0;
	reader->ticks = reader->ticks_end = NULL;
	reader->tries = 0;
	reader->lost = true;
	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	room = (size_t)status.st_size < SPW_SEGMENT_BYTES_MAX ? (size_t)status.st_size : SPW_SEGMENT_BYTES_MAX;
	free(reader->bytes);
	reader->bytes = malloc(room + 1);
	if (!reader->bytes)
		return -ENOMEM;
	while (reader->count < room) {
		ssize_t got = read(fd, reader->bytes + reader->count, room - reader->count);

		if (got < 0)
			return -errno;
		if (!got)
			break;
		reader->count += (size_t)got;
	}
	return 0;
}

/* Returns 0, or -EINVAL: not a history of this version. */
static int check_file(struct spw_history_reader *reader)
{
	struct spw_history_file head;

	if (reader->count < sizeof(head)) {
		note(reader, "cut off in its head (%zu bytes)", reader->count);
		return -EINVAL;
	}
	memcpy(&head, reader->bytes, sizeof(head));
	if (memcmp(head.magic, SPW_HISTORY_MAGIC, sizeof(head.magic))) {
		note(reader, "not a history");
		return -EINVAL;
	}
	if (!head.version || head.version > SPW_HISTORY_VERSION) {
		note(reader, "version %u of the format; this spillway reads up to %u", head.version,
		     SPW_HISTORY_VERSION);
		return -EINVAL;
	}
	reader->version = head.version;
	reader->at = sizeof(head);
	return 0;
}

static bool block_at(struct spw_history_reader *reader, size_t at, struct spw_history_block *block)
{
	if (reader->count - at < sizeof(*block))
		return false;
	memcpy(block, reader->bytes + at, sizeof(*block));
	if (block->magic != SPW_BLOCK_MAGIC || block->bytes > SPW_BLOCK_BYTES_MAX ||
	    block->bytes > reader->count - at - sizeof(*block))
		return false;
	return !block->reserved[0] && !block->reserved[1] && !block->reserved[2] &&
	       spw_history_check(block->kind, reader->bytes + at + sizeof(*block), block->bytes) == block->check;
}

/* Find the next valid block from the current position on. Returns false at the end. */
static bool find_block(struct spw_history_reader *reader, struct spw_history_block *block)
{
	const u32 magic = SPW_BLOCK_MAGIC;
	size_t from = reader->at;

	while (reader->at < reader->count && reader->tries < TRIES_MAX) {
		const u8 *found;

		if (block_at(reader, reader->at, block)) {
			if (reader->at != from)
				note(reader, "%zu bytes at %zu are damaged and were skipped", reader->at - from, from);
			return true;
		}
		reader->tries++;
		reader->lost = true;
		found = memmem(reader->bytes + reader->at + 1, reader->count - reader->at - 1, &magic, sizeof(magic));
		reader->at = found ? (size_t)(found - reader->bytes) : reader->count;
	}
	if (from < reader->count)
		note(reader, "the last %zu bytes are incomplete or damaged", reader->count - from);
	reader->at = reader->count;
	return false;
}

/* A segment after a full one repeats its policy with the same clocks: not a new run. */
static void take_policy(struct spw_history_reader *reader, const u8 *bytes, u32 count)
{
	u64 now_ns = reader->policy.now_ns, wall_ns = reader->policy.wall_ns;

	reader->lost = true;
	reader->policy_known = !spw_history_policy_parse((const char *)bytes, count, &reader->policy);
	reader->begins |= now_ns != reader->policy.now_ns || wall_ns != reader->policy.wall_ns;
	if (!reader->policy_known)
		note(reader, "an unreadable policy at %zu", (size_t)(bytes - reader->bytes));
}

/* Returns false at the end of the segment. */
static bool next_block(struct spw_history_reader *reader)
{
	struct spw_history_block block;
	const u8 *bytes;

	if (!find_block(reader, &block))
		return false;
	bytes = reader->bytes + reader->at + sizeof(block);
	reader->at += sizeof(block) + block.bytes;
	if (block.kind == SPW_BLOCK_POLICY) {
		take_policy(reader, bytes, block.bytes);
	} else if (block.kind == SPW_BLOCK_TICKS_FULL && reader->policy_known) {
		memset(&reader->record, 0, sizeof(reader->record));
		reader->lost = false;
	}
	if ((block.kind == SPW_BLOCK_TICKS_FULL || block.kind == SPW_BLOCK_TICKS) && !reader->lost) {
		reader->ticks = bytes;
		reader->ticks_end = bytes + block.bytes;
	}
	return true;
}

/* Returns 1, or 0: no more segments. */
static int next_segment(struct spw_history_reader *reader)
{
	char path[SPW_SEGMENT_PATH_MAX];

	while (reader->next_segment < reader->segments_count) {
		int err;

		spw_history_path(reader->path, reader->segments[reader->next_segment++], path);
		err = load(reader, path);
		if (err == -ENOENT) /* it was the oldest and has been removed meanwhile */
			continue;
		reader->policy_known = false;
		if (err)
			note(reader, "%s", strerror(-err));
		else if (!check_file(reader))
			return 1;
	}
	return 0;
}

static bool next_record(struct spw_history_reader *reader)
{
	const struct spw_policy *core = &reader->policy.policy.policy;
	size_t used = spw_record_get(&reader->record, reader->version, core->classes_count, core->services_count,
				     reader->ticks, (size_t)(reader->ticks_end - reader->ticks));

	reader->ticks += used;
	if (used)
		return true;
	note(reader, "unreadable ticks before %zu", reader->at);
	reader->ticks = reader->ticks_end = NULL;
	reader->lost = true;
	return false;
}

int spw_history_next(struct spw_history_reader *reader, struct spw_history_tick *tick)
{
	for (;;) {
		if (reader->ticks == reader->ticks_end) {
			if (!next_block(reader) && !next_segment(reader))
				return 0;
			continue;
		}
		if (next_record(reader))
			break;
	}
	*tick = (struct spw_history_tick){
		.record = &reader->record,
		.policy = &reader->policy.policy,
		.learned = reader->policy.learned,
		.config = reader->policy.config,
		.policy_now_ns = reader->policy.now_ns,
		.policy_wall_ns = reader->policy.wall_ns,
		.wall_ns = reader->policy.wall_ns + (reader->record.facts.now_ns - reader->policy.now_ns),
		.begins = reader->begins,
		.after_gap = reader->gap,
	};
	reader->begins = reader->gap = false;
	return 1;
}

static int begin(struct spw_history_reader *reader, const char *path, char message[SPW_MESSAGE_MAX])
{
	struct stat status;
	int err = stat(path, &status) ? -errno : 0;

	if (!err && S_ISDIR(status.st_mode)) {
		snprintf(reader->path, sizeof(reader->path), "%.4095s", path);
		reader->segments_count = spw_history_segments(path, &reader->segments);
		err = reader->segments_count < 0 ? reader->segments_count : 0;
		if (!reader->segments_count) {
			snprintf(message, SPW_MESSAGE_MAX, "there is no history in %.200s", path);
			return -ENOENT;
		}
	} else if (!err) {
		err = load(reader, path);
		if (!err && check_file(reader)) {
			snprintf(message, SPW_MESSAGE_MAX, "%.300s", reader->damage);
			return -EINVAL;
		}
	}
	if (err)
		snprintf(message, SPW_MESSAGE_MAX, "cannot read the history at %.200s: %s", path, strerror(-err));
	return err;
}

int spw_history_read(const char *path, struct spw_history_reader **result, char message[SPW_MESSAGE_MAX])
{
	struct spw_history_reader *reader = calloc(1, sizeof(*reader));
	int err;

	*result = NULL;
	if (!reader) {
		snprintf(message, SPW_MESSAGE_MAX, "out of memory");
		return -ENOMEM;
	}
	err = begin(reader, path, message);
	if (err)
		spw_history_read_end(reader);
	else
		*result = reader;
	return err;
}

const char *spw_history_damage(const struct spw_history_reader *reader)
{
	return reader->damage;
}

void spw_history_read_end(struct spw_history_reader *reader)
{
	if (!reader)
		return;
	free(reader->segments);
	free(reader->bytes);
	free(reader);
}
