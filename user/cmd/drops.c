/* SPDX-License-Identifier: GPL-2.0-only */
/* See drops.h. */
#include "drops.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/control_client.h"
#include "base/clock.h"

#define LOOK_MS	   200
#define LINE_BYTES 65536

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	(void)number;
	ended = 1;
}

/* What is being read. */
struct reading {
	int fd;
	u64 until_ns; /* 0: no end */
	spw_drop_handler *handler;
	void *context;
	u64 *lost;
	bool begun; /* the agent said yes */
	size_t length;
	char text[LINE_BYTES];
};

/* Returns SPW_EXIT_DONE: go on; -1: that was enough. */
static int take_line(struct reading *reading, const char *line, size_t bytes)
{
	json_t *object = json_loadb(line, bytes, 0, NULL);
	const json_t *lost = json_object_get(object, "lost");
	int status = SPW_EXIT_DONE;

	if (!json_is_object(object)) {
		status = spw_fail("the agent's line is not JSON");
	} else if (!reading->begun) {
		reading->begun = true;
		if (!json_is_true(json_object_get(object, "ok")))
			status = spw_fail("%s", json_string_value(json_object_get(object, "error")));
	} else if (lost) {
		*reading->lost += (u64)json_integer_value(lost);
	} else if (!reading->handler(reading->context, object)) {
		status = -1;
	}
	json_decref(object);
	return status;
}

static int take_lines(struct reading *reading)
{
	size_t begin = 0;
	int status = SPW_EXIT_DONE;
	const char *end;

	while (status == SPW_EXIT_DONE && (end = memchr(reading->text + begin, '\n', reading->length - begin))) {
		size_t line = (size_t)(end - reading->text) - begin;

		status = take_line(reading, reading->text + begin, line);
		begin += line + 1;
	}
	reading->length -= begin;
	memmove(reading->text, reading->text + begin, reading->length);
	if (status == SPW_EXIT_DONE && reading->length == LINE_BYTES)
		return spw_fail("the agent's line is longer than %d bytes", LINE_BYTES);
	return status;
}

static int read_all(struct reading *reading, bool follow)
{
	int status = SPW_EXIT_DONE;

	while (status == SPW_EXIT_DONE && !ended && (!reading->until_ns || spw_monotonic_ns() < reading->until_ns)) {
		struct pollfd wait = {.fd = reading->fd, .events = POLLIN};
		ssize_t got;

		if (poll(&wait, 1, LOOK_MS) <= 0) {
			if (!reading->handler(reading->context, NULL))
				return SPW_EXIT_DONE;
			continue;
		}
		got = recv(reading->fd, reading->text + reading->length, LINE_BYTES - reading->length, 0);
		if (got <= 0 && errno == EINTR && got < 0)
			continue;
		if (got <= 0)
			return follow || !reading->begun ? spw_fail("the agent has closed the connection")
							 : SPW_EXIT_DONE;
		reading->length += (size_t)got;
		status = take_lines(reading);
	}
	return status < 0 ? SPW_EXIT_DONE : status;
}

static json_t *request_of(const struct spw_drops_request *override)
{
	json_t *request = json_pack("{s:s,s:b}", "verb", "drops", "follow", override->follow);

	if (override->reason)
		json_object_set_new(request, "reason", json_string(override->reason));
	if (override->class_name)
		json_object_set_new(request, "class", json_string(override->class_name));
	return request;
}

int spw_drops(const struct spw_call *call, const struct spw_drops_request *override, spw_drop_handler *handler,
	      void *context, u64 *lost)
{
	const struct sigaction ending = {.sa_handler = on_end};
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	u64 nobody_asks = 0;
	_cleanup_free_ struct reading *reading = calloc(1, sizeof(*reading));
	int status = spw_where(call, &config);

	if (!reading) {
		status = spw_fail("out of memory");
	} else if (status == SPW_EXIT_DONE) {
		_cleanup_fd_ int fd = spw_control_open(config.run_dir, request_of(override), message);

		sigaction(SIGINT, &ending, NULL);
		sigaction(SIGTERM, &ending, NULL);
		reading->fd = fd;
		reading->handler = handler;
		reading->context = context;
		reading->lost = lost ? lost : &nobody_asks;
		if (override->seconds > 0)
			reading->until_ns = spw_monotonic_ns() + (u64)(override->seconds * 1e9);
		status = fd < 0 ? spw_fail("%s", message) : read_all(reading, override->follow);
	}
	spw_config_free(&config);
	return status;
}
