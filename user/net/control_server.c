/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections, lines and answers; the handler interprets requests. */
#include "control_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control_address.h"
#include "base/clock.h"

/*
 * Connections beyond CLIENTS_MAX go into the reserve, where only urgent requests are served, one per connection. So an
 * operator always gets in.
 */
enum {
	CLIENTS_MAX = 16,
	RESERVE = 4,
	SLOTS = CLIENTS_MAX + RESERVE,
	REQUEST_BYTES_MAX = 64 << 10,
	CLIENT_SECONDS_MAX = 180, /* an `apply` with a large list waits for its answer */
};

#define SILENT_NS 1000000000ull /* a client silent for this long may be replaced */

struct client {
	struct spw_control_server *server;
	u64 id; /* 0: free */
	int fd;
	sd_event_source *source;
	u64 since_ns;
	u64 active_ns; /* last request or answer */
	size_t length;
	bool waits; /* for an answer; nothing is read meanwhile */
	char request[REQUEST_BYTES_MAX];
};

struct spw_control_server {
	sd_event *loop;
	sd_event_source *source;
	int fd;
	char path[108];
	spw_control_handler *handler;
	spw_control_urgent *urgent;
	void *context;
	u64 last_id;
	struct client clients[SLOTS]; /* the last RESERVE of them are the reserve */
};

static bool in_reserve(const struct client *client)
{
	return client - client->server->clients >= CLIENTS_MAX;
}

static void close_client(struct client *client)
{
	sd_event_source_disable_unref(client->source);
	close(client->fd);
	client->source = NULL;
	client->id = 0;
}

/* Send a line of JSON; takes the reference. Returns whether all of it was sent at once. */
static bool send_line(int fd, json_t *object)
{
	_cleanup_free_ char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	size_t length;

	json_decref(object);
	if (!text)
		return false;
	length = strlen(text);
	text[length] = '\n'; /* in place of its NUL */
	return send(fd, text, length + 1, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length + 1;
}

/* Answers are small and the peer is root: if one does not fit into the socket buffer, close the connection. */
static void answer(struct client *client, json_t *object)
{
	client->waits = false;
	client->active_ns = spw_monotonic_ns();
	if (!send_line(client->fd, object) || in_reserve(client))
		close_client(client);
}

static json_t *refuse(const char *why)
{
	return json_pack("{s:b,s:s}", "ok", 0, "error", why);
}

static json_t *refuse_crowd(void)
{
	return refuse(SPW_CONTROL_CROWDED "; try again, or end what holds them: ss -xp | grep " SPW_CONTROL_SOCKET);
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
	if (in_reserve(client) && !client->server->urgent(request)) {
		json_decref(request);
		answer(client, refuse_crowd());
		return;
	}
	client->waits = true;
	reply = client->server->handler(client->server->context, client->id, request);
	json_decref(request);
	if (reply)
		answer(client, reply);
}

/*
 * One request at a time; later ones wait until it is answered. A line is removed from the buffer before it is handled,
 * as the handler may answer at once, which continues with the next line.
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
	client->active_ns = spw_monotonic_ns();
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

/* Unread data count: the loop may not have read them yet. */
static bool has_sent(const struct client *client)
{
	char byte;

	return recv(client->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/* A slot in [@first, @end) that is free or whose client was silent for @silent_ns; NULL: none. */
static struct client *find_slot(struct spw_control_server *server, int first, int end, u64 silent_ns)
{
	u64 before = spw_monotonic_ns() - silent_ns;
	struct client *silent = NULL;

	for (int i = first; i < end; i++) {
		struct client *client = &server->clients[i];

		if (!client->id)
			return client;
		if (!client->waits && client->active_ns <= before && !has_sent(client) &&
		    (!silent || client->active_ns < silent->active_ns))
			silent = client;
	}
	if (silent) {
		answer(silent, refuse_crowd());
		if (silent->id)
			close_client(silent);
	}
	return silent;
}

static int on_connect(sd_event_source *source, int listener, uint32_t events, void *context)
{
	struct spw_control_server *server = context;
	_cleanup_fd_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;

	(void)source;
	(void)events;
	if (fd < 0)
		return 0;
	if (!is_root(fd)) {
		send_line(fd, refuse("permission denied: only root"));
		return 0;
	}
	client = find_slot(server, 0, CLIENTS_MAX, SILENT_NS);
	if (!client)
		client = find_slot(server, CLIENTS_MAX, SLOTS, 0);
	if (!client) {
		send_line(fd, refuse_crowd());
		return 0;
	}
	client->server = server;
	client->fd = TAKE_FD(fd);
	client->length = 0;
	client->waits = false;
	client->since_ns = client->active_ns = spw_monotonic_ns();
	client->id = ++server->last_id;
	if (sd_event_add_io(server->loop, &client->source, client->fd, EPOLLIN, on_client, client) < 0)
		close_client(client);
	return 0;
}

/* We hold the lock of run_dir, so an existing socket is left over from another agent. */
static int listen_at(const struct sockaddr_un *address)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int err;

	if (fd < 0)
		return -errno;
	unlink(address->sun_path);
	mask = umask(0177);
	err = bind(fd, (const void *)address, sizeof(*address)) || listen(fd, SOMAXCONN) ? -errno : 0;
	umask(mask);
	return err ? err : TAKE_FD(fd);
}

int spw_control_server_start(sd_event *loop, const char *run_dir, spw_control_handler *handler,
			     spw_control_urgent *urgent, void *context, struct spw_control_server **result,
			     char message[SPW_MESSAGE_MAX])
{
	struct spw_control_server *server;
	struct sockaddr_un address;
	int err = spw_control_address(run_dir, &address, message);

	if (err)
		return err;
	server = calloc(1, sizeof(*server));
	if (!server)
		return spw_message(message, -ENOMEM, "cannot listen at %s: out of memory", address.sun_path);
	server->loop = loop;
	server->handler = handler;
	server->urgent = urgent;
	server->context = context;
	err = server->fd = listen_at(&address);
	if (err >= 0) {
		strcpy(server->path, address.sun_path);
		err = sd_event_add_io(loop, &server->source, server->fd, EPOLLIN, on_connect, server);
	}
	if (err >= 0) {
		*result = server;
		return 0;
	}
	spw_control_server_stop(server);
	return spw_message(message, err, "cannot listen at %s: %s", address.sun_path, strerror(-err));
}

void spw_control_answer(struct spw_control_server *server, u64 id, json_t *object)
{
	for (int i = 0; id && i < SLOTS; i++) {
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
	for (int i = 0; id && i < SLOTS; i++) {
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
	for (int i = 0; id && i < SLOTS; i++)
		if (server->clients[i].id == id)
			return true;
	return false;
}

void spw_control_server_tick(struct spw_control_server *server, u64 now_ns)
{
	for (int i = 0; i < SLOTS; i++) {
		struct client *client = &server->clients[i];

		if (client->id && now_ns - client->since_ns > CLIENT_SECONDS_MAX * 1000000000ull)
			close_client(client);
	}
}

void spw_control_server_stop(struct spw_control_server *server)
{
	if (!server)
		return;
	for (int i = 0; i < SLOTS; i++)
		if (server->clients[i].id)
			close_client(&server->clients[i]);
	sd_event_source_disable_unref(server->source);
	if (server->fd >= 0)
		close(server->fd);
	if (server->path[0])
		unlink(server->path);
	free(server);
}
