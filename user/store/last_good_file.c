/* SPDX-License-Identifier: GPL-2.0-only */
#include "last_good_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "saver.h"
#include "state_file.h"

#define PART_BYTES 16384

struct job {
	char state_dir[SPW_STATE_PATH_BYTES];
	int fd;
};

static struct spw_saver saver;

static int copy(FILE *out, void *context)
{
	const int *fd = context;
	char part[PART_BYTES];
	off_t at = 0;
	ssize_t got;

	while ((got = pread(*fd, part, sizeof(part), at)) > 0) {
		if (fwrite(part, 1, (size_t)got, out) != (size_t)got)
			return -EIO;
		at += got;
	}
	return got < 0 ? -errno : 0;
}

static int save(const char *state_dir, int fd, char *message)
{
	int err = spw_state_replace(state_dir, SPW_LAST_GOOD_FILE, copy, &fd);

	*message = '\0';
	if (err)
		snprintf(
			message, SPW_MESSAGE_MAX,
			"the last good ruleset could not be saved in %.200s: %s; a start with a damaged list may find none",
			state_dir, err == -ELOOP ? SPW_LAST_GOOD_FILE " is a symbolic link" : strerror(-err));
	return err;
}

static int save_job(const void *context, char message[SPW_MESSAGE_MAX])
{
	const struct job *job = context;
	int err = save(job->state_dir, job->fd, message);

	close(job->fd);
	return err;
}

int spw_last_good_save_soon(const char *state_dir, int fd)
{
	int copied = fcntl(fd, F_DUPFD_CLOEXEC, 3), err;
	struct job *job = copied < 0 ? NULL : malloc(sizeof(*job));

	if (job) {
		snprintf(job->state_dir, sizeof(job->state_dir), "%s", state_dir);
		job->fd = copied;
	}
	err = spw_saver_start(&saver, save_job, job);
	if (err && copied >= 0)
		close(copied);
	return err;
}

void spw_last_good_save(const char *state_dir, int fd)
{
	char message[SPW_MESSAGE_MAX];

	spw_saver_wait(&saver);
	if (fd >= 0 && save(state_dir, fd, message))
		spw_log(LOG_ERR, "%s", message);
}
