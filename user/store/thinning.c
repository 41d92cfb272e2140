/* SPDX-License-Identifier: GPL-2.0-only */
#include "thinning.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "history_format.h"
#include "history_reader.h"

#define UNFINISHED "history.thinned"

enum {
	TICKS_A_STEP = 50,
	KEEP_EACH = 5, /* half a second of ticks; a gap of a second would interrupt rates */
	CHANGES_MAX = 2048,
	BLOCK_BYTES = 64 << 10,
};

struct spw_thinning {
	char path[SPW_SEGMENT_PATH_MAX];
	char unfinished[SPW_SEGMENT_PATH_MAX];
	u64 closed_ns;
	u64 changes[CHANGES_MAX];
	u32 changes_count;
	struct spw_history_reader *reader; /* NULL: not begun */
	int fd;
	struct spw_record before;
	u32 skipped;
	u8 *block;
	size_t used;
};

struct spw_thinning *spw_thinning_begin(const char *path, const u64 *changes, u32 changes_count, u64 now_ns)
{
	struct spw_thinning *thinning = calloc(1, sizeof(*thinning));

	if (!thinning || changes_count >= CHANGES_MAX) {
		free(thinning);
		return NULL;
	}
	snprintf(thinning->path, sizeof(thinning->path), "%s", path);
	snprintf(thinning->unfinished, sizeof(thinning->unfinished), "%.*s/" UNFINISHED,
		 (int)(strrchr(path, '/') - path), path);
	memcpy(thinning->changes, changes, changes_count * sizeof(*changes));
	thinning->changes_count = changes_count;
	thinning->closed_ns = now_ns;
	thinning->fd = -1;
	return thinning;
}

void spw_thinning_change(struct spw_thinning *thinning, u64 at_ns)
{
	if (!thinning)
		return;
	/* Too many to remember: reuse the last slot; ticks near the forgotten change may be thinned. */
	if (thinning->changes_count == CHANGES_MAX)
		thinning->changes_count--;
	thinning->changes[thinning->changes_count++] = at_ns;
}

static bool is_quiet(const struct spw_record *record)
{
	const struct spw_decision *decision = &record->decision;

	for (u32 i = 0; i < decision->services_count; i++)
		if (decision->services[i].saturated || decision->services[i].level != SPW_GREEN)
			return false;
	return decision->level == SPW_GREEN && decision->former == SPW_GREEN &&
	       record->override.pinned == SPW_LEVEL_NEVER && record->override.least == SPW_GREEN &&
	       record->override.most == SPW_RED;
}

static bool is_near(const struct spw_thinning *thinning, u64 at_ns)
{
	for (u32 i = 0; i < thinning->changes_count; i++) {
		u64 change = thinning->changes[i], apart = at_ns > change ? at_ns - change : change - at_ns;

		if (apart <= SPW_THINNING_NEAR_NS)
			return true;
	}
	return false;
}

static int write_out(struct spw_thinning *thinning)
{
	size_t used = thinning->used;

	thinning->used = 0;
	return used ? spw_history_write_block(thinning->fd, SPW_BLOCK_TICKS_FULL, thinning->block, used) : 0;
}

static int put_policy(struct spw_thinning *thinning, const struct spw_history_tick *tick)
{
	struct spw_history_policy *policy = calloc(1, sizeof(*policy));
	_cleanup_free_ char *text = NULL;
	json_t *json;
	int err = policy ? write_out(thinning) : -ENOMEM;

	if (err)
		goto out;
	policy->policy = *tick->policy;
	memcpy(policy->learned, tick->learned, sizeof(policy->learned));
	snprintf(policy->config, sizeof(policy->config), "%s", tick->config);
	policy->now_ns = tick->policy_now_ns;
	policy->wall_ns = tick->policy_wall_ns;
	json = spw_history_policy_json(policy);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	err = text ? spw_history_write_block(thinning->fd, SPW_BLOCK_POLICY, text, strlen(text)) : -ENOMEM;
out:
	free(policy);
	return err;
}

/* Each block begins with a full record; blocks are large, so the overhead is small. */
static int put_record(struct spw_thinning *thinning, const struct spw_history_tick *tick)
{
	const struct spw_policy *core = &tick->policy->policy;
	size_t used;
	int err = 0;

	if (tick->begins)
		err = put_policy(thinning, tick);
	if (!err && thinning->used > BLOCK_BYTES)
		err = write_out(thinning);
	if (err)
		return err;
	if (!thinning->used)
		memset(&thinning->before, 0, sizeof(thinning->before));
	used = spw_record_put(tick->record, &thinning->before, core->classes_count, core->services_count,
			      thinning->block + thinning->used, SPW_RECORD_BYTES_MAX);
	thinning->used += used;
	spw_history_copy(&thinning->before, tick->record);
	return used ? 0 : -E2BIG;
}

static int start(struct spw_thinning *thinning)
{
	const struct spw_history_file head = {SPW_HISTORY_MAGIC, SPW_HISTORY_VERSION, 0};
	char message[SPW_MESSAGE_MAX];
	int err = spw_history_read(thinning->path, &thinning->reader, message);

	if (err)
		return err;
	thinning->block = malloc(BLOCK_BYTES + 2 * SPW_RECORD_BYTES_MAX);
	if (!thinning->block)
		return -ENOMEM;
	unlink(thinning->unfinished);
	thinning->fd = open(thinning->unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (thinning->fd < 0)
		return -errno;
	return write(thinning->fd, &head, sizeof(head)) == sizeof(head) ? 0 : -ENOSPC;
}

/* Leave a damaged segment as it is, for inspection. */
static int finish(struct spw_thinning *thinning)
{
	int err = *spw_history_damage(thinning->reader) ? -EINVAL : write_out(thinning);

	if (!err && rename(thinning->unfinished, thinning->path))
		err = -errno;
	return err;
}

bool spw_thinning_step(struct spw_thinning *thinning, u64 now_ns)
{
	struct spw_history_tick tick;
	int got = 1;

	/* Wait until no later level change can be near the end of the segment. */
	if (now_ns - thinning->closed_ns <= SPW_THINNING_NEAR_NS)
		return true;
	if (!thinning->reader)
		return !start(thinning);
	for (u32 i = 0; i < TICKS_A_STEP && got == 1; i++) {
		got = spw_history_next(thinning->reader, &tick);
		if (got != 1)
			break;
		if (!tick.begins && is_quiet(tick.record) && thinning->skipped < KEEP_EACH - 1 &&
		    !is_near(thinning, tick.record->facts.now_ns)) {
			thinning->skipped++;
			continue;
		}
		thinning->skipped = 0;
		if (put_record(thinning, &tick))
			return false;
	}
	if (!got)
		finish(thinning);
	return got == 1;
}

void spw_thinning_end(struct spw_thinning *thinning)
{
	if (!thinning)
		return;
	if (thinning->fd >= 0) {
		close(thinning->fd);
		unlink(thinning->unfinished); /* fails after finish(), which has renamed it */
	}
	spw_history_read_end(thinning->reader);
	free(thinning->block);
	free(thinning);
}

void spw_thinning_clean(const char *state_dir)
{
	char path[SPW_SEGMENT_PATH_MAX];

	snprintf(path, sizeof(path), "%.4095s/" UNFINISHED, state_dir);
	unlink(path);
}
