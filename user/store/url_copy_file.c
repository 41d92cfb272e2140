/* SPDX-License-Identifier: GPL-2.0-only */
#include "url_copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps/types.h"
#include "saver.h"
#include "state_file.h"

#define PART_BYTES 16384

struct job {
	char state_dir[SPW_STATE_PATH_BYTES];
	char name[SPW_URL_COPY_NAME];
	char list[SPW_NAME_MAX];
	char url[SPW_URL_BYTES];
	struct spw_url_copy copy;
	int fd; /* of the content; -1: the description is written */
};

static struct spw_saver saver;

static int put_content(FILE *out, void *context)
{
	const struct job *job = context;
	char part[PART_BYTES];
	off_t at = 0;
	ssize_t got;

	while ((got = pread(job->fd, part, sizeof(part), at)) > 0) {
		if (fwrite(part, 1, (size_t)got, out) != (size_t)got)
			return -EIO;
		at += got;
	}
	return got < 0 ? -errno : 0;
}

static int put_description(FILE *out, void *context)
{
	const struct job *job = context;
	const struct spw_url_copy *copy = &job->copy;
	json_t *object = json_pack("{s:i,s:s,s:s,s:s%,s:s,s:s,s:s,s:I,s:I}", "version", SPW_URL_COPY_VERSION, "list",
				   job->list, "url", job->url, "slot", &copy->slot, (size_t)1, "etag", copy->etag,
				   "last_modified", copy->last_modified, "sha256", copy->sha256, "fetched_s",
				   (json_int_t)copy->fetched_s, "confirmed_s", (json_int_t)copy->confirmed_s);
	int err = !object ? -EINVAL : json_dumpf(object, out, JSON_INDENT(1)) ? -EIO : 0;

	json_decref(object);
	return err;
}

static int save(const void *context, char message[SPW_MESSAGE_MAX])
{
	const struct job *job = context;
	char folder[SPW_STATE_PATH_BYTES];
	int err = spw_make_folder(job->state_dir, 0700);

	spw_state_path(folder, job->state_dir, SPW_URL_COPY_FOLDER, "");
	if (!err)
		err = spw_state_replace(folder, job->name, job->fd < 0 ? put_description : put_content, (void *)job);
	if (err)
		spw_message(message, err,
			    "%.200s/%.200s could not be saved: %s; the list stays as it is, and is lost if the agent "
			    "starts while its server cannot be reached",
			    folder, job->name, err == -ELOOP ? "a symbolic link is there" : strerror(-err));
	if (job->fd >= 0)
		close(job->fd);
	return err;
}

/* @fd: owned */
static int start(const char *state_dir, const char *list, const char *suffix, const char *url,
		 const struct spw_url_copy *copy, int fd)
{
	struct job *job = malloc(sizeof(*job));
	int err;

	if (job) {
		snprintf(job->state_dir, sizeof(job->state_dir), "%s", state_dir);
		spw_url_copy_name(job->name, list, suffix);
		snprintf(job->list, sizeof(job->list), "%s", list);
		snprintf(job->url, sizeof(job->url), "%s", url);
		job->copy = *copy;
		job->fd = fd;
	}
	err = spw_saver_start(&saver, save, job);
	if (err && fd >= 0)
		close(fd);
	return err;
}

int spw_url_copy_write_soon(const char *state_dir, const char *list, const struct spw_url_copy *copy, int fd)
{
	int copied = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copied < 0)
		return -errno;
	return start(state_dir, list, spw_url_copy_suffix(copy, true), "", copy, copied);
}

int spw_url_copy_describe_soon(const char *state_dir, const char *list, const char *url,
			       const struct spw_url_copy *copy)
{
	return start(state_dir, list, ".json", url, copy, -1);
}

bool spw_url_copy_written(bool *failed)
{
	if (atomic_load(&saver.busy))
		return false;
	*failed = saver.failed;
	return true;
}

void spw_url_copy_wait(void)
{
	spw_saver_wait(&saver);
}
