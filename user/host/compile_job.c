/* SPDX-License-Identifier: GPL-2.0-only */
#include "compile_job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel/datapath.h"
#include "kernel/rows.h"
#include "net/handover.h"

/* ---- in the child ---- */

static void bound_resources(pid_t agent, int socket)
{
	const struct rlimit memory = {SPW_JOB_BYTES_MAX, SPW_JOB_BYTES_MAX};
	const struct rlimit seconds = {SPW_JOB_SECONDS_MAX, SPW_JOB_SECONDS_MAX};
	const struct rlimit core = {0, 0};
	struct rlimit inherited;
	FILE *score;

	/* Keep a lower limit that was inherited. */
	if (!getrlimit(RLIMIT_AS, &inherited) && inherited.rlim_cur > memory.rlim_cur)
		setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_CPU, &seconds);
	setrlimit(RLIMIT_CORE, &core);
	/* End with the agent, and close its descriptors: its lock is held until the last copy is closed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != agent)
		_exit(1);
	if (socket > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (u32)socket - 1, 0);
	close_range((u32)socket + 1, ~0U, 0);
	/* When memory runs out, the kernel should kill this process, not the agent. */
	score = fopen("/proc/self/oom_score_adj", "we");
	if (score) {
		fputs("1000", score);
		fclose(score);
	}
}

static int compile_and_fill(const struct spw_compile_request *request, const struct spw_lists *lists,
			    struct spw_compile_result *result, int *rows_file, struct spw_diagnostics *diagnostics)
{
	const struct spw_config *config = request->config;
	struct spw_place file = {config->path, 0, 0};
	struct spw_ruleset_image image = {0};
	struct spw_ruleset_error error;
	struct spw_assembly assembly;
	u64 begin = spw_monotonic_ns();
	int map = spw_assemble(config, lists, request->identities, &assembly);

	if (map) {
		spw_error(diagnostics, file, "cannot assemble the ruleset: %s", strerror(-map));
		return map;
	}
	assembly.source.keep_prefixes = true;
	map = spw_ruleset_compile(&assembly.source, request->units_min, &image, &error);
	if (map) {
		spw_report_ruleset_error(config, lists, &assembly, &error, diagnostics);
		goto out;
	}
	result->compile_ns = spw_monotonic_ns() - begin;
	spw_report_overlaps(config, lists, &assembly, &image, diagnostics);
	spw_report_overruling(config, &assembly, &image, diagnostics);
	spw_report_unmatched(config, lists, &assembly, &image, diagnostics);
	image.ruleset->generation = request->generation;
	begin = spw_monotonic_ns();
	map = spw_ruleset_map(image.ruleset, image.bytes);
	if (map < 0)
		spw_error(diagnostics, file, "cannot make the kernel's map of the ruleset (%zu MiB): %s",
			  image.bytes >> 20, strerror(-map));
	result->fill_ns = spw_monotonic_ns() - begin;
	*rows_file = spw_rows_write(&image.rows);
	if (*rows_file < 0 && map >= 0) {
		spw_error(diagnostics, file, "cannot keep the prefixes for bans: %s", strerror(-*rows_file));
		close(map);
		map = *rows_file;
	}
	result->units_capacity = image.ruleset->units_capacity;
	result->bytes = image.bytes;
	result->prefixes4 = image.prefixes4;
	result->prefixes6 = image.prefixes6;
out:
	spw_ruleset_free(&image);
	spw_assembly_free(&assembly);
	return map;
}

/* At a start, lists that cannot be read get their last good content, if that is there and undamaged. */
static int load_at_start(const struct spw_config *config, struct spw_lists *lists, struct spw_diagnostics *diagnostics)
{
	struct spw_last_good good;
	char problem[SPW_MESSAGE_MAX];
	int err = spw_last_good_read(config->state_dir, &good, problem);

	if (err && err != -ENOENT)
		spw_warning(diagnostics, (struct spw_place){0},
			    "the last good ruleset, %s/" SPW_LAST_GOOD_FILE
			    ", cannot be used: %s; the next ruleset that comes into force replaces it",
			    config->state_dir, problem);
	err = spw_last_good_load(config, err ? NULL : &good, spw_wall_ns() / 1000000000, lists, diagnostics);
	spw_last_good_free(&good);
	return err;
}

static int load_lists(const struct spw_compile_request *request, struct spw_lists *lists,
		      struct spw_diagnostics *diagnostics)
{
	struct spw_place file = {request->config->path, 0, 0};
	int err;

	if (request->last_good) {
		err = spw_last_good_restore(request->last_good, request->config, lists);
		if (err)
			spw_error(diagnostics, file, "the last good lists cannot be restored: %s", strerror(-err));
		return err;
	}
	err = request->starts ? load_at_start(request->config, lists, diagnostics)
			      : spw_lists_load(request->config, lists, diagnostics);
	if (!err && request->before)
		err = spw_lists_check_shrunk(request->config, lists, request->before, diagnostics);
	return err ? err : spw_lists_check(request->config, lists, request->force, diagnostics);
}

/* For the next start; without it the ruleset is still good. */
static int keep(const struct spw_compile_request *request, const struct spw_lists *lists,
		struct spw_diagnostics *diagnostics)
{
	int fd = memfd_create("spillway-last-good", MFD_CLOEXEC), err = fd < 0 ? -errno : 0;

	if (!err)
		err = spw_last_good_write(fd, request->config, lists, spw_wall_ns() / 1000000000);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	spw_warning(diagnostics, (struct spw_place){0},
		    "this ruleset is not kept as the last good one: %s%s; a start with a damaged list falls back to an "
		    "earlier one",
		    strerror(-err), err == -EFBIG ? " (the maximum is 256 MiB)" : "");
	return -1;
}

/* Fills @made: map, rows, last good. */
static int work(const struct spw_compile_request *request, struct spw_compile_result *result,
		int made[SPW_HANDOVER_FDS], struct spw_diagnostics *diagnostics)
{
	struct spw_lists lists;
	u64 begin = spw_monotonic_ns();
	int err = load_lists(request, &lists, diagnostics);

	if (err)
		return err;
	result->read_ns = spw_monotonic_ns() - begin;
	for (size_t i = 0; i < lists.count && i < SPW_LISTS_MAX; i++) {
		const struct spw_list *list = &lists.lists[i];

		result->list_prefixes[i][0] = list->count4;
		result->list_prefixes[i][1] = list->count6;
		result->list_skipped[i] = list->skipped < UINT32_MAX ? (u32)list->skipped : UINT32_MAX;
		result->list_kept_s[i] = list->kept_s;
	}
	made[0] = compile_and_fill(request, &lists, result, &made[1], diagnostics);
	if (made[0] >= 0 && !request->last_good)
		made[2] = keep(request, &lists, diagnostics);
	return made[0] < 0 ? made[0] : 0;
}

static char *join(const struct spw_diagnostics *diagnostics, size_t *bytes)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, bytes);

	if (!out)
		return NULL;
	for (size_t i = 0; i < diagnostics->count; i++)
		fprintf(out, "%s%s\n", diagnostics->items[i].severity == SPW_WARNING ? "warning: " : "",
			diagnostics->items[i].text);
	if (diagnostics->errors + diagnostics->warnings > diagnostics->count)
		fprintf(out, "warning: and %zu more\n",
			diagnostics->errors + diagnostics->warnings - diagnostics->count);
	fclose(out);
	return text;
}

/* Message format: descriptors of map, rows and last good ruleset, struct spw_compile_result, its text. */
static int send_result(int socket, const struct spw_compile_result *result, const int made[SPW_HANDOVER_FDS],
		       const char *text)
{
	int err = spw_handover_send_fds(socket, made);

	if (!err)
		err = spw_handover_send(socket, result, sizeof(*result));
	return err || !text ? err : spw_handover_send(socket, text, result->text_bytes);
}

static void child(pid_t agent, const struct spw_compile_request *request, int socket)
{
	static struct spw_compile_result result;
	static struct spw_diagnostics diagnostics;
	char *text;
	int made[SPW_HANDOVER_FDS] = {-1, -1, -1};

	bound_resources(agent, socket);
	result.err = work(request, &result, made, &diagnostics);
	text = join(&diagnostics, &result.text_bytes);
	if (!text)
		result.text_bytes = 0;
	_exit(send_result(socket, &result, made, text) ? 1 : 0);
}

/* ---- in the agent ---- */

int spw_compile_job_start(const struct spw_compile_request *request, struct spw_compile_job *job)
{
	int ends[2], err = spw_handover_open(ends);
	sigset_t all, before;
	pid_t pid, agent = getpid();

	if (err)
		return err;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid) {
		/* Signals stay blocked: the job ends by itself, by its limits or by SIGKILL. */
		close(ends[0]);
		child(agent, request, ends[1]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (pid < 0) {
		err = -errno;
		close(ends[0]);
		return err;
	}
	*job = (struct spw_compile_job){.pid = pid, .socket = ends[0], .started_ns = spw_monotonic_ns()};
	return 0;
}

static char *describe_death(int status)
{
	char *text = NULL;

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return strdup("the compile job took too long and was killed");
	if (asprintf(&text, "the compile job died (%s %d)%s", WIFSIGNALED(status) ? "signal" : "exit status",
		     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		     WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "; out of memory, or it took too long" : "") <
	    0)
		return NULL;
	return text;
}

void spw_compile_job_finish(struct spw_compile_job *job, struct spw_compile_report *report)
{
	struct spw_compile_result *result = &report->result;
	bool whole;
	int status = 0, received[SPW_HANDOVER_FDS];

	whole = spw_handover_receive_fds(job->socket, received) &&
		spw_handover_receive(job->socket, result, sizeof(*result));
	report->text = NULL;
	report->ruleset_map = received[0];
	report->rows_file = received[1];
	report->last_good = received[2];
	if (whole && result->text_bytes) {
		report->text = calloc(1, result->text_bytes + 1);
		whole = report->text && spw_handover_receive(job->socket, report->text, result->text_bytes);
	}
	close(job->socket);
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	*job = (struct spw_compile_job){.socket = -1};
	if (!whole) {
		free(report->text);
		report->text = describe_death(status);
		result->err = -ECHILD;
	} else if (!result->err && report->ruleset_map < 0) {
		result->err = -EBADF;
	}
}

void spw_compile_report_free(struct spw_compile_report *report)
{
	free(report->text);
	report->text = NULL;
	if (report->ruleset_map >= 0)
		close(report->ruleset_map);
	report->ruleset_map = -1;
	if (report->rows_file >= 0)
		close(report->rows_file);
	report->rows_file = -1;
	if (report->last_good >= 0)
		close(report->last_good);
	report->last_good = -1;
}

void spw_compile_job_kill(struct spw_compile_job *job)
{
	if (job->pid > 0)
		kill(job->pid, SIGKILL);
}
