/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * No thread: libmicrohttpd's epoll descriptor is a source of the event loop, with lower priority than the tick.
 * Resources of clients are bounded:
 *
 * - connections: CONNECTIONS_MAX; when all are taken, those without a request yet are closed
 * - time: REQUEST_SECONDS without a byte (by the library), LIFE_NS in all, as a slow trickle resets the former
 * - memory: CONNECTION_BYTES per request, one copy of each document shared by all answers, SEND_BYTES in the kernel
 * - CPU: each document is rendered at most once per its valid_ns, WAKEUPS_MAX per WAKEUPS_USEC
 */
#include "metrics_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "accept.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define MS 1000000ull

enum {
	CONNECTIONS_MAX = 32,
	CONNECTION_BYTES = 8192,
	REQUEST_SECONDS = 5,
	BACKLOG = 64,
	SEND_BYTES = 128 << 10, /* most of a page that a client that does not read can hold */
	WAKEUPS_MAX = 50,
	WAKEUPS_USEC = 100000,
};

static const u64 LIFE_NS = 10000 * MS;
/* How long a connection without a request may stay when all are taken. */
static const u64 CROWDED_SILENT_NS = 250 * MS;
static const u64 CROWDED_READING_NS = 1000 * MS;

struct client {
	struct MHD_Connection *connection; /* NULL: free */
	u64 since_ns;
	bool answered; /* its request was read */
	bool cut;
};

/* A document as last rendered, or the error. */
struct rendered {
	struct MHD_Response *response; /* NULL: not yet */
	unsigned int status;
	u64 at_ns;
};

struct spw_metrics_server {
	struct MHD_Daemon *daemon;
	sd_event_source *readable;
	sd_event_source *again; /* the library has more to do although its descriptor is not readable */
	struct spw_metrics_source source;
	struct rendered documents[SPW_DOCUMENTS];
	bool loopback; /* listens for this host only */
	size_t clients_count;
	struct client clients[CONNECTIONS_MAX];
};

static const char content_type_text[] = "text/plain; charset=utf-8";
static const char content_type_html[] = "text/html; charset=utf-8";

static const struct {
	const char *path;
	const char *content_type;
	u64 valid_ns;
} documents[SPW_DOCUMENTS] = {
	[SPW_DOCUMENT_METRICS] = {"/metrics", "text/plain; version=0.0.4; charset=utf-8", 200 * MS},
	[SPW_DOCUMENT_STATUS] = {"/status.json", "application/json", 200 * MS},
	[SPW_DOCUMENT_OPEN_METRICS] = {"/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8",
				       200 * MS},
	[SPW_DOCUMENT_HISTORY] = {"/history.json", "application/json", 2000 * MS},
};

/* ---- answers ---- */

/* @memory: who frees @text. No keep-alive: scrapes are further apart than the time limit. */
static struct MHD_Response *make_response(char *text, size_t length, enum MHD_ResponseMemoryMode memory,
					  const char *content_type)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(length, text, memory);

	if (!response) {
		if (memory == MHD_RESPMEM_MUST_FREE)
			free(text);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	return response;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned int status, const char *text,
				 const char *allow)
{
	struct MHD_Response *response =
		make_response((char *)text, strlen(text), MHD_RESPMEM_MUST_COPY, content_type_text);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	if (allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static int render(const struct spw_metrics_server *server, enum spw_document document, char **text, size_t *length)
{
	FILE *out = open_memstream(text, length);
	int err;

	if (!out)
		return -errno;
	err = server->source.render(server->source.context, document, out);
	if (!err && ferror(out))
		err = -ENOMEM;
	if (fclose(out) && !err)
		err = -errno;
	return err;
}

/* Errors are cached too: failing costs as much as succeeding. */
static void refresh(struct spw_metrics_server *server, enum spw_document document)
{
	struct rendered *rendered = &server->documents[document];
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	char why[SPW_MESSAGE_MAX];
	int err = render(server, document, &text, &length);

	if (rendered->response)
		MHD_destroy_response(rendered->response);
	if (err) {
		spw_message(why, err, "the counters cannot be read: %s\n", strerror(-err));
		rendered->response = make_response(why, strlen(why), MHD_RESPMEM_MUST_COPY, content_type_text);
		rendered->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	} else {
		rendered->response =
			make_response(text, length, MHD_RESPMEM_MUST_FREE, documents[document].content_type);
		if (rendered->response && !strcmp(documents[document].path, "/metrics"))
			MHD_add_response_header(rendered->response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
		rendered->status = MHD_HTTP_OK;
		text = NULL;
	}
	rendered->at_ns = spw_monotonic_ns();
}

static enum MHD_Result send_document(struct spw_metrics_server *server, struct MHD_Connection *connection,
				     enum spw_document document)
{
	const struct rendered *rendered = &server->documents[document];

	if (!rendered->response || spw_monotonic_ns() - rendered->at_ns >= documents[document].valid_ns)
		refresh(server, document);
	return rendered->response ? MHD_queue_response(connection, rendered->status, rendered->response) : MHD_NO;
}

static enum MHD_Result send_metrics(struct spw_metrics_server *server, struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	return send_document(server, connection,
			     spw_accepts_open_metrics(accept) ? SPW_DOCUMENT_OPEN_METRICS : SPW_DOCUMENT_METRICS);
}

static enum MHD_Result send_page(const struct spw_metrics_server *server, struct MHD_Connection *connection)
{
	const struct spw_metrics_source *source = &server->source;
	struct MHD_Response *response =
		make_response((char *)source->page, source->page_bytes, MHD_RESPMEM_PERSISTENT, content_type_html);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Security-Policy", source->page_policy);
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	result = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

/*
 * A web site whose name is made to resolve to 127.0.0.1 (DNS rebinding) could read what is for this host only: there,
 * the name asked for must be an address or localhost. Not for /metrics and /healthz, which have nothing private.
 */
static bool is_named_well(const struct spw_metrics_server *server, struct MHD_Connection *connection)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
	size_t length;

	if (!server->loopback || !host || *host == '[')
		return true;
	length = strcspn(host, ":");
	if (length == 9 && !strncasecmp(host, "localhost", 9))
		return true;
	return length && strspn(host, "0123456789.") == length;
}

static enum MHD_Result send_view(struct spw_metrics_server *server, struct MHD_Connection *connection, const char *path)
{
	if (!is_named_well(server, connection))
		return send_text(connection, MHD_HTTP_FORBIDDEN,
				 "ask for 127.0.0.1, [::1] or localhost, not for another name of this host\n", NULL);
	if (!strcmp(path, "/"))
		return send_page(server, connection);
	return send_document(server, connection,
			     !strcmp(path, documents[SPW_DOCUMENT_STATUS].path) ? SPW_DOCUMENT_STATUS
										: SPW_DOCUMENT_HISTORY);
}

static enum MHD_Result send_health(const struct spw_metrics_server *server, struct MHD_Connection *connection)
{
	const char *why = "not healthy";
	char text[SPW_MESSAGE_MAX];

	if (server->source.healthy(server->source.context, &why))
		return send_text(connection, MHD_HTTP_OK, "ok\n", NULL);
	spw_message(text, 0, "%s\n", why);
	return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, text, NULL);
}

/* Called when the headers are complete; does not wait for a body. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload, size_t *upload_bytes,
				  void **request)
{
	struct spw_metrics_server *server = context;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct client *client = info ? info->socket_context : NULL;

	(void)version;
	(void)upload;
	(void)upload_bytes;
	(void)request;
	if (client)
		client->answered = true;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n", "GET, HEAD");
	if (!strcmp(path, documents[SPW_DOCUMENT_METRICS].path))
		return send_metrics(server, connection);
	if (!strcmp(path, "/healthz"))
		return send_health(server, connection);
	if (!strcmp(path, "/") || !strcmp(path, documents[SPW_DOCUMENT_STATUS].path) ||
	    !strcmp(path, documents[SPW_DOCUMENT_HISTORY].path))
		return send_view(server, connection, path);
	return send_text(connection, MHD_HTTP_NOT_FOUND,
			 "there are / (the status page), /status.json, /history.json, /metrics and /healthz\n", NULL);
}

/* ---- connections ---- */

static void add_client(struct spw_metrics_server *server, struct MHD_Connection *connection, void **slot)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct client *client = &server->clients[i];

		if (client->connection)
			continue;
		*client = (struct client){.connection = connection, .since_ns = spw_monotonic_ns()};
		server->clients_count++;
		*slot = client;
		return;
	}
}

static void on_connection(void *context, struct MHD_Connection *connection, void **slot,
			  enum MHD_ConnectionNotificationCode what)
{
	struct spw_metrics_server *server = context;
	struct client *client = *slot;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		add_client(server, connection, slot);
	} else if (client) {
		*client = (struct client){0};
		server->clients_count--;
		*slot = NULL;
	}
}

/* The library cannot close a connection; after shutdown(2) it sees the end of the stream and closes it. */
static void cut(struct client *client)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(client->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (info) {
		setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		shutdown(info->connect_fd, SHUT_RDWR);
	}
	client->cut = true;
}

static void cut_overdue(struct spw_metrics_server *server)
{
	u64 now = spw_monotonic_ns();
	bool crowded = server->clients_count == CONNECTIONS_MAX;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct client *client = &server->clients[i];
		u64 limit = LIFE_NS;

		if (crowded)
			limit = client->answered ? CROWDED_READING_NS : CROWDED_SILENT_NS;
		if (client->connection && !client->cut && now - client->since_ns >= limit)
			cut(client);
	}
}

/* ---- event loop ---- */

static void serve(struct spw_metrics_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES && !timeout_ms)
		sd_event_source_set_enabled(server->again, SD_EVENT_ONESHOT);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source;
	(void)fd;
	(void)events;
	serve(context);
	return 0;
}

static int on_again(sd_event_source *source, void *context)
{
	(void)source;
	serve(context);
	return 0;
}

static int tame(sd_event_source *source)
{
	int err = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_NORMAL + 10);

	return err < 0 ? err : sd_event_source_set_ratelimit(source, WAKEUPS_USEC, WAKEUPS_MAX);
}

static int watch(struct spw_metrics_server *server, sd_event *loop)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int err;

	if (!info)
		return -ENOTSUP;
	err = sd_event_add_io(loop, &server->readable, info->epoll_fd, EPOLLIN, on_readable, server);
	if (err >= 0)
		err = sd_event_add_defer(loop, &server->again, on_again, server);
	if (err >= 0)
		err = sd_event_source_set_enabled(server->again, SD_EVENT_OFF);
	if (err >= 0)
		err = tame(server->readable);
	if (err >= 0)
		err = tame(server->again);
	return err < 0 ? err : 0;
}

static int explain(char *message, int err, const char *host, u16 port)
{
	const char *advice = err == -EADDRINUSE ? "; another program has that port: set metrics.listen to a free one"
			     : err == -EADDRNOTAVAIL ? "; this host has no such address"
			     : err == -EACCES	     ? "; ports below 1024 need CAP_NET_BIND_SERVICE"
						     : "";

	return spw_message(message, err, "cannot listen on %s port %u: %s%s", host, port, strerror(-err), advice);
}

/* The socket is opened here because the library would not report why it failed. */
static int listen_on(const char *host, u16 port, int *result, char *message)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	_cleanup_fd_ int fd = -1;
	struct addrinfo *address;
	char service[8];
	int err = 0, one = 1, send_bytes = SEND_BYTES;

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(strcmp(host, "localhost") ? host : "127.0.0.1", service, &hints, &address))
		return spw_message(message, -EINVAL, "'%s' is not an IP address to listen on", host);
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes)) || /* inherited by connections */
	    bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, BACKLOG))
		err = explain(message, -errno, host, port);
	freeaddrinfo(address);
	*result = err ? -1 : TAKE_FD(fd);
	return err;
}

int spw_metrics_server_try(const char *host, u16 port, char message[SPW_MESSAGE_MAX])
{
	_cleanup_fd_ int fd = -1;

	return listen_on(host, port, &fd, message);
}

static int start_daemon(struct spw_metrics_server *server, int listen_fd, char *message)
{
	struct MHD_OptionItem options[] = {
		{MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, REQUEST_SECONDS, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server},
		{MHD_OPTION_END, 0, NULL},
	};

	server->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_ARRAY, options,
					  MHD_OPTION_END);
	if (!server->daemon)
		return spw_message(message, -EIO, "cannot start libmicrohttpd with epoll and %u connections",
				   CONNECTIONS_MAX);
	return 0;
}

int spw_metrics_server_start(sd_event *loop, const char *host, u16 port, const struct spw_metrics_source *source,
			     struct spw_metrics_server **result, char message[SPW_MESSAGE_MAX])
{
	struct spw_metrics_server *server = calloc(1, sizeof(*server));
	_cleanup_fd_ int fd = -1;
	int err;

	message[0] = '\0';
	*result = NULL;
	if (!server)
		return spw_message(message, -ENOMEM, "out of memory");
	server->source = *source;
	server->loopback = !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1");
	err = listen_on(host, port, &fd, message);
	if (!err)
		err = start_daemon(server, fd, message);
	if (!err) {
		TAKE_FD(fd); /* the library closes it */
		err = watch(server, loop);
		if (err)
			spw_message(message, err, "cannot watch the metrics port: %s", strerror(-err));
	}
	if (err)
		spw_metrics_server_stop(server);
	else
		*result = server;
	return err;
}

void spw_metrics_server_tick(struct spw_metrics_server *server)
{
	cut_overdue(server);
	serve(server);
}

void spw_metrics_server_stop(struct spw_metrics_server *server)
{
	if (!server)
		return;
	sd_event_source_disable_unref(server->readable);
	sd_event_source_disable_unref(server->again);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	for (u32 i = 0; i < SPW_DOCUMENTS; i++)
		if (server->documents[i].response)
			MHD_destroy_response(server->documents[i].response);
	free(server);
}
