/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/replace.h"
#include "ban_spool_line.h"
#include "bans_file.h"
#include "state_file.h"

enum {
	NUMBER_DIGITS = 10,
	WRITER_WAITS_MS = 10000,
	AGENT_WAITS_MS = 2000, /* a writer that is stopped with the lock must not keep an agent from starting */
	WAIT_STEP_MS = 5,
};

static void spool_path(char path[SPW_STATE_PATH_BYTES], const char *run_dir, const char *name)
{
	spw_state_path(path, run_dir, "spool", name);
}

static void file_path(char path[SPW_STATE_PATH_BYTES], const char *run_dir, u64 number)
{
	char name[32];

	snprintf(name, sizeof(name), "/%0*llu.json", NUMBER_DIGITS, (unsigned long long)number);
	spool_path(path, run_dir, name);
}

/* The number of a request file; 0: it is none. */
static u64 number_of(const char *name)
{
	u64 number = 0;
	int at = 0;

	for (; at < NUMBER_DIGITS; at++) {
		if (name[at] < '0' || name[at] > '9')
			return 0;
		number = number * 10 + (u64)(name[at] - '0');
	}
	return strcmp(name + at, ".json") ? 0 : number;
}

static struct spw_spool_moment now(char boot_id[SPW_BOOT_ID_BYTES])
{
	spw_boot_id(boot_id);
	return (struct spw_spool_moment){boot_id, (double)spw_wall_ns() / SPW_SECOND_NS, spw_monotonic_ns()};
}

/* ---- lock and bounds ---- */

bool spw_spool_is_wanted(const char *run_dir, const char *state_dir)
{
	char path[SPW_STATE_PATH_BYTES];

	spw_state_path(path, run_dir, "lock", "");
	if (!access(path, F_OK))
		return true;
	if (!state_dir)
		return false;
	spw_state_path(path, state_dir, SPW_BANS_FILE, "");
	return !access(path, F_OK);
}

/* Returns a descriptor or -errno; -EAGAIN: the lock is held by another process. */
static int take_lock(const char *run_dir, int wait_ms)
{
	char path[SPW_STATE_PATH_BYTES];
	_cleanup_fd_ int fd = -1;

	spool_path(path, run_dir, "/lock");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += WAIT_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (waited >= wait_ms)
			return -EAGAIN;
		usleep(WAIT_STEP_MS * 1000);
	}
	return TAKE_FD(fd);
}

int spw_spool_lock(const char *run_dir, char message[SPW_MESSAGE_MAX])
{
	char path[SPW_STATE_PATH_BYTES];
	int fd;

	spool_path(path, run_dir, "");
	fd = spw_make_folder(run_dir, 0755);
	if (!fd)
		fd = spw_make_folder(path, 0700);
	if (!fd)
		fd = take_lock(run_dir, WRITER_WAITS_MS);
	if (fd < 0)
		spw_message(message, fd, "no agent answers, and the request cannot be queued in %.200s: %s", path,
			    fd == -EAGAIN ? "its lock is not free" : strerror(-fd));
	return fd;
}

struct content {
	u64 last; /* number; 0: there are no files */
	u64 files, bytes;
};

static int look_into(const char *run_dir, struct content *content)
{
	char path[SPW_STATE_PATH_BYTES];
	struct dirent *entry;
	DIR *folder;

	*content = (struct content){0};
	spool_path(path, run_dir, "");
	folder = opendir(path);
	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		u64 number = number_of(entry->d_name);
		struct stat status;

		if (!number || fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		content->files++;
		content->bytes += (u64)status.st_size;
		content->last = number > content->last ? number : content->last;
	}
	closedir(folder);
	return 0;
}

/* ---- writing ---- */

static int write_text(FILE *out, void *context)
{
	fputs(context, out);
	putc('\n', out);
	return 0;
}

/* The rename itself has to be on disk too. */
static int sync_folder(const char *run_dir)
{
	char path[SPW_STATE_PATH_BYTES];
	_cleanup_fd_ int fd = -1;

	spool_path(path, run_dir, "");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -errno : 0;
}

int spw_spool_put(const char *run_dir, const json_t *request, char message[SPW_MESSAGE_MAX])
{
	char boot_id[SPW_BOOT_ID_BYTES];
	const struct spw_spool_moment moment = now(boot_id);
	_cleanup_free_ char *text = request ? spw_spool_print(request, &moment) : NULL;
	char path[SPW_STATE_PATH_BYTES];
	struct content content;
	int err;

	if (!text)
		return spw_message(message, -EINVAL, "the request cannot be written as JSON: is all of it UTF-8?");
	err = look_into(run_dir, &content);
	if (!err && (content.files >= SPW_SPOOL_FILES_MAX || strlen(text) >= SPW_SPOOL_FILE_BYTES_MAX ||
		     content.bytes + strlen(text) >= SPW_SPOOL_BYTES_MAX))
		return spw_message(
			message, -EDQUOT,
			"no agent answers, and no more can be queued: %llu requests of %llu KiB wait; start it "
			"with: spillway run",
			(unsigned long long)content.files, (unsigned long long)content.bytes >> 10);
	file_path(path, run_dir, content.last + 1);
	if (!err)
		err = spw_replace_file(path, 0600, true, write_text, text);
	if (!err)
		err = sync_folder(run_dir);
	return err ? spw_message(message, err, "no agent answers, and the request cannot be queued as %.200s: %s", path,
				 strerror(-err))
		   : 0;
}

/* ---- reading ---- */

/* Why @status is not that of a request file; NULL: it is. */
static const char *why_foreign(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return "it is not a regular file";
	if (status->st_uid != geteuid())
		return "it belongs to another user";
	return status->st_size > SPW_SPOOL_FILE_BYTES_MAX ? "it is larger than 8 MiB" : NULL;
}

/* Returns the text, freed by the caller, or NULL and @why. */
static char *read_file(const char *path, size_t *length, const char **why)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	char *text;
	ssize_t got = 0;

	if (fd < 0 || fstat(fd, &status)) {
		*why = strerror(errno);
		return NULL;
	}
	*why = why_foreign(&status);
	if (*why)
		return NULL;
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		*why = "out of memory";
	for (*length = 0; text && *length < (size_t)status.st_size; *length += (size_t)got) {
		got = read(fd, text + *length, (size_t)status.st_size - *length);
		if (got <= 0)
			break;
	}
	return text;
}

static int compare(const void *left, const void *right)
{
	u64 one = *(const u64 *)left, other = *(const u64 *)right;

	return one < other ? -1 : one > other;
}

/* Numbers of the files, ascending, freed by the caller. */
static u64 *list_files(const char *run_dir, size_t *count)
{
	u64 *numbers = calloc(SPW_SPOOL_FILES_MAX, sizeof(*numbers));
	char path[SPW_STATE_PATH_BYTES];
	struct dirent *entry;
	DIR *folder;

	*count = 0;
	spool_path(path, run_dir, "");
	folder = numbers ? opendir(path) : NULL;
	if (!folder)
		return numbers;
	while (*count < SPW_SPOOL_FILES_MAX && (entry = readdir(folder))) {
		numbers[*count] = entry->d_type == DT_DIR ? 0 : number_of(entry->d_name);
		*count += numbers[*count] != 0;
	}
	closedir(folder);
	qsort(numbers, *count, sizeof(*numbers), compare);
	return numbers;
}

struct taking {
	const char *run_dir;
	spw_spool_visit *visit;
	void *context;
	u64 bytes;
	u32 taken, refused;
	char *message;
};

static void put_aside(struct taking *taking, const char *path, const char *why)
{
	char aside[SPW_STATE_PATH_BYTES];

	spool_path(aside, taking->run_dir, "/damaged");
	if (rename(path, aside))
		unlink(path);
	if (taking->refused++)
		snprintf(taking->message, SPW_MESSAGE_MAX,
			 "%u queued requests are lost; the last, %.200s: %s; see %.200s", taking->refused, path, why,
			 aside);
	else
		snprintf(taking->message, SPW_MESSAGE_MAX, "a queued request is lost, %.200s: %s; see %.200s", path,
			 why, aside);
}

static void take_file(struct taking *taking, u64 number)
{
	char path[SPW_STATE_PATH_BYTES], boot_id[SPW_BOOT_ID_BYTES];
	const struct spw_spool_moment moment = now(boot_id);
	const char *why;
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	json_t *request;
	u64 age_ns;

	file_path(path, taking->run_dir, number);
	text = read_file(path, &length, &why);
	request = text ? spw_spool_parse(text, length, &moment, &age_ns) : NULL;
	taking->bytes += length;
	if (!request) {
		put_aside(taking, path, text ? "it is not a request in JSON" : why);
		return;
	}
	taking->visit(taking->context, request, age_ns);
	json_decref(request);
	unlink(path);
	taking->taken++;
}

u32 spw_spool_take(const char *run_dir, bool wait, spw_spool_visit *visit, void *context, char message[SPW_MESSAGE_MAX])
{
	struct taking taking = {.run_dir = run_dir, .visit = visit, .context = context, .message = message};
	char path[SPW_STATE_PATH_BYTES];
	_cleanup_free_ u64 *numbers = NULL;
	_cleanup_fd_ int lock = -1;
	size_t count = 0;

	*message = '\0';
	spool_path(path, run_dir, "");
	if (access(path, F_OK))
		return 0;
	lock = take_lock(run_dir, wait ? AGENT_WAITS_MS : 0);
	if (lock < 0 && !wait)
		return 0;
	if (lock < 0)
		snprintf(message, SPW_MESSAGE_MAX, "cannot lock %.200s: %s; what is queued just now is done later",
			 path, strerror(-lock));
	numbers = list_files(run_dir, &count);
	for (size_t i = 0; i < count && taking.bytes < SPW_SPOOL_BYTES_MAX; i++)
		take_file(&taking, numbers[i]);
	return taking.taken;
}
