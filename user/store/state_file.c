/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that are replaced as a whole. */
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void spw_state_path(char path[SPW_STATE_PATH_BYTES], const char *state_dir, const char *name, const char *ending)
{
	snprintf(path, SPW_STATE_PATH_BYTES, "%.4000s/%s%s", state_dir, name, ending);
}

bool spw_state_put_aside(const char *state_dir, const char *name)
{
	char path[SPW_STATE_PATH_BYTES], aside[SPW_STATE_PATH_BYTES];

	spw_state_path(path, state_dir, name, "");
	spw_state_path(aside, state_dir, name, ".bad");
	return !rename(path, aside);
}

static int write_whole(const char *path, spw_state_writer *write, void *context)
{
	FILE *out;
	int fd, err;

	unlink(path); /* of a run that was killed */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	out = fdopen(fd, "we");
	if (!out) {
		close(fd);
		return -ENOMEM;
	}
	errno = 0;
	err = write(out, context);
	if (!err && (fflush(out) || ferror(out) || fsync(fd)))
		err = errno ? -errno : -EIO;
	if (fclose(out) && !err)
		err = -errno;
	return err;
}

/* A rename that is not on disk yet may be undone by a power cut; the old file is there then, which is well. */
int spw_state_replace(const char *state_dir, const char *name, spw_state_writer *write, void *context)
{
	char path[SPW_STATE_PATH_BYTES], beside[SPW_STATE_PATH_BYTES];
	struct stat status;
	int err;

	spw_state_path(path, state_dir, name, "");
	spw_state_path(beside, state_dir, name, ".new");
	if (mkdir(state_dir, 0700) && errno != EEXIST)
		return -errno;
	if (!lstat(path, &status) && S_ISLNK(status.st_mode))
		return -ELOOP;
	err = write_whole(beside, write, context);
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		unlink(beside);
	return err;
}
