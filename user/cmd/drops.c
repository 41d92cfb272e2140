/* SPDX-License-Identifier: GPL-2.0-only */
/* See drops.h. */
#include "drops.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/control_client.h"
#include "net/line_stream.h"

#define LOOK_MS 200

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	(void)number;
	ended = 1;
}

struct reading {
	struct spw_line_stream *stream;
	u64 until_ns; /* 0: unlimited */
	spw_drop_handler *handler;
	void *context;
	u64 *lost;
	bool begun; /* the agent has accepted the request */
	bool enough;
};

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
	} else {
		reading->enough = !reading->handler(reading->context, object);
	}
	json_decref(object);
	return status;
}

/* @follow: a connection closed by the agent is an error; otherwise it is the end. */
static int read_all(struct reading *reading, bool follow)
{
	int status = SPW_EXIT_DONE;

	while (status == SPW_EXIT_DONE && !reading->enough && !ended &&
	       (!reading->until_ns || spw_monotonic_ns() < reading->until_ns)) {
		const char *line;
		size_t bytes;
		int got = spw_line_stream_next(reading->stream, LOOK_MS, &line, &bytes);

		if (got == 1)
			status = take_line(reading, line, bytes);
		else if (!got)
			reading->enough = !reading->handler(reading->context, NULL);
		else if (got == -EMSGSIZE)
			status = spw_fail("the agent's line is longer than %d bytes", SPW_LINE_BYTES_MAX);
		else if (follow || !reading->begun)
			status = spw_fail("the agent has closed the connection");
		else
			break;
	}
	return status;
}

static json_t *make_request(const struct spw_drops_request *wanted)
{
	json_t *request = json_pack("{s:s,s:b}", "verb", "drops", "follow", wanted->follow);

	if (wanted->reason)
		json_object_set_new(request, "reason", json_string(wanted->reason));
	if (wanted->class_name)
		json_object_set_new(request, "class", json_string(wanted->class_name));
	return request;
}

int spw_drops(const struct spw_call *call, const struct spw_drops_request *wanted, spw_drop_handler *handler,
	      void *context, u64 *lost)
{
	const struct sigaction ending = {.sa_handler = on_end};
	struct reading reading = {.handler = handler, .context = context, .lost = lost};
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	int status = spw_where(call, &config);

	if (status == SPW_EXIT_DONE) {
		_cleanup_fd_ int fd = spw_control_open(config.run_dir, make_request(wanted), message);

		sigaction(SIGINT, &ending, NULL);
		sigaction(SIGTERM, &ending, NULL);
		if (wanted->seconds > 0)
			reading.until_ns = spw_monotonic_ns() + (u64)(wanted->seconds * 1e9);
		reading.stream = fd < 0 ? NULL : spw_line_stream_new(fd);
		if (fd < 0)
			status = spw_fail("%s", message);
		else
			status = reading.stream ? read_all(&reading, wanted->follow) : spw_fail("out of memory");
		spw_line_stream_free(reading.stream);
	}
	spw_config_free(&config);
	return status;
}
