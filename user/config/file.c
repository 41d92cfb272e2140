/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, read whole and in one version. */
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

/* Do not wait for the writer of a FIFO, do not acquire a controlling terminal. */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

#define LINKS_MAX 16

/* Time stamps of files advance with the timer, every 10 ms at most (HZ=100): two changes within that look like one. */
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

static bool is_trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

/* A folder on the way of a link: whoever may write to it chooses what is read. In a sticky one only owners may. */
static int check_folder(int folder, const char *name, struct spw_file *file)
{
	struct stat stat;

	if (fstat(folder, &stat))
		return fail_errno(file, "fstat");
	if (!is_trusted(stat.st_uid))
		return fail(file, -EPERM,
			    "a link leads through folder '%.100s' of user %u; only folders of root or of "
			    "the user that runs spillway are trusted",
			    name, stat.st_uid);
	if (stat.st_mode & S_ISVTX || !(stat.st_mode & (S_IWOTH | S_IWGRP)))
		return 0;
	if (stat.st_mode & S_IWOTH || stat.st_gid)
		return fail(file, -EPERM,
			    "a link leads through folder '%.100s', which others than its owner may write to", name);
	return 0;
}

/* The rest of a path while its links are followed. */
struct way {
	int folder;
	int links;
	char left[2 * PATH_MAX];
};

/* Prepend the target of link @name to the rest. */
static int follow_link(struct way *way, const char *name, struct spw_file *file)
{
	char target[PATH_MAX];
	struct stat stat;
	ssize_t length;

	if (++way->links > LINKS_MAX)
		return fail(file, -ELOOP, "more than %d symbolic links in a row", LINKS_MAX);
	if (fstatat(way->folder, name, &stat, AT_SYMLINK_NOFOLLOW))
		return fail_errno(file, "fstat");
	length = readlinkat(way->folder, name, target, sizeof(target));
	if (length < 0)
		return fail_errno(file, "read symbolic link");
	if ((size_t)length == sizeof(target) || (size_t)length + strlen(way->left) + 2 > sizeof(way->left))
		return fail(file, -ENAMETOOLONG, "the path is too long");
	/* A link to a file in the same folder is as safe as the file. */
	if ((memchr(target, '/', (size_t)length) || *way->left) && !is_trusted(stat.st_uid))
		return fail(file, -EPERM,
			    "'%.100s' is a symbolic link of user %u; only links of root or of the user that "
			    "runs spillway are followed to other folders",
			    name, stat.st_uid);
	memmove(way->left + length + 1, way->left, strlen(way->left) + 1);
	memcpy(way->left, target, (size_t)length);
	way->left[length] = way->left[length + 1] ? '/' : 0;
	return 0;
}

static int enter_folder(struct way *way, const char *name, struct spw_file *file)
{
	int folder = openat(way->folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), err;

	if (folder < 0 && errno == ENOTDIR) {
		err = follow_link(way, name, file);
		return err == -EINVAL ? fail(file, -ENOTDIR, "'%.100s' is not a folder", name) : err;
	}
	if (folder < 0)
		return fail_errno(file, "open its folder");
	close(way->folder);
	way->folder = folder;
	return check_folder(folder, name, file);
}

/* Take the first name off the rest; false: only the file name is left. */
static bool next_folder(struct way *way, char name[NAME_MAX + 1])
{
	char *slash = strchr(way->left, '/'), *rest = slash;

	if (!slash)
		return false;
	while (*rest == '/')
		rest++;
	snprintf(name, NAME_MAX + 1, "%.*s", slash == way->left ? 1 : (int)(slash - way->left), way->left);
	memmove(way->left, rest, strlen(rest) + 1);
	return true;
}

/* Open step by step, so that nobody can swap a link or a folder after it was checked. */
static int open_way(struct way *way, struct spw_file *file)
{
	char name[NAME_MAX + 1];
	int err = 0;

	while (!err) {
		int fd;

		if (next_folder(way, name)) {
			err = enter_folder(way, name, file);
			continue;
		}
		fd = openat(way->folder, way->left, OPEN_FLAGS | O_NOFOLLOW);
		if (fd >= 0)
			return fd;
		if (errno != ELOOP)
			return fail_errno(file, "open");
		snprintf(name, sizeof(name), "%.*s", NAME_MAX, way->left);
		way->left[0] = 0;
		err = follow_link(way, name, file);
	}
	return err;
}

static int open_guarded(const char *path, struct spw_file *file)
{
	const char *slash = strrchr(path, '/');
	struct way way = {.folder = -1};
	char folder[PATH_MAX];
	int fd;

	if (strlen(path) >= sizeof(folder))
		return fail(file, -ENAMETOOLONG, "the path is too long");
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	snprintf(way.left, sizeof(way.left), "%s", slash ? slash + 1 : path);
	way.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (way.folder < 0)
		return fail_errno(file, "open its folder");
	fd = open_way(&way, file);
	close(way.folder);
	return fd;
}

static int check_writers(const struct stat *stat, struct spw_file *file)
{
	if (stat->st_mode & S_IWOTH)
		return fail(file, -EPERM, "everybody may write to it; run: chmod o-w");
	if (stat->st_mode & S_IWGRP && (stat->st_uid || stat->st_gid))
		return fail(file, -EPERM, "its group may write to it; run: chmod g-w");
	return 0;
}

/* Wait until a further change would get a different time stamp. */
static int settle(int fd, struct stat *stat, struct spw_file *file)
{
	for (int i = 0; i < STAMP_WAITS_MAX; i++) {
		struct timespec now, pause = {0, STAMP_NS};
		long long age;

		clock_gettime(CLOCK_REALTIME_COARSE, &now); /* the clock of the time stamps */
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
		return fail(file, -EFBIG, "it has %lld bytes; the maximum is %zu", (long long)before.st_size,
			    bytes_max);
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
