// SPDX-License-Identifier: GPL-2.0-only
/*
 * One sender of arrive.c. Connections are ordinary kernel TCP, so the kernel resends SYNs; one epoll loop, which starts
 * what is due before it reads answers.
 *
 * A visit is one connection, a page of several, or a request over one of the persistent connections ("lines") that are
 * open from the start (keep-alive). Requests for a busy line wait in its queue: the schedule does not wait for them.
 */
#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"

#define EVENTS	     256
#define STARTS_MAX   32	       /* visits started at a time before answers are read */
#define SYN_TIMER_NS 900000000 /* SYNs are resent after 1 s at the earliest */

struct visit {
	struct loop_arrival *arrival;
	struct connection *connections;
	struct visit *queued; /* behind this one on the same line */
	uint64_t started_ns;
	unsigned int waiting;  /* connections not answered yet */
	unsigned int unopened; /* connections of the page after the first */
};

struct connection {
	struct visit *visit;	 /* of the current request; a line's may be NULL */
	struct connection *next; /* of the same visit, or free */
	struct visit *queue, **queue_end;
	uint64_t opened_ns;
	uint32_t source;
	int fd; /* -1: closed */
	bool connecting, line;
	unsigned int requests; /* still to be sent after this one */
	struct loop_answer answer;
};

struct lines {
	struct connection *connections;
	size_t count, next;
};

struct sender {
	const struct loop_visits *visits;
	struct visit *own; /* the visits of this sender, by time */
	size_t own_count, next, oldest;
	int epoll;
	struct connection *unused;   /* may be opened */
	struct connection *released; /* closed, but events of this round may still refer to them */
	struct lines lines[LOOP_CLASSES_MAX];
	char request[512];
	size_t request_length;
	char bytes[65536];
};

static void open_line(struct sender *sender, struct connection *line);
static void request_over_line(struct sender *sender, struct connection *line);

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- connections ---- */

static struct connection *take_connection(struct sender *sender)
{
	struct connection *connection = sender->unused;

	if (connection)
		sender->unused = connection->next;
	else
		connection = malloc(sizeof(*connection));
	if (connection)
		*connection = (struct connection){.fd = -1};
	return connection;
}

static void close_connection(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd); /* lingers for 0 s: a reset, so that the port is free at once */
	connection->fd = -1;
}

/* Start to connect. Returns whether a SYN was sent. */
static bool open_connection(struct sender *sender, struct connection *connection)
{
	struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(connection->source)};
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
	const struct linger linger = {.l_onoff = 1};
	const int on = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return false;
	setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	connection->connecting = true;
	connection->answer = (struct loop_answer){0};
	connection->opened_ns = monotonic_ns();
	if (!bind(connection->fd, (struct sockaddr *)&source, sizeof(source)) &&
	    !epoll_ctl(sender->epoll, EPOLL_CTL_ADD, connection->fd, &event) &&
	    (!connect(connection->fd, (const struct sockaddr *)&sender->visits->target, sizeof(source)) ||
	     errno == EINPROGRESS))
		return true;
	close_connection(connection);
	return false;
}

/* Read how often the SYN was resent, while nothing else can have been. */
static void note_resent(struct connection *connection, struct loop_arrival *arrival)
{
	struct tcp_info state = {0};
	socklen_t size = sizeof(state);
	uint32_t sum;

	if (monotonic_ns() - connection->opened_ns < SYN_TIMER_NS)
		return;
	getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &state, &size);
	sum = arrival->resent + state.tcpi_total_retrans;
	arrival->resent = (uint8_t)(sum < UINT8_MAX ? sum : UINT8_MAX);
}

/* ---- visits ---- */

static void release_connections(struct sender *sender, struct visit *visit)
{
	while (visit->connections) {
		struct connection *connection = visit->connections;

		visit->connections = connection->next;
		if (connection->connecting && connection->fd >= 0)
			note_resent(connection, visit->arrival);
		close_connection(connection);
		connection->visit = NULL;
		connection->next = sender->released;
		sender->released = connection;
	}
}

static void end_visit(struct sender *sender, struct visit *visit, enum loop_outcome outcome)
{
	visit->arrival->outcome = (uint8_t)outcome;
	visit->arrival->latency_us = (uint32_t)((monotonic_ns() - visit->started_ns) / 1000);
	release_connections(sender, visit);
}

static bool add_connection(struct sender *sender, struct visit *visit)
{
	struct connection *connection = take_connection(sender);

	if (!connection)
		return false;
	connection->visit = visit;
	connection->source = visit->arrival->source;
	connection->requests = sender->visits->requests - 1;
	connection->next = visit->connections;
	visit->connections = connection;
	visit->waiting++;
	return open_connection(sender, connection);
}

static void start_visit(struct sender *sender, struct visit *visit)
{
	uint64_t due_ns = sender->visits->start_ns + visit->arrival->due_ns;

	visit->started_ns = monotonic_ns();
	visit->arrival->lag_us = (uint32_t)((visit->started_ns - due_ns) / 1000);
	if (sender->visits->persistent) {
		struct lines *lines = &sender->lines[visit->arrival->class];
		struct connection *line = &lines->connections[lines->next++ % lines->count];

		*line->queue_end = visit;
		line->queue_end = &visit->queued;
		request_over_line(sender, line);
		return;
	}
	visit->unopened = sender->visits->page - 1;
	if (!add_connection(sender, visit))
		end_visit(sender, visit, LOOP_UNSENT);
}

/* ---- requests and answers ---- */

static void break_connection(struct sender *sender, struct connection *connection, enum loop_outcome outcome)
{
	struct visit *visit = connection->visit;

	if (!connection->line) {
		end_visit(sender, visit, outcome);
		return;
	}
	connection->visit = NULL;
	close_connection(connection);
	if (visit)
		end_visit(sender, visit, outcome);
	open_line(sender, connection);
}

static void send_request(struct sender *sender, struct connection *connection)
{
	connection->answer = (struct loop_answer){0};
	if (send(connection->fd, sender->request, sender->request_length, MSG_NOSIGNAL) !=
	    (ssize_t)sender->request_length)
		break_connection(sender, connection, LOOP_BROKEN);
}

/* Start the next request of the queue, if the line is free. Skips visits that have given up. */
static void request_over_line(struct sender *sender, struct connection *line)
{
	if (line->fd < 0 || line->connecting || line->visit)
		return;
	while (line->queue && line->queue->arrival->outcome != LOOP_PENDING)
		line->queue = line->queue->queued;
	if (!line->queue) {
		line->queue_end = &line->queue;
		return;
	}
	line->visit = line->queue;
	line->queue = line->queue->queued;
	if (!line->queue)
		line->queue_end = &line->queue;
	line->visit->arrival->connected = true;
	send_request(sender, line);
}

static void open_line(struct sender *sender, struct connection *line)
{
	if (!open_connection(sender, line))
		fprintf(stderr, "arrive: no connection for keep-alive: %s\n", strerror(errno));
}

static void answered_over_line(struct sender *sender, struct connection *line)
{
	struct visit *visit = line->visit;

	line->visit = NULL;
	if (visit)
		end_visit(sender, visit, visit->arrival->status == 200 ? LOOP_ANSWERED : LOOP_REFUSED);
	request_over_line(sender, line);
}

static void answered(struct sender *sender, struct connection *connection)
{
	struct visit *visit = connection->visit;

	if (connection->line) {
		if (visit)
			visit->arrival->status = connection->answer.status;
		answered_over_line(sender, connection);
		return;
	}
	visit->arrival->status = connection->answer.status;
	if (connection->answer.status != 200) {
		end_visit(sender, visit, LOOP_REFUSED);
	} else if (connection->requests) {
		connection->requests--;
		send_request(sender, connection);
	} else {
		close_connection(connection);
		visit->waiting--;
		for (; visit->unopened; visit->unopened--)
			if (!add_connection(sender, visit)) {
				end_visit(sender, visit, LOOP_UNSENT);
				return;
			}
		if (!visit->waiting)
			end_visit(sender, visit, LOOP_ANSWERED);
	}
}

static void read_answer(struct sender *sender, struct connection *connection)
{
	struct loop_answer *answer = &connection->answer;
	ssize_t size;

	while (connection->fd >= 0) {
		size = recv(connection->fd, sender->bytes, sizeof(sender->bytes), 0);
		if (size < 0 && errno == EAGAIN)
			return;
		if (size > 0)
			loop_answer_read(answer, sender->bytes, (size_t)size);
		if (answer->state == LOOP_ANSWER_DONE || (!size && loop_answer_closed(answer))) {
			answered(sender, connection);
			if (!size && connection->line)
				break_connection(sender, connection, LOOP_BROKEN);
			return;
		}
		if (size <= 0 || answer->state == LOOP_ANSWER_BAD) {
			break_connection(sender, connection, LOOP_BROKEN);
			return;
		}
	}
}

static void connected(struct sender *sender, struct connection *connection)
{
	connection->connecting = false;
	if (connection->line) {
		request_over_line(sender, connection);
		return;
	}
	note_resent(connection, connection->visit->arrival);
	connection->visit->arrival->connected = true;
	send_request(sender, connection);
}

static void on_event(struct sender *sender, struct connection *connection, uint32_t events)
{
	if (connection->fd < 0)
		return;
	if (connection->connecting) {
		if (events & (EPOLLERR | EPOLLHUP)) {
			/* A refused line is not reopened at once, which would loop; its visits time out. */
			if (connection->line)
				close_connection(connection);
			else
				break_connection(sender, connection, LOOP_BROKEN);
			return;
		}
		if (!(events & EPOLLOUT))
			return;
		connected(sender, connection);
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		read_answer(sender, connection);
}

/* ---- the loop ---- */

static void expire(struct sender *sender, uint64_t now_ns, bool all)
{
	for (; sender->oldest < sender->next; sender->oldest++) {
		struct visit *visit = &sender->own[sender->oldest];
		struct connection *line = NULL;

		if (visit->arrival->outcome != LOOP_PENDING)
			continue;
		if (!all && now_ns < visit->started_ns + sender->visits->patience_ns)
			return;
		for (size_t i = 0; sender->visits->persistent && i < sender->lines[visit->arrival->class].count; i++)
			if (sender->lines[visit->arrival->class].connections[i].visit == visit)
				line = &sender->lines[visit->arrival->class].connections[i];
		if (line && !all)
			break_connection(sender, line, LOOP_TIMEOUT);
		else
			end_visit(sender, visit, LOOP_TIMEOUT);
	}
}

/* The next time when something other than reading answers is due. */
static uint64_t next_event_ns(const struct sender *sender)
{
	const struct loop_visits *visits = sender->visits;
	uint64_t at_ns = visits->start_ns + visits->end_ns, other_ns;

	if (sender->next < sender->own_count)
		at_ns = visits->start_ns + sender->own[sender->next].arrival->due_ns;
	if (sender->oldest < sender->next) {
		other_ns = sender->own[sender->oldest].started_ns + visits->patience_ns;
		at_ns = other_ns < at_ns ? other_ns : at_ns;
	}
	return at_ns;
}

static void recycle(struct sender *sender)
{
	while (sender->released) {
		struct connection *connection = sender->released;

		sender->released = connection->next;
		connection->next = sender->unused;
		sender->unused = connection;
	}
}

static void wait_for_answers(struct sender *sender)
{
	struct epoll_event events[EVENTS];
	uint64_t now_ns = monotonic_ns(), until_ns = next_event_ns(sender);
	uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec wait = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
	int count = epoll_pwait2(sender->epoll, events, EVENTS, &wait, NULL);

	for (int i = 0; i < count; i++)
		on_event(sender, events[i].data.ptr, events[i].events);
	recycle(sender);
}

static void run(struct sender *sender)
{
	const struct loop_visits *visits = sender->visits;

	for (;;) {
		uint64_t now_ns = monotonic_ns();

		for (int starts = 0; sender->next < sender->own_count && starts < STARTS_MAX; starts++) {
			struct visit *visit = &sender->own[sender->next];

			if (visits->start_ns + visit->arrival->due_ns > monotonic_ns())
				break;
			start_visit(sender, visit);
			sender->next++;
		}
		expire(sender, now_ns, false);
		if (sender->next == sender->own_count &&
		    (sender->oldest == sender->own_count || now_ns >= visits->start_ns + visits->end_ns))
			break;
		wait_for_answers(sender);
	}
	expire(sender, 0, true);
}

/* ---- preparation ---- */

/* Open this sender's share of the lines of each class, at least one; sources are drawn from the class. */
static bool open_lines(struct sender *sender, unsigned int number)
{
	const struct loop_visits *visits = sender->visits;

	for (size_t class = 0; class < visits->profile->classes_count; class ++) {
		const struct loop_class *from = &visits->profile->classes[class];
		struct lines *lines = &sender->lines[class];

		lines->count = (size_t)(visits->persistent * from->share / visits->senders + 0.5);
		lines->count += !lines->count;
		lines->connections = calloc(lines->count, sizeof(*lines->connections));
		if (!lines->connections)
			return false;
		for (size_t i = 0; i < lines->count; i++) {
			struct connection *line = &lines->connections[i];

			*line = (struct connection){.fd = -1, .line = true};
			line->queue_end = &line->queue;
			line->source = from->base + (uint32_t)((i * visits->senders + number) % from->count);
			open_line(sender, line);
		}
	}
	return true;
}

static bool prepare(struct sender *sender, unsigned int number)
{
	const struct loop_visits *visits = sender->visits;
	bool close_after = !visits->persistent && visits->requests == 1;

	sender->epoll = epoll_create1(EPOLL_CLOEXEC);
	sender->own = calloc(visits->arrivals_count / visits->senders + 1, sizeof(*sender->own));
	if (sender->epoll < 0 || !sender->own)
		return false;
	for (size_t i = number; i < visits->arrivals_count; i += visits->senders)
		sender->own[sender->own_count++].arrival = &visits->arrivals[i];
	sender->request_length = (size_t)snprintf(sender->request, sizeof(sender->request),
						  "GET %.256s HTTP/1.1\r\nHost: shop\r\nUser-Agent: arrive\r\n"
						  "Accept-Encoding: gzip\r\n%s\r\n",
						  visits->path, close_after ? "Connection: close\r\n" : "");
	return !visits->persistent || open_lines(sender, number);
}

int loop_send(const struct loop_visits *visits, unsigned int number)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (!sender)
		return ENOMEM;
	sender->visits = visits;
	if (!prepare(sender, number)) {
		fprintf(stderr, "arrive: a sender can't start: %s\n", strerror(errno));
		return errno ? errno : ENOMEM;
	}
	run(sender);
	return 0; /* the process exits, which frees everything */
}
