/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket, both ends. */
#include "control_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/clock.h"

enum {
	CLIENTS_MAX = 16,
	REQUEST_BYTES_MAX = 64 << 10,
	CLIENT_SECONDS_MAX = 180, /* an `apply` of a large list waits for its answer */
};

struct client {
	struct spw_control_server *server;
	u64 id; /* 0: free */
	int fd;
	sd_event_source *source;
	u64 since_ns;
	size_t length;
	bool waits; /* for an answer; nothing more is read meanwhile */
	char request[REQUEST_BYTES_MAX];
};

struct spw_control_server {
	sd_event *loop;
	sd_event_source *source;
	int fd;
	char path[108];
	spw_control_handler *handler;
	void *context;
	u64 last_id;
	struct client clients[CLIENTS_MAX];
};

static void close_client(struct client *client)
{
	sd_event_source_disable_unref(client->source);
	close(client->fd);
	client->source = NULL;
	client->id = 0;
}

/* An answer is small and the peer is root: what does not fit its buffer at once is not waited for. */
static void answer(struct client *client, json_t *object)
{
	_cleanup_free_ char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	size_t length;

	json_decref(object);
	client->waits = false;
	if (!text) {
		close_client(client);
		return;
	}
	length = strlen(text);
	text[length] = '\n'; /* in place of its NUL */
	if (send(client->fd, text, length + 1, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length + 1)
		close_client(client);
}

static json_t *refuse(const char *why)
{
	return json_pack("{s:b,s:s}", "ok", 0, "error", why);
}

static void handle_line(struct client *client, const char *line, size_t length)
{
	json_error_t error;
	json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error), *reply;

	if (!request || !json_is_object(request)) {
		char why[200];

		snprintf(why, sizeof(why), "not a JSON object: %.150s", request ? "another kind of value" : error.text);
		json_decref(request);
		answer(client, refuse(why));
		return;
	}
	client->waits = true;
	reply = client->server->handler(client->server->context, client->id, request);
	json_decref(request);
	if (reply)
		answer(client, reply);
}

/*
 * One request at a time: those behind one that waits for its answer wait with it. A line is taken out before it is
 * handled, as its answer may come from inside and then asks for the next.
 */
static void handle_lines(struct client *client)
{
	char *end;

	while (client->id && !client->waits && (end = memchr(client->request, '\n', client->length))) {
		size_t line = (size_t)(end - client->request);
		_cleanup_free_ char *copy = strndup(client->request, line);

		client->length -= line + 1;
		memmove(client->request, end + 1, client->length);
		if (!copy) {
			close_client(client);
			return;
		}
		handle_line(client, copy, line);
	}
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct client *client = context;
	ssize_t got =
		recv(fd, client->request + client->length, sizeof(client->request) - client->length, MSG_DONTWAIT);

	(void)source;
	(void)events;
	if (got <= 0) {
		if (!(got < 0 && errno == EAGAIN))
			close_client(client);
		return 0;
	}
	client->length += (size_t)got;
	handle_lines(client);
	if (client->id && client->length == sizeof(client->request)) {
		answer(client, refuse("a request is at most 64 KiB"));
		if (client->id)
			close_client(client);
	}
	return 0;
}

static bool is_root(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		return false;
	if (peer.uid)
		spw_log(LOG_WARNING, "control socket: user %u (pid %d) was refused", peer.uid, peer.pid);
	return !peer.uid;
}

static int on_connect(sd_event_source *source, int listener, uint32_t events, void *context)
{
	struct spw_control_server *server = context;
	_cleanup_fd_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client = NULL;

	(void)source;
	(void)events;
	if (fd < 0)
		return 0;
	for (int i = 0; i < CLIENTS_MAX && !client; i++)
		if (!server->clients[i].id)
			client = &server->clients[i];
	if (!client || !is_root(fd)) {
		const char *why = client ? "{\"error\":\"permission denied: only root\",\"ok\":false}\n"
					 : "{\"error\":\"too many connections\",\"ok\":false}\n";

		send(fd, why, strlen(why), MSG_NOSIGNAL | MSG_DONTWAIT);
		return 0;
	}
	client->server = server;
	client->fd = TAKE_FD(fd);
	client->length = 0;
	client->waits = false;
	client->since_ns = spw_monotonic_ns();
	client->id = ++server->last_id;
	if (sd_event_add_io(server->loop, &client->source, client->fd, EPOLLIN, on_client, client) < 0)
		close_client(client);
	return 0;
}

int spw_control_server_start(sd_event *loop, const char *run_dir, spw_control_handler *handler, void *context,
			     struct spw_control_server **result, char message[SPW_MESSAGE_MAX])
{
	struct spw_control_server *server = calloc(1, sizeof(*server));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int err;

	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->handler = handler;
	server->context = context;
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SPW_CONTROL_SOCKET, run_dir) >=
	    (int)sizeof(address.sun_path)) {
		snprintf(message, SPW_MESSAGE_MAX, "run_dir '%s' is too long for a socket in it", run_dir);
		err = -ENAMETOOLONG;
		goto fail;
	}
	strcpy(server->path, address.sun_path);
	/* We hold the lock of run_dir, so a socket that stands here belongs to nobody. */
	unlink(server->path);
	mask = umask(0177);
	err = server->fd < 0 || bind(server->fd, (void *)&address, sizeof(address)) || listen(server->fd, CLIENTS_MAX)
		      ? -errno
		      : 0;
	umask(mask);
	if (!err)
		err = sd_event_add_io(loop, &server->source, server->fd, EPOLLIN, on_connect, server);
	if (err >= 0) {
		*result = server;
		return 0;
	}
	snprintf(message, SPW_MESSAGE_MAX, "cannot listen at %s: %s", server->path, strerror(-err));
fail:
	spw_control_server_stop(server);
	return err;
}

void spw_control_answer(struct spw_control_server *server, u64 id, json_t *object)
{
	for (int i = 0; id && i < CLIENTS_MAX; i++) {
		if (server->clients[i].id == id) {
			answer(&server->clients[i], object);
			handle_lines(&server->clients[i]);
			return;
		}
	}
	json_decref(object);
}

int spw_control_take(struct spw_control_server *server, u64 id)
{
	for (int i = 0; id && i < CLIENTS_MAX; i++) {
		struct client *client = &server->clients[i];

		if (client->id != id)
			continue;
		sd_event_source_disable_unref(client->source);
		client->source = NULL;
		client->id = 0;
		return client->fd;
	}
	return -1;
}

bool spw_control_is_there(const struct spw_control_server *server, u64 id)
{
	for (int i = 0; id && i < CLIENTS_MAX; i++)
		if (server->clients[i].id == id)
			return true;
	return false;
}

void spw_control_server_tick(struct spw_control_server *server, u64 now_ns)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &server->clients[i];

		if (client->id && now_ns - client->since_ns > CLIENT_SECONDS_MAX * 1000000000ull)
			close_client(client);
	}
}

void spw_control_server_stop(struct spw_control_server *server)
{
	if (!server)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (server->clients[i].id)
			close_client(&server->clients[i]);
	sd_event_source_disable_unref(server->source);
	if (server->fd >= 0)
		close(server->fd);
	if (server->path[0])
		unlink(server->path);
	free(server);
}

/* ---- the verbs' end ---- */

static void say_no_agent(const char *path, int err, char *message)
{
	if (err == ENOENT || err == ECONNREFUSED)
		snprintf(message, SPW_MESSAGE_MAX, "no agent listens at %s; start it with: spillway run", path);
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

			if (!more)
				return NULL;
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

int spw_control_connect(const char *run_dir, char message[SPW_MESSAGE_MAX])
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (fd < 0) {
		snprintf(message, SPW_MESSAGE_MAX, "cannot make a socket: %s", strerror(errno));
		return -1;
	}
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SPW_CONTROL_SOCKET, run_dir) >=
	    (int)sizeof(address.sun_path)) {
		snprintf(message, SPW_MESSAGE_MAX, "run_dir '%s' is too long for a socket in it", run_dir);
		return -1;
	}
	if (connect(fd, (void *)&address, sizeof(address))) {
		say_no_agent(address.sun_path, errno, message);
		return -1;
	}
	return TAKE_FD(fd);
}

/* Send @request, a line, and take its reference. */
static int send_request(int fd, json_t *request, char *message)
{
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	size_t length = text ? strlen(text) : 0, sent = 0;

	json_decref(request);
	snprintf(message, SPW_MESSAGE_MAX, "no request could be made of this: is it all UTF-8?");
	if (!text)
		return -EINVAL;
	text[length++] = '\n'; /* in place of its NUL */
	while (sent < length) {
		ssize_t some = send(fd, text + sent, length - sent, MSG_NOSIGNAL);

		if (some < 0) {
			int err = errno;

			snprintf(message, SPW_MESSAGE_MAX, "the agent closed the connection: %s", strerror(err));
			return -err;
		}
		sent += (size_t)some;
	}
	return 0;
}

json_t *spw_control_exchange(int fd, json_t *request, int seconds, char message[SPW_MESSAGE_MAX])
{
	return send_request(fd, request, message) ? NULL : read_answer(fd, seconds, message);
}

int spw_control_open(const char *run_dir, json_t *request, char message[SPW_MESSAGE_MAX])
{
	_cleanup_fd_ int fd = spw_control_connect(run_dir, message);

	if (fd < 0) {
		json_decref(request);
		return -1;
	}
	return send_request(fd, request, message) ? -1 : TAKE_FD(fd);
}

json_t *spw_control_call(const char *run_dir, json_t *request, int seconds, char message[SPW_MESSAGE_MAX])
{
	_cleanup_fd_ int fd = spw_control_open(run_dir, request, message);

	return fd < 0 ? NULL : read_answer(fd, seconds, message);
}
