/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drives user/host/hooks.c without an agent: reads "LEVEL FORMER REASON..." lines and prints each result. At the end of
 * its input and of the hooks it prints the longest delay of the loop. usage: hooks_driver FOLDER TIMEOUT_MS
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/core/words.h"
#include "user/host/hooks.h"
#include "waited.h"

static struct spw_hooks *hooks;
static bool ended;
static u64 last_ns, last_waited_ns, longest_ns;

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

static void on_done(void *context, const struct spw_hook_result *result)
{
	size_t bytes = strlen(result->output);
	const char *line = strtok((char *)result->output, "\n");

	(void)context;
	printf("%s level=%s ok=%d exit=%d signal=%d timed_out=%d bytes=%zu refused=%s output=%.200s\n", result->name,
	       spw_level_name(result->level), result->ok, result->exit_status, result->signal, result->timed_out, bytes,
	       result->refused ? result->refused : "-", line ? line : "");
	fflush(stdout);
}

static int on_line(sd_event_source *source, int fd, uint32_t events, void *context)
{
	char line[4096], level[16], former[16];
	int at = 0;

	(void)fd;
	(void)events;
	(void)context;
	if (!fgets(line, sizeof(line), stdin)) {
		ended = true;
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return 0;
	}
	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%15s %15s %n", level, former, &at) >= 2)
		spw_hooks_level(hooks, &(struct spw_hook_occasion){(u8)spw_level_parse(level),
								   (u8)spw_level_parse(former), "shop", line + at});
	return 0;
}

/* Hooks are the only children, including those that ended and were not reaped. */
static bool hook_runs(void)
{
	siginfo_t info;

	return !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || errno != ECHILD;
}

/* A tick every 10 ms: its lateness shows whether hooks block the loop. What other programs take does not count. */
static int on_tick(sd_event_source *source, uint64_t usec, void *context)
{
	u64 now = now_ns(), waited = waited_ns(), took = now - last_ns, elsewhere = waited - last_waited_ns;

	(void)usec;
	(void)context;
	if (last_ns && took > elsewhere && took - elsewhere > longest_ns)
		longest_ns = took - elsewhere;
	last_ns = now;
	last_waited_ns = waited;
	if (ended && !hook_runs())
		sd_event_exit(sd_event_source_get_event(source), 0);
	return sd_event_source_set_time_relative(source, 10000);
}

int main(int argc, char **argv)
{
	sd_event_source *tick;
	sd_event *loop;

	if (argc != 3 || sd_event_default(&loop) < 0 || spw_hooks_new(loop, on_done, NULL, &hooks))
		return 2;
	setvbuf(stdin, NULL, _IONBF, 0);
	open("/etc/hostname", O_RDONLY); /* left open on purpose: hooks must not inherit it */
	spw_hooks_set(hooks, argv[1], strtoull(argv[2], NULL, 10) * 1000000);
	sd_event_add_io(loop, NULL, STDIN_FILENO, EPOLLIN, on_line, NULL);
	sd_event_add_time_relative(loop, &tick, CLOCK_MONOTONIC, 10000, 1000, on_tick, NULL);
	sd_event_source_set_enabled(tick, SD_EVENT_ON);
	sd_event_loop(loop);
	spw_hooks_free(hooks);
	printf("longest_ms=%.1f\n", (double)longest_ns / 1e6);
	return 0;
}
