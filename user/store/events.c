/* SPDX-License-Identifier: GPL-2.0-only */
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/replace.h"

struct spw_events {
	char path[4096];
	int fd;
	u64 bytes;
	bool failed; /* and it was logged */
};

static int open_log(struct spw_events *events)
{
	struct stat status;

	events->fd = open(events->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (events->fd < 0)
		return -errno;
	if (fstat(events->fd, &status) || !S_ISREG(status.st_mode)) {
		close(events->fd);
		events->fd = -1;
		return -EINVAL;
	}
	events->bytes = (u64)status.st_size;
	return 0;
}

int spw_events_open(const char *state_dir, struct spw_events **result, char message[SPW_MESSAGE_MAX])
{
	struct spw_events *events = calloc(1, sizeof(*events));
	int err = events ? 0 : -ENOMEM;

	*result = NULL;
	if (!err)
		err = spw_make_folder(state_dir, 0700);
	if (!err) {
		snprintf(events->path, sizeof(events->path), "%.4000s/" SPW_EVENTS_FILE, state_dir);
		err = open_log(events);
	}
	if (err) {
		snprintf(message, SPW_MESSAGE_MAX, "no event log in %.200s: %s", state_dir,
			 err == -ELOOP ? SPW_EVENTS_FILE " is a symbolic link" : strerror(-err));
		free(events);
		return err;
	}
	*result = events;
	return 0;
}

const char *spw_events_time(u64 wall_ns, char text[32])
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	char day[24] = "";
	struct tm parts;

	if (gmtime_r(&seconds, &parts))
		strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, 32, "%s.%03uZ", day, (unsigned)(wall_ns / 1000000 % 1000));
	return text;
}

static void rotate(struct spw_events *events)
{
	char older[4100];

	snprintf(older, sizeof(older), "%s.1", events->path);
	close(events->fd);
	events->fd = -1;
	rename(events->path, older);
	open_log(events);
}

/* Terminate a line that an agent left incomplete when it was killed. */
static void end_torn_line(struct spw_events *events)
{
	_cleanup_fd_ int fd = open(events->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char last = '\n';

	if (fd >= 0 && events->bytes && pread(fd, &last, 1, (off_t)events->bytes - 1) == 1 && last != '\n' &&
	    write(events->fd, "\n", 1) == 1)
		events->bytes++;
}

static int append(struct spw_events *events, const char *line, size_t bytes)
{
	ssize_t written;

	if (events->fd < 0 && open_log(events))
		return -errno;
	if (events->bytes + bytes > SPW_EVENTS_BYTES_MAX)
		rotate(events);
	if (events->fd < 0)
		return -EIO;
	end_torn_line(events);
	written = write(events->fd, line, bytes);
	if (written == (ssize_t)bytes) {
		events->bytes += bytes;
		return 0;
	}
	if (written > 0 && ftruncate(events->fd, (off_t)events->bytes))
		return -errno;
	return written < 0 ? -errno : -ENOSPC;
}

void spw_events_append(struct spw_events *events, u64 wall_ns, const char *event, json_t *fields)
{
	json_t *object = json_object();
	char at[32];
	char *text = NULL;
	size_t bytes;
	int err;

	if (!events)
		goto out;
	json_object_set_new(object, "at", json_string(spw_events_time(wall_ns, at)));
	json_object_set_new(object, "event", json_string(event));
	if (fields)
		json_object_update(object, fields);
	text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
	bytes = text ? strlen(text) : 0;
	if (bytes && bytes < SPW_EVENT_BYTES_MAX) {
		text[bytes] = '\n'; /* in place of its NUL */
		err = append(events, text, bytes + 1);
	} else {
		err = text ? -E2BIG : -ENOMEM;
	}
	if (err && !events->failed)
		spw_log(LOG_ERR, "%s: an event is lost: %s", events->path, strerror(-err));
	events->failed = err;
out:
	free(text);
	json_decref(object);
	json_decref(fields);
}

void spw_events_close(struct spw_events *events)
{
	if (!events)
		return;
	if (events->fd >= 0)
		close(events->fd);
	free(events);
}
