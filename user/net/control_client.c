/* SPDX-License-Identifier: GPL-2.0-only */
#include "control_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "control_address.h"

#define CROWDED_NS	 3000000000ull /* how long to retry while all connections are taken */
#define CROWDED_PAUSE_US 20000
#define SEND_SECONDS	 10 /* how long to wait for an agent that does not read */

static void say_no_agent(const char *path, int err, char *message)
{
	if (err == ENOENT || err == ECONNREFUSED)
		snprintf(message, SPW_MESSAGE_MAX, "no agent listens at %s; start it with: spillway run", path);
	else if (err == EAGAIN)
		snprintf(message, SPW_MESSAGE_MAX, "the agent at %s took no connection within %d s", path,
			 SEND_SECONDS);
	else
		snprintf(message, SPW_MESSAGE_MAX, "cannot reach the agent at %s: %s%s", path, strerror(err),
			 err == EACCES ? "; this needs root" : "");
	if (err == EACCES)
		syslog(LOG_AUTHPRIV | LOG_WARNING, "spillway: user %u was refused at %s", getuid(), path);
}

static json_t *read_answer(int fd, int seconds, char *message)
{
	u64 deadline = spw_monotonic_ns() + (u64)seconds * 1000000000;
	_cleanup_free_ char *text = NULL;
	size_t length = 0, capacity = 0;
	json_error_t error;
	json_t *object;

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		u64 now = spw_monotonic_ns();
		ssize_t got;

		if (now >= deadline || poll(&wait, 1, (int)((deadline - now) / 1000000) + 1) == 0) {
			snprintf(message, SPW_MESSAGE_MAX, "the agent gave no answer within %d s", seconds);
			return NULL;
		}
		if (length + 4096 > capacity) {
			char *more = realloc(text, capacity = (length + 4096) * 2);

			if (!more) {
				spw_message(message, -ENOMEM, "the agent's answer does not fit into memory");
				return NULL;
			}
			text = more;
		}
		got = recv(fd, text + length, capacity - length, 0);
		if (got <= 0) {
			snprintf(message, SPW_MESSAGE_MAX, "the agent closed the connection without an answer");
			return NULL;
		}
		length += (size_t)got;
		if (text[length - 1] == '\n')
			break;
	}
	object = json_loadb(text, length, 0, &error);
	if (!object)
		snprintf(message, SPW_MESSAGE_MAX, "the agent's answer is not JSON: %.200s", error.text);
	return object;
}

/*
 * Returns a descriptor owned by the caller, or -errno and @message; -ENOENT and -ECONNREFUSED: nobody listens,
 * -ETIMEDOUT: the backlog is full.
 */
static int connect_to(const char *run_dir, char *message)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval most = {.tv_sec = SEND_SECONDS};
	struct sockaddr_un address;
	int err;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)))
		return spw_message(message, -errno, "cannot make a socket: %m");
	err = spw_control_address(run_dir, &address, message);
	if (err)
		return err;
	if (connect(fd, (void *)&address, sizeof(address))) {
		err = -errno;
		say_no_agent(address.sun_path, -err, message);
		return err == -EAGAIN ? -ETIMEDOUT : err;
	}
	return TAKE_FD(fd);
}

/* Takes the reference of @request. */
static int send_request(int fd, json_t *request, char *message)
{
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	size_t length = text ? strlen(text) : 0, sent = 0;

	json_decref(request);
	if (!text)
		return spw_message(message, -EINVAL, "the request cannot be written as JSON: is all of it UTF-8?");
	text[length++] = '\n'; /* in place of its NUL */
	while (sent < length) {
		ssize_t some = send(fd, text + sent, length - sent, MSG_NOSIGNAL);

		/* A reply sent before the agent closed the connection can still be read. */
		if (some < 0 && errno == EPIPE)
			return 0;
		if (some < 0 && errno == EAGAIN)
			return spw_message(message, -ETIMEDOUT, "the agent read nothing within %d s", SEND_SECONDS);
		if (some < 0)
			return spw_message(message, -errno, "the agent closed the connection: %m");
		sent += (size_t)some;
	}
	return 0;
}

json_t *spw_control_exchange(int fd, json_t *request, int seconds, char message[SPW_MESSAGE_MAX])
{
	return send_request(fd, request, message) ? NULL : read_answer(fd, seconds, message);
}

bool spw_control_listens(const char *run_dir)
{
	char unused[SPW_MESSAGE_MAX];
	_cleanup_fd_ int fd = connect_to(run_dir, unused);

	return fd >= 0 || !(fd == -ENOENT || fd == -ECONNREFUSED);
}

int spw_control_open(const char *run_dir, json_t *request, char message[SPW_MESSAGE_MAX])
{
	_cleanup_fd_ int fd = connect_to(run_dir, message);

	if (fd < 0) {
		json_decref(request);
		return -1;
	}
	return send_request(fd, request, message) ? -1 : TAKE_FD(fd);
}

static bool is_crowded(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	return error && !strncmp(error, SPW_CONTROL_CROWDED, strlen(SPW_CONTROL_CROWDED));
}

/* After an exchange without an answer. */
static int why_no_answer(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -ECONNRESET;
	return got ? -EIO : -ECONNRESET;
}

json_t *spw_control_talk(const char *run_dir, spw_control_talker *talk, void *context, int *err,
			 char message[SPW_MESSAGE_MAX])
{
	u64 deadline = spw_monotonic_ns() + CROWDED_NS;
	json_t *answer = NULL;

	do {
		_cleanup_fd_ int fd = -1;

		if (answer)
			usleep(CROWDED_PAUSE_US);
		json_decref(answer);
		fd = connect_to(run_dir, message);
		answer = fd < 0 ? NULL : talk(fd, context, message);
		*err = is_crowded(answer) ? -EBUSY : answer ? 0 : fd < 0 ? fd : why_no_answer(fd);
	} while (*err == -EBUSY && spw_monotonic_ns() < deadline);
	return answer;
}

struct single_call {
	json_t *request;
	int seconds;
};

static json_t *make_call(int fd, void *context, char *message)
{
	const struct single_call *call = context;

	return spw_control_exchange(fd, json_incref(call->request), call->seconds, message);
}

json_t *spw_control_call(const char *run_dir, json_t *request, int seconds, char message[SPW_MESSAGE_MAX])
{
	struct single_call call = {request, seconds};
	int err;
	json_t *answer = spw_control_talk(run_dir, make_call, &call, &err, message);

	json_decref(request);
	return answer;
}
