/* SPDX-License-Identifier: GPL-2.0-only */
#include "download_job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SELF	      "/proc/self/exe"
#define TIME_EXTRA_NS 30000000000ull /* to start and to check the content */
#define PIPE_BYTES    65536	     /* an empty pipe takes as much at once */

_Static_assert(sizeof(struct spw_download_request) < PIPE_BYTES, "the agent does not wait while it writes it");
_Static_assert(sizeof(struct spw_download_result) < PIPE_BYTES, "the process does not wait while it writes it");

struct spw_download_job {
	pid_t pid;
	int pidfd;
	int answer; /* of the process */
	int body;
	sd_event_source *source; /* end of the process */
	spw_download_done *done;
	void *context;
	u64 started_ns;
	u64 most_ns;
};

u64 spw_download_most_ns(const struct spw_download_request *request)
{
	return 2 * request->timeout_ns + TIME_EXTRA_NS;
}

static void release(struct spw_download_job *job)
{
	sd_event_source_disable_unref(job->source);
	spw_close_fd(&job->pidfd);
	spw_close_fd(&job->answer);
	spw_close_fd(&job->body);
	free(job);
}

static void describe_death(const siginfo_t *end, struct spw_download_result *result)
{
	bool exited = end->si_code == CLD_EXITED;

	*result = (struct spw_download_result){.outcome = SPW_DOWNLOAD_FAILED};
	snprintf(result->message, sizeof(result->message), "the fetching process died (%s %d)%s",
		 exited ? "exit status" : "signal", end->si_status,
		 !exited && (end->si_status == SIGKILL || end->si_status == SIGXCPU) ? "; out of memory or time" : "");
}

/* The process talks to servers, so what it says is not trusted. */
static bool receive(int fd, struct spw_download_result *result)
{
	if (read(fd, result, sizeof(*result)) != sizeof(*result) || result->outcome >= SPW_DOWNLOAD_OUTCOMES)
		return false;
	result->etag[sizeof(result->etag) - 1] = '\0';
	result->last_modified[sizeof(result->last_modified) - 1] = '\0';
	result->sha256[sizeof(result->sha256) - 1] = '\0';
	result->message[sizeof(result->message) - 1] = '\0';
	return true;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct spw_download_job *job = context;
	struct spw_download_result result;
	siginfo_t end = {0};

	(void)source;
	(void)events;
	if (waitid(P_PIDFD, (id_t)fd, &end, WEXITED | WNOHANG) || !end.si_pid)
		return 0;
	if (!receive(job->answer, &result))
		describe_death(&end, &result);
	job->done(job->context, &result, TAKE_FD(job->body));
	release(job);
	return 0;
}

/* An empty environment; no descriptors but those; default signals. */
static int spawn(struct spw_download_job *job, int request, int answer)
{
	char *const arguments[] = {"spillway", SPW_DOWNLOAD_VERB, NULL}, *const environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, request, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, answer, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, job->body, SPW_DOWNLOAD_BODY_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, SPW_DOWNLOAD_BODY_FD + 1);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn(&job->pid, SELF, &actions, &attributes, arguments, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -err;
}

static int start(struct spw_download_job *job, const struct spw_download_request *request)
{
	_cleanup_fd_ int in = -1, out = -1, feed = -1;
	int request_pipe[2], answer_pipe[2], err;

	job->body = memfd_create("spillway-list", MFD_CLOEXEC);
	if (job->body < 0 || pipe2(request_pipe, O_CLOEXEC))
		return -errno;
	in = request_pipe[0];
	feed = request_pipe[1];
	if (pipe2(answer_pipe, O_CLOEXEC))
		return -errno;
	job->answer = answer_pipe[0];
	out = answer_pipe[1];
	fcntl(job->answer, F_SETFL, O_NONBLOCK); /* not the process's end */
	if (write(feed, request, sizeof(*request)) != sizeof(*request))
		return errno ? -errno : -EIO;
	err = spawn(job, in, out);
	if (err)
		return err;
	job->pidfd = pidfd_open(job->pid, 0);
	return job->pidfd < 0 ? -errno : 0;
}

int spw_download_job_start(sd_event *loop, const struct spw_download_request *request, spw_download_done *done,
			   void *context, struct spw_download_job **result)
{
	struct spw_download_job *job = calloc(1, sizeof(*job));
	int err;

	if (!job)
		return -ENOMEM;
	*job = (struct spw_download_job){
		.pidfd = -1,
		.answer = -1,
		.body = -1,
		.done = done,
		.context = context,
		.started_ns = spw_monotonic_ns(),
		.most_ns = spw_download_most_ns(request),
	};
	err = start(job, request);
	if (!err)
		err = sd_event_add_io(loop, &job->source, job->pidfd, EPOLLIN, on_end, job);
	if (err < 0) {
		spw_download_job_stop(job);
		return err;
	}
	*result = job;
	return 0;
}

void spw_download_job_tick(struct spw_download_job *job, u64 now_ns)
{
	if (now_ns > job->started_ns && now_ns - job->started_ns > job->most_ns)
		kill(job->pid, SIGKILL);
}

void spw_download_job_stop(struct spw_download_job *job)
{
	if (!job)
		return;
	if (job->pid > 0) {
		bool killed = !kill(job->pid, SIGKILL);

		/* Without CAP_KILL it ends by its own alarm, or with the agent. */
		while (killed && waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	release(job);
}
