/* SPDX-License-Identifier: GPL-2.0-only */
#include "hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/words.h"
#include "base/cleanup.h"
#include "base/log.h"

#define KILL_AFTER_US 2000000 /* from SIGTERM to SIGKILL */
#define NAME_BYTES    256

enum environment { LEVEL, FORMER, NUMBER, SERVICE, REASON, SEARCH, ENVIRONMENT };

struct occasion {
	u8 level;
	u8 former;
	char service[SPW_NAME_MAX];
	char reason[SPW_REASON_TEXT_MAX];
};

struct spw_hooks {
	sd_event *loop;
	spw_hook_done *done;
	void *context;
	char *folder; /* NULL: none */
	u64 timeout_ns;
	bool waits; /* `newest` is pending */
	struct occasion newest;
	struct occasion current;
	bool ran_before;
	u8 last_level; /* for which hooks last ran */
	/* The hooks of the current change. */
	char names[SPW_HOOKS_MAX][NAME_BYTES];
	size_t names_count;
	size_t next;
	/* The running one. */
	pid_t pid; /* 0: none */
	int pidfd;
	int output_fd;
	sd_event_source *exit_source;
	sd_event_source *output_source;
	sd_event_source *time_source;
	bool timed_out;
	u64 started_ns;
	char output[SPW_HOOK_OUTPUT_MAX + 1];
	size_t output_bytes;
};

static void next_hook(struct spw_hooks *hooks);

static u64 now_ns(const struct spw_hooks *hooks)
{
	uint64_t us = 0;

	sd_event_now(hooks->loop, CLOCK_MONOTONIC, &us);
	return us * 1000;
}

int spw_hooks_new(sd_event *loop, spw_hook_done *done, void *context, struct spw_hooks **result)
{
	struct spw_hooks *hooks = calloc(1, sizeof(*hooks));

	*result = hooks;
	if (!hooks)
		return -ENOMEM;
	hooks->loop = sd_event_ref(loop);
	hooks->done = done;
	hooks->context = context;
	hooks->timeout_ns = SPW_HOOK_TIMEOUT_NS;
	hooks->pidfd = hooks->output_fd = -1;
	return 0;
}

void spw_hooks_set(struct spw_hooks *hooks, const char *folder, u64 timeout_ns)
{
	free(hooks->folder);
	hooks->folder = folder ? strdup(folder) : NULL;
	hooks->timeout_ns = timeout_ns ? timeout_ns : SPW_HOOK_TIMEOUT_NS;
}

/* ---- which hooks ---- */

static const char *find_fault(const struct stat *status)
{
	if (status->st_uid)
		return "it does not belong to root";
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return "it is writable for others than root";
	return NULL;
}

static void refuse(struct spw_hooks *hooks, const char *name, const char *why)
{
	const struct spw_hook_result result = {
		.name = name, .level = hooks->current.level, .exit_status = -1, .output = "", .refused = why};

	spw_log(LOG_ERR, "hook %s/%s was not run: %s", hooks->folder, name, why);
	if (hooks->done)
		hooks->done(hooks->context, &result);
}

/* Hidden files, and leftovers of package managers and editors. */
static bool is_leftover(const char *name)
{
	size_t length = strlen(name);

	return *name == '.' || name[length - 1] == '~' || strstr(name, ".dpkg-") || strstr(name, ".rpm") ||
	       length >= NAME_BYTES;
}

static bool is_hook(struct spw_hooks *hooks, int folder, const char *name)
{
	struct stat status;
	const char *fault;

	if (is_leftover(name) || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
		return false;
	if (S_ISLNK(status.st_mode)) {
		refuse(hooks, name, "it is a symbolic link; put the program itself there");
		return false;
	}
	if (!S_ISREG(status.st_mode) || !(status.st_mode & S_IXUSR))
		return false;
	fault = find_fault(&status);
	if (fault)
		refuse(hooks, name, fault);
	return !fault;
}

static int by_name(const void *one, const void *other)
{
	return strcmp(one, other);
}

static void list_hooks(struct spw_hooks *hooks)
{
	int fd = open(hooks->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat status;
	const char *fault;

	hooks->names_count = hooks->next = 0;
	if (!folder || fstat(fd, &status)) {
		spw_log(LOG_ERR, "hooks in %s were not run: %s", hooks->folder, strerror(errno));
		goto out;
	}
	fault = find_fault(&status);
	if (fault) {
		spw_log(LOG_ERR, "hooks were not run: folder %s: %s", hooks->folder, fault);
		goto out;
	}
	while ((entry = readdir(folder))) {
		if (!is_hook(hooks, fd, entry->d_name))
			continue;
		if (hooks->names_count == SPW_HOOKS_MAX) {
			refuse(hooks, entry->d_name, "there are more than 64");
			continue;
		}
		snprintf(hooks->names[hooks->names_count++], NAME_BYTES, "%s", entry->d_name);
	}
	qsort(hooks->names, hooks->names_count, NAME_BYTES, by_name);
out:
	if (folder)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
}

/* ---- running one ---- */

static void make_environment(const struct occasion *occasion, char *texts[ENVIRONMENT + 1])
{
	static const char *const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	bool made = true;

	memset(texts, 0, (ENVIRONMENT + 1) * sizeof(*texts));
	made &= asprintf(&texts[LEVEL], "SPILLWAY_LEVEL=%s", spw_level_name(occasion->level)) >= 0;
	made &= asprintf(&texts[FORMER], "SPILLWAY_FORMER=%s", spw_level_name(occasion->former)) >= 0;
	made &= asprintf(&texts[NUMBER], "SPILLWAY_LEVEL_NUMBER=%u", occasion->level) >= 0;
	made &= asprintf(&texts[SERVICE], "SPILLWAY_SERVICE=%s", occasion->service) >= 0;
	made &= asprintf(&texts[REASON], "SPILLWAY_REASON=%s", occasion->reason) >= 0;
	texts[SEARCH] = strdup(path);
	if (!made)
		texts[LEVEL] = NULL; /* out of memory: posix_spawn() fails without it */
}

/* In a separate session, so that its children can be killed with it; default signals, no inherited descriptors. */
static int spawn(struct spw_hooks *hooks, const char *path, int output)
{
	char *environment[ENVIRONMENT + 1], *const arguments[] = {(char *)path, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	make_environment(&hooks->current, environment);
	err = posix_spawn(&hooks->pid, path, &actions, &attributes, arguments, environment);
	for (size_t i = 0; i < ENVIRONMENT; i++)
		free(environment[i]);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (err)
		hooks->pid = 0;
	return -err;
}

static void read_output(struct spw_hooks *hooks)
{
	char spare[1024];

	for (u32 i = 0; i < 64; i++) { /* bounded: a hook that writes endlessly must not block the loop */
		size_t room = SPW_HOOK_OUTPUT_MAX - hooks->output_bytes;
		ssize_t got = room ? read(hooks->output_fd, hooks->output + hooks->output_bytes, room)
				   : read(hooks->output_fd, spare, sizeof(spare));

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			hooks->output_source = sd_event_source_disable_unref(hooks->output_source);
			return;
		}
		if (room)
			hooks->output_bytes += (size_t)got;
	}
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source;
	(void)fd;
	(void)events;
	read_output(context);
	return 0;
}

static void log_result(const struct spw_hooks *hooks, const struct spw_hook_result *result)
{
	_cleanup_free_ char *copy = strdup(result->output);
	char *rest = copy, *line;
	int lines = 0;

	while (rest && (line = strsep(&rest, "\n")) && lines < 20) {
		lines += *line != 0;
		if (*line)
			spw_log(LOG_INFO, "hook %s: %s", result->name, line);
	}
	if (result->timed_out)
		spw_log(LOG_ERR, "hook %s was ended: it took more than %llu s", result->name,
			(unsigned long long)(hooks->timeout_ns / 1000000000));
	else if (result->signal)
		spw_log(LOG_ERR, "hook %s was ended by signal %d", result->name, result->signal);
	else if (result->exit_status)
		spw_log(LOG_ERR, "hook %s: exit status %d", result->name, result->exit_status);
}

static void let_go(struct spw_hooks *hooks)
{
	hooks->exit_source = sd_event_source_disable_unref(hooks->exit_source);
	hooks->output_source = sd_event_source_disable_unref(hooks->output_source);
	hooks->time_source = sd_event_source_disable_unref(hooks->time_source);
	if (hooks->pidfd >= 0)
		close(hooks->pidfd);
	if (hooks->output_fd >= 0)
		close(hooks->output_fd);
	hooks->pidfd = hooks->output_fd = -1;
	hooks->pid = 0;
}

static int on_exit_of_hook(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct spw_hooks *hooks = context;
	struct spw_hook_result result = {.name = hooks->names[hooks->next - 1], .level = hooks->current.level};
	siginfo_t end = {0};

	(void)source;
	(void)fd;
	(void)events;
	if (waitid(P_PIDFD, (id_t)hooks->pidfd, &end, WEXITED | WNOHANG) || !end.si_pid)
		return 0;
	read_output(hooks);
	/* After a timeout kill the rest of its session. */
	if (hooks->timed_out)
		kill(-hooks->pid, SIGKILL);
	result.exit_status = end.si_code == CLD_EXITED ? end.si_status : -1;
	result.signal = end.si_code == CLD_EXITED ? 0 : end.si_status;
	result.timed_out = hooks->timed_out;
	result.ok = end.si_code == CLD_EXITED && !end.si_status && !hooks->timed_out;
	result.took_ns = now_ns(hooks) - hooks->started_ns;
	hooks->output[hooks->output_bytes] = '\0';
	result.output = hooks->output;
	log_result(hooks, &result);
	let_go(hooks);
	if (hooks->done)
		hooks->done(hooks->context, &result);
	next_hook(hooks);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *context)
{
	struct spw_hooks *hooks = context;

	(void)usec;
	kill(-hooks->pid, hooks->timed_out ? SIGKILL : SIGTERM);
	hooks->timed_out = true;
	sd_event_source_set_time_relative(source, KILL_AFTER_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int watch(struct spw_hooks *hooks)
{
	int err;

	hooks->pidfd = pidfd_open(hooks->pid, 0);
	if (hooks->pidfd < 0)
		return -errno;
	err = sd_event_add_io(hooks->loop, &hooks->exit_source, hooks->pidfd, EPOLLIN, on_exit_of_hook, hooks);
	if (err >= 0)
		err = sd_event_add_io(hooks->loop, &hooks->output_source, hooks->output_fd, EPOLLIN, on_output, hooks);
	if (err >= 0)
		err = sd_event_add_time_relative(hooks->loop, &hooks->time_source, CLOCK_MONOTONIC,
						 hooks->timeout_ns / 1000, 0, on_time, hooks);
	return err < 0 ? err : 0;
}

static int run_hook(struct spw_hooks *hooks, const char *name)
{
	char path[4096 + NAME_BYTES];
	int pipes[2], err;

	snprintf(path, sizeof(path), "%.4000s/%s", hooks->folder, name);
	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	fcntl(pipes[0], F_SETFL, O_NONBLOCK); /* not the hook's end */
	hooks->output_fd = pipes[0];
	hooks->output_bytes = 0;
	hooks->timed_out = false;
	hooks->started_ns = now_ns(hooks);
	err = spawn(hooks, path, pipes[1]);
	close(pipes[1]);
	if (!err) {
		err = watch(hooks);
		if (err) {
			kill(-hooks->pid, SIGKILL);
			waitpid(hooks->pid, NULL, 0);
		}
	}
	if (err)
		let_go(hooks);
	return err;
}

/* ---- one after the other ---- */

/* The change that waited for running hooks; none if the level is back where it was for them. */
static bool take_newest(struct spw_hooks *hooks)
{
	if (!hooks->waits)
		return false;
	hooks->waits = false;
	if (hooks->ran_before && hooks->newest.level == hooks->last_level)
		return false;
	hooks->current = hooks->newest;
	if (hooks->ran_before)
		hooks->current.former = hooks->last_level;
	hooks->last_level = hooks->current.level;
	hooks->ran_before = true;
	list_hooks(hooks);
	return true;
}

static void next_hook(struct spw_hooks *hooks)
{
	do {
		while (hooks->folder && hooks->next < hooks->names_count) {
			const char *name = hooks->names[hooks->next++];
			int err = run_hook(hooks, name);

			if (!err)
				return;
			refuse(hooks, name, strerror(-err));
		}
	} while (hooks->folder && take_newest(hooks));
}

void spw_hooks_level(struct spw_hooks *hooks, const struct spw_hook_occasion *occasion)
{
	if (!hooks->folder)
		return;
	hooks->newest = (struct occasion){.level = occasion->level, .former = occasion->former};
	snprintf(hooks->newest.service, sizeof(hooks->newest.service), "%s",
		 occasion->service ? occasion->service : "");
	snprintf(hooks->newest.reason, sizeof(hooks->newest.reason), "%s", occasion->reason ? occasion->reason : "");
	hooks->waits = true;
	if (!hooks->pid)
		next_hook(hooks);
}

void spw_hooks_free(struct spw_hooks *hooks)
{
	if (!hooks)
		return;
	if (hooks->pid > 0) {
		kill(-hooks->pid, SIGKILL);
		kill(hooks->pid, SIGKILL);
		waitpid(hooks->pid, NULL, 0);
	}
	let_go(hooks);
	sd_event_unref(hooks->loop);
	free(hooks->folder);
	free(hooks);
}
