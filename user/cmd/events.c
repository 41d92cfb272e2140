/* SPDX-License-Identifier: GPL-2.0-only */
/* events: level changes, reloads, interfaces, hooks, signals; or sampled drops. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/events.h"
#include "view/drop.h"
#include "view/text.h"
#include "cmd.h"
#include "drops.h"

#define LOOK_MS 200

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* "2026-11-24T12:03:10.123Z" -> local "2026-11-24 12:03:10"; other text is shown unchanged. */
static void put_time(const char *at)
{
	struct tm parts = {0};
	char text[40];
	time_t seconds;

	if (!strptime(at, "%Y-%m-%dT%H:%M:%S", &parts) || (seconds = timegm(&parts)) == -1 ||
	    !localtime_r(&seconds, &parts)) {
		spw_put_text(stdout, at, SPW_FOR_TERMINAL);
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	fputs(text, stdout);
}

/* All other fields, in the sequence of the file. */
static void put_fields(const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		char *number;

		if (!strcmp(key, "at") || !strcmp(key, "event") || json_is_null(value) ||
		    (json_is_string(value) && !*json_string_value(value)))
			continue;
		putchar(' ');
		spw_put_text(stdout, key, SPW_FOR_TERMINAL);
		putchar('=');
		if (json_is_string(value)) {
			spw_put_text(stdout, json_string_value(value), SPW_FOR_TERMINAL);
			continue;
		}
		number = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
		fputs(number ? number : "?", stdout);
		free(number);
	}
}

static void print_event(const json_t *object)
{
	const char *event = text_of(object, "event");

	put_time(text_of(object, "at"));
	putchar(' ');
	spw_put_cell(stdout, event, 8);
	if (!strcmp(event, "level")) {
		printf(" ");
		spw_put_text(stdout, text_of(object, "former"), SPW_FOR_TERMINAL);
		printf(" -> ");
		spw_put_text(stdout, text_of(object, "level"), SPW_FOR_TERMINAL);
		printf(": ");
		spw_put_text(stdout, text_of(object, "reason"), SPW_FOR_TERMINAL);
	} else {
		put_fields(object);
	}
	putchar('\n');
}

static void print_line(const struct spw_call *call, const char *line, size_t bytes)
{
	json_t *object = json_loadb(line, bytes, 0, NULL);

	/* Skip torn lines. */
	if (json_is_object(object) && call->json)
		printf("%.*s\n", (int)bytes, line);
	else if (json_is_object(object))
		print_event(object);
	json_decref(object);
}

/* A file of the event log that is followed. */
struct follower {
	char path[4096];
	FILE *file; /* NULL: does not exist yet */
	char *line;
	size_t room;
	size_t kept; /* bytes of an incomplete line */
};

/* Print what is there; keep an incomplete line for later. */
static void print_rest(struct follower *follower, const struct spw_call *call)
{
	int character;

	while (follower->file && (character = getc(follower->file)) != EOF) {
		if (character == '\n') {
			print_line(call, follower->line, follower->kept);
			follower->kept = 0;
			continue;
		}
		if (follower->kept == SPW_EVENT_BYTES_MAX) /* longer than any event: damaged */
			follower->kept = 0;
		follower->line[follower->kept++] = (char)character;
	}
	if (follower->file)
		clearerr(follower->file);
}

static bool was_replaced(const struct follower *follower)
{
	struct stat now, then;

	return !follower->file ||
	       (!stat(follower->path, &now) && !fstat(fileno(follower->file), &then) && now.st_ino != then.st_ino);
}

static void open_file(struct follower *follower)
{
	if (follower->file)
		fclose(follower->file);
	follower->file = fopen(follower->path, "re");
	follower->kept = 0;
}

static int follow(struct follower *follower, const struct spw_call *call)
{
	for (;;) {
		struct pollfd out = {.fd = STDOUT_FILENO};

		/* First finish the file that was rotated. */
		if (was_replaced(follower)) {
			print_rest(follower, call);
			open_file(follower);
		}
		print_rest(follower, call);
		if (fflush(stdout) || ferror(stdout))
			return SPW_EXIT_FAILED;
		if (poll(&out, 1, LOOK_MS) > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)))
			return SPW_EXIT_DONE; /* the reader of the output has gone */
	}
}

static int print_events(const struct spw_call *call, const char *state_dir, bool following)
{
	struct follower follower = {.line = malloc(SPW_EVENT_BYTES_MAX)};
	int status = SPW_EXIT_DONE;
	bool any = false;

	if (!follower.line)
		return spw_fail("out of memory");
	/* -f starts with new events. */
	for (int older = 1; older >= 0; older--) {
		snprintf(follower.path, sizeof(follower.path), "%.4000s/" SPW_EVENTS_FILE "%s", state_dir,
			 older ? ".1" : "");
		open_file(&follower);
		if (!follower.file && errno != ENOENT)
			status = spw_fail("cannot read %s: %s", follower.path, strerror(errno));
		any |= follower.file != NULL;
		if (following && follower.file)
			fseek(follower.file, 0, SEEK_END);
		else
			print_rest(&follower, call);
	}
	if (status == SPW_EXIT_DONE && following)
		status = follow(&follower, call);
	else if (status == SPW_EXIT_DONE && !any)
		status = spw_fail("there are no events in %s", state_dir);
	if (follower.file)
		fclose(follower.file);
	free(follower.line);
	return status;
}

/* ---- sampled drops ---- */

static bool on_drop(void *context, const json_t *drop)
{
	const struct spw_call *call = context;

	if (!drop)
		return !fflush(stdout);
	if (call->json) {
		json_dumpf(drop, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		spw_view_drop(stdout, drop, (struct spw_style){spw_colour()});
	}
	return !ferror(stdout);
}

static int print_drops(const struct spw_call *call, bool following)
{
	const struct spw_drops_request wanted = {.follow = following};
	u64 lost = 0;
	int status = spw_drops(call, &wanted, on_drop, (void *)call, &lost);

	if (lost)
		fprintf(stderr, "note: %llu drops came faster than they were read\n", (unsigned long long)lost);
	return status;
}

enum option { DROPS, FOLLOW };

static const struct spw_option options[] = {
	[DROPS] = {"drops", 0, NULL, "sampled packets that were dropped; needs the agent"},
	[FOLLOW] = {"follow", 'f', NULL, "show new ones as they happen"},
	{0},
};

static int run(const struct spw_call *call, int argc, char **argv)
{
	bool following = call->options[FOLLOW];
	struct spw_config config;
	int status;

	if (argc > 1)
		return spw_usage(&spw_verb_events, "unexpected '%s'", argv[1]);
	if (call->options[DROPS])
		return print_drops(call, following);
	status = spw_where(call, &config);
	if (status == SPW_EXIT_DONE)
		status = print_events(call, config.state_dir, following);
	spw_config_free(&config);
	return status;
}

const struct spw_verb spw_verb_events = {
	.name = "events",
	.usage = "",
	.summary = "Show what happened: levels, reloads, interfaces, hooks, signals; or sampled drops",
	.options = options,
	.help = "  spillway events            the event log, oldest first; needs no agent\n"
		"  spillway events -f         new events as they happen\n"
		"  spillway events --drops    the latest hundred sampled drops\n"
		"  spillway -j events         one JSON object per line\n",
	.run = run,
};
