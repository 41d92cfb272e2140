/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, read whole, once, and in one version. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Never wait for a writer of a FIFO, never become the owner of a terminal. */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

#define LINKS_MAX 8

/* Time stamps of files move on with the timer, 10 ms at most (HZ=100): two changes within that look like one. */
#define STAMP_NS	10000000L
#define STAMP_WAITS_MAX 4

__attribute__((format(printf, 3, 4))) static int fail(struct spw_file *file, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(file->problem, sizeof(file->problem), format, args);
	va_end(args);
	return err;
}

static int fail_errno(struct spw_file *file, const char *what)
{
	int err = errno;
	char reason[128];

	return fail(file, -err, "%s: %s", what, strerror_r(err, reason, sizeof(reason)));
}

/* Follow links one by one, each only to a name in the same folder; nobody can swap the folder or a step under us. */
static int open_beside(int folder, const char *name, struct spw_file *file)
{
	char names[2][NAME_MAX + 2];

	for (int i = 0; i < LINKS_MAX; i++) {
		char *target = names[i % 2];
		int fd = openat(folder, name, OPEN_FLAGS | O_NOFOLLOW);
		ssize_t length;

		if (fd >= 0)
			return fd;
		if (errno != ELOOP)
			return fail_errno(file, "open");
		length = readlinkat(folder, name, target, sizeof(names[0]));
		if (length < 0)
			return fail_errno(file, "read symbolic link");
		if ((size_t)length == sizeof(names[0]) || memchr(target, '/', (size_t)length))
			return fail(file, -ELOOP,
				    "it is a symbolic link that leaves its folder; "
				    "one may only lead to a file beside it");
		target[length] = 0;
		name = target;
	}
	return fail(file, -ELOOP, "more than %d symbolic links in a row", LINKS_MAX);
}

static int open_guarded(const char *path, struct spw_file *file)
{
	const char *slash = strrchr(path, '/');
	char *name = NULL;
	int folder, fd;

	if (slash)
		name = strndup(path, (size_t)(slash - path) + 1);
	if (slash && !name)
		return fail(file, -ENOMEM, "out of memory");
	folder = open(slash ? name : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(name);
	if (folder < 0)
		return fail_errno(file, "open its folder");
	fd = open_beside(folder, slash ? slash + 1 : path, file);
	close(folder);
	return fd;
}

static int check_writers(const struct stat *stat, struct spw_file *file)
{
	if (stat->st_mode & S_IWOTH)
		return fail(file, -EPERM, "everybody may write it; chmod o-w takes that away");
	if (stat->st_mode & S_IWGRP && (stat->st_uid || stat->st_gid))
		return fail(file, -EPERM, "its group may write it; chmod g-w takes that away");
	return 0;
}

/* Wait until a further change would get another time stamp than the last one has. */
static int settle(int fd, struct stat *stat, struct spw_file *file)
{
	for (int i = 0; i < STAMP_WAITS_MAX; i++) {
		struct timespec now, pause = {0, STAMP_NS};
		long long age;

		clock_gettime(CLOCK_REALTIME_COARSE, &now); /* the clock that the stamps are taken from */
		if (fstat(fd, stat))
			return fail_errno(file, "fstat");
		age = (now.tv_sec - stat->st_mtim.tv_sec) * 1000000000LL + now.tv_nsec - stat->st_mtim.tv_nsec;
		if (age < 0 || age >= STAMP_NS)
			return 0;
		nanosleep(&pause, NULL);
	}
	return fail(file, -EBUSY, "it is being written");
}

/* Up to @size bytes; one more if there are more. */
static int read_all(int fd, size_t size, struct spw_file *file)
{
	while (file->length <= size) {
		ssize_t got = read(fd, file->text + file->length, size + 1 - file->length);

		if (!got)
			break;
		if (got > 0)
			file->length += (size_t)got;
		else if (errno != EINTR)
			return fail_errno(file, "read");
	}
	return 0;
}

static bool same_version(const struct stat *before, const struct stat *after)
{
	return before->st_size == after->st_size && before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
	       before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

static int read_open(int fd, size_t bytes_max, bool guarded, struct spw_file *file)
{
	struct stat before, after;
	size_t size;
	int err;

	if (fstat(fd, &before))
		return fail_errno(file, "fstat");
	if (!S_ISREG(before.st_mode))
		return fail(file, S_ISDIR(before.st_mode) ? -EISDIR : -EINVAL, "it is not a regular file");
	err = guarded ? check_writers(&before, file) : 0;
	if (!err)
		err = settle(fd, &before, file);
	if (err)
		return err;
	if (before.st_size < 0 || (size_t)before.st_size > bytes_max)
		return fail(file, -EFBIG, "it has %lld bytes; %zu are the most", (long long)before.st_size, bytes_max);
	size = (size_t)before.st_size;
	file->text = malloc(size + 1);
	if (!file->text)
		return fail(file, -ENOMEM, "out of memory");
	err = read_all(fd, size, file);
	if (err)
		return err;
	if (fstat(fd, &after))
		return fail_errno(file, "fstat");
	if (file->length != size || !same_version(&before, &after))
		return fail(file, -EBUSY, "it changed while it was read; replace it by a rename instead");
	file->text[size] = 0;
	return 0;
}

int spw_file_read(const char *path, size_t bytes_max, bool guarded, struct spw_file *file)
{
	int fd, err;

	*file = (struct spw_file){0};
	if (guarded) {
		fd = open_guarded(path, file);
	} else {
		fd = open(path, OPEN_FLAGS);
		if (fd < 0)
			fd = fail_errno(file, "open");
	}
	if (fd < 0)
		return fd;
	err = read_open(fd, bytes_max, guarded, file);
	close(fd);
	return err;
}

void spw_file_free(struct spw_file *file)
{
	free(file->text);
	file->text = NULL;
	file->length = 0;
}
