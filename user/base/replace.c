/* SPDX-License-Identifier: GPL-2.0-only */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

static int write_new(const char *path, mode_t mode, bool sync, spw_writer *write, void *context)
{
	_cleanup_fd_ int fd = -1;
	FILE *out;
	int err;

	unlink(path); /* left behind by a killed process */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 || fchmod(fd, mode))
		return -errno;
	out = fdopen(fd, "we");
	if (!out)
		return -ENOMEM;
	TAKE_FD(fd);
	errno = 0;
	err = write(out, context);
	if (!err && (fflush(out) || ferror(out) || (sync && fsync(fileno(out)))))
		err = errno ? -errno : -EIO;
	if (fclose(out) && !err)
		err = -errno;
	return err;
}

/* The folder is not synced: a power cut may undo the rename, which leaves the old file. */
int spw_replace_file(const char *path, mode_t mode, bool sync, spw_writer *write, void *context)
{
	_cleanup_free_ char *new_path = NULL;
	int err;

	if (asprintf(&new_path, "%s.new", path) < 0)
		return -ENOMEM;
	err = write_new(new_path, mode, sync, write, context);
	if (!err && rename(new_path, path))
		err = -errno;
	if (err)
		unlink(new_path);
	return err;
}

int spw_make_folder(const char *path, mode_t mode)
{
	if (mkdir(path, mode))
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, mode) ? -errno : 0;
}
