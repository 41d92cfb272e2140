/* SPDX-License-Identifier: GPL-2.0-only */
#include "bans_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ban_label.h"
#include "ban_line.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "saver.h"
#include "state_file.h"

static double wall_seconds(void)
{
	return (double)spw_wall_ns() / SPW_SECOND_NS;
}

/* ---- reading ---- */

/* Keep a copy of what cannot be read: the next save replaces the file. */
static const char *keep_beside(const char *state_dir)
{
	return spw_state_put_aside(state_dir, SPW_BANS_FILE) ? "; the file was moved to " SPW_BANS_FILE ".bad" : "";
}

struct reading {
	spw_ban_line_visit *visit;
	void *context;
	struct spw_ban_moment moment;
	u32 expired, lines, bad, first_bad;
	bool shared_only;
};

static void read_line(struct reading *reading, const char *text, size_t length)
{
	struct spw_ban_line line;

	reading->lines++;
	if (!length || (reading->shared_only && strncmp(text, SPW_BAN_SHARED, strlen(SPW_BAN_SHARED))))
		return;
	if (!spw_ban_read_line(text, length, &reading->moment, &line)) {
		if (!reading->bad++)
			reading->first_bad = reading->lines;
		return;
	}
	if (line.until_ns <= reading->moment.now_ns)
		reading->expired += !line.shared;
	else
		reading->visit(reading->context, &line);
}

static const char *read_lines(struct reading *reading, FILE *file)
{
	char text[SPW_BANS_LINE_BYTES], boot_id[SPW_BOOT_ID_BYTES];
	const char *wrong = NULL;
	bool whole = true;

	spw_boot_id(boot_id);
	while (!wrong && fgets(text, sizeof(text), file)) {
		size_t length = strcspn(text, "\n");
		bool continued = !whole;

		whole = text[length] == '\n';
		if (!reading->lines && !continued) {
			wrong = spw_ban_read_head(text, length, boot_id, &reading->moment);
			reading->lines = 1;
		} else if (!continued) {
			read_line(reading, text, length);
		}
	}
	return !reading->lines ? "it is empty" : wrong;
}

int spw_bans_load(const char *state_dir, bool shared_only, spw_ban_line_visit *visit, void *context, u32 *expired,
		  char message[SPW_MESSAGE_MAX])
{
	struct reading reading = {.visit = visit,
				  .context = context,
				  .moment = {.now = wall_seconds(), .now_ns = spw_monotonic_ns()},
				  .shared_only = shared_only};
	_cleanup_file_ FILE *file = NULL;
	char path[SPW_STATE_PATH_BYTES];
	struct stat status;
	const char *wrong;
	int fd, err;

	*message = '\0';
	*expired = 0;
	spw_state_path(path, state_dir, SPW_BANS_FILE, "");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	file = fd < 0 ? NULL : fdopen(fd, "re");
	if (!file || fstat(fd, &status)) {
		err = -errno;
		snprintf(message, SPW_MESSAGE_MAX, "cannot read %.200s: %s; its bans are not restored", path,
			 strerror(-err));
		return err;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > SPW_BANS_BYTES_MAX)
		wrong = "it is no regular file, or too large";
	else
		wrong = read_lines(&reading, file);
	*expired = reading.expired;
	if (wrong)
		snprintf(message, SPW_MESSAGE_MAX, "%.200s is not used: %s%s", path, wrong, keep_beside(state_dir));
	else if (reading.bad)
		snprintf(message, SPW_MESSAGE_MAX,
			 "%.200s: %u lines are damaged, the first is line %u; the others are used%s", path, reading.bad,
			 reading.first_bad, keep_beside(state_dir));
	return wrong ? -EINVAL : 0;
}

/* ---- writing ---- */

struct writing {
	FILE *out;
	const struct spw_ban_maps *maps;
	const char (*names)[SPW_NAME_MAX]; /* by list identity */
	const struct spw_shared_bans *shared;
	struct spw_ban_moment moment;
};

static int write_entry(void *context, const struct spw_ban_key *key, const struct spw_ban_value *value)
{
	const struct writing *writing = context;
	struct spw_ban_line line = {
		.prefix = {{key->source_hi, key->source_lo}, (u8)key->family, (u8)key->length},
		.until_ns = value->until_ns,
	};
	struct spw_ban_label label;

	if (!value->list || value->list >= SPW_LISTS_MAX || value->until_ns <= writing->moment.now_ns)
		return 0;
	memcpy(line.list, writing->names[value->list], sizeof(line.list) - 1);
	spw_ban_unpack_label(value->note, &label);
	memcpy(line.note, label.note, sizeof(line.note));
	memcpy(line.owner, label.owner, sizeof(line.owner));
	line.counted = spw_ban_counted(writing->maps, value);
	spw_ban_write_line(writing->out, &line, &writing->moment);
	return ferror(writing->out) ? -EIO : 0;
}

static void write_shared(const struct writing *writing)
{
	for (size_t i = 0; i < writing->shared->count; i++) {
		const struct spw_shared_ban *shared = &writing->shared->items[i];
		struct spw_ban_line line = {.prefix = shared->prefix, .until_ns = shared->until_ns, .shared = true};

		if (shared->until_ns <= writing->moment.now_ns)
			continue;
		memcpy(line.list, writing->names[shared->list], sizeof(line.list) - 1);
		memcpy(line.owner, shared->owner, sizeof(line.owner));
		memcpy(line.note, shared->note, sizeof(line.note));
		spw_ban_write_line(writing->out, &line, &writing->moment);
	}
}

static int write_all(FILE *out, void *context)
{
	struct writing *writing = context;
	char boot_id[SPW_BOOT_ID_BYTES];
	int err;

	writing->out = out;
	spw_boot_id(boot_id);
	spw_ban_write_head(out, boot_id, writing->moment.saved);
	err = spw_ban_maps_read(writing->maps, write_entry, writing);
	if (!err)
		write_shared(writing);
	return err;
}

static void copy_names(const struct spw_registry *registry, char names[SPW_LISTS_MAX][SPW_NAME_MAX])
{
	for (u32 i = 0; i < SPW_LISTS_MAX; i++)
		memcpy(names[i], registry->lists[i].name, SPW_NAME_MAX);
}

static int save(const char *state_dir, const struct spw_ban_maps *maps, const char (*names)[SPW_NAME_MAX],
		const struct spw_shared_bans *shared, char *message)
{
	const double now = wall_seconds();
	struct writing writing = {
		.maps = maps,
		.names = names,
		.shared = shared,
		.moment = {.same_boot = true, .saved = now, .now = now, .now_ns = spw_monotonic_ns()}};
	int err = spw_state_replace(state_dir, SPW_BANS_FILE, write_all, &writing);

	*message = '\0';
	if (err)
		snprintf(message, SPW_MESSAGE_MAX,
			 "bans could not be saved in %.200s: %s; they stay in force, but a reboot would lose the "
			 "latest",
			 state_dir, err == -ELOOP ? SPW_BANS_FILE " is a symbolic link" : strerror(-err));
	return err;
}

int spw_bans_save(const char *state_dir, const struct spw_ban_maps *maps, const struct spw_registry *registry,
		  const struct spw_shared_bans *shared, char message[SPW_MESSAGE_MAX])
{
	_cleanup_free_ char(*names)[SPW_NAME_MAX] = calloc(SPW_LISTS_MAX, sizeof(*names));

	if (!names) {
		snprintf(message, SPW_MESSAGE_MAX, "bans could not be saved: out of memory");
		return -ENOMEM;
	}
	copy_names(registry, names);
	return save(state_dir, maps, names, shared, message);
}

/* ---- in a thread ---- */

struct job {
	char state_dir[SPW_STATE_PATH_BYTES];
	const struct spw_ban_maps *maps;
	char names[SPW_LISTS_MAX][SPW_NAME_MAX];
	size_t shared_count;
	struct spw_shared_ban shared[];
};

static struct spw_saver saver;

static int save_job(const void *context, char message[SPW_MESSAGE_MAX])
{
	const struct job *job = context;
	struct spw_shared_bans shared = {(struct spw_shared_ban *)job->shared, job->shared_count};

	return save(job->state_dir, job->maps, job->names, &shared, message);
}

int spw_bans_save_soon(const char *state_dir, const struct spw_ban_maps *maps, const struct spw_registry *registry,
		       const struct spw_shared_bans *shared)
{
	const size_t shared_bytes = shared->count * sizeof(*shared->items);
	struct job *job = malloc(sizeof(*job) + shared_bytes);

	if (job) {
		snprintf(job->state_dir, sizeof(job->state_dir), "%s", state_dir);
		job->maps = maps;
		job->shared_count = shared->count;
		if (shared->count)
			memcpy(job->shared, shared->items, shared_bytes);
		copy_names(registry, job->names);
	}
	return spw_saver_start(&saver, save_job, job);
}

void spw_bans_save_wait(void)
{
	spw_saver_wait(&saver);
}
