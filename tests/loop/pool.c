// SPDX-License-Identifier: GPL-2.0-only
/*
 * An application server that reads every request at once and queues it inside, like Go, Node, Java NIO and asyncio: one
 * thread accepts and reads, N threads take requests first come, first served, and wait T ms in each. Capacity is
 * WORKERS / MS. Started by tests/loop/loop.py.
 *
 *   pool PORT WORKERS MS [HABIT]
 *
 * HABIT: "early": the head of the answer is sent as soon as the request is read, and only the body waits (chunked);
 *        "mixed": one request in ten takes ten times as long, the others less, so that the mean is MS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX  512
#define FILES_MAX    65536
#define REQUEST_MAX  4096
#define EVENTS	     64
#define MIXED_EVERY  10
#define MIXED_LONGER 10

enum habit { PLAIN, EARLY, MIXED };

static enum habit habit;
static long wait_us;

/* Connections that were read, in sequence. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	int clients[FILES_MAX];
	size_t begin, count;
	unsigned long taken;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void put(int client)
{
	pthread_mutex_lock(&queue.lock);
	if (queue.count < FILES_MAX) {
		queue.clients[(queue.begin + queue.count++) % FILES_MAX] = client;
		pthread_cond_signal(&queue.filled);
	} else
		close(client);
	pthread_mutex_unlock(&queue.lock);
}

static int take(unsigned long *number)
{
	int client;

	pthread_mutex_lock(&queue.lock);
	while (!queue.count)
		pthread_cond_wait(&queue.filled, &queue.lock);
	client = queue.clients[queue.begin];
	queue.begin = (queue.begin + 1) % FILES_MAX;
	queue.count--;
	*number = queue.taken++;
	pthread_mutex_unlock(&queue.lock);
	return client;
}

static void say(int client, const char *text)
{
	/* The client may have gone; then serve the next one. */
	(void)!send(client, text, strlen(text), MSG_NOSIGNAL);
}

static long time_of(unsigned long number)
{
	if (habit != MIXED)
		return wait_us;
	return wait_us * (number % MIXED_EVERY ? 1 : MIXED_LONGER) * MIXED_EVERY / (MIXED_EVERY - 1 + MIXED_LONGER);
}

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		unsigned long number;
		int client = take(&number);
		long us = time_of(number);
		struct timespec time = {us / 1000000, us % 1000000 * 1000};

		while (nanosleep(&time, &time) && errno == EINTR)
			;
		if (habit == EARLY)
			say(client, "13\r\nopen for business.\n\r\n0\r\n\r\n");
		else
			say(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n"
				    "Connection: close\r\n\r\nopen for business.\n");
		shutdown(client, SHUT_WR);
		close(client);
	}
	return NULL;
}

/* Requests of arrive.c arrive in one piece. */
static void read_request(int epoll, int client)
{
	char request[REQUEST_MAX + 1];
	ssize_t size = recv(client, request, REQUEST_MAX, MSG_DONTWAIT);

	if (size < 0 && errno == EAGAIN)
		return;
	epoll_ctl(epoll, EPOLL_CTL_DEL, client, NULL);
	request[size > 0 ? size : 0] = '\0';
	if (size <= 0 || !strstr(request, "\r\n\r\n")) {
		close(client);
		return;
	}
	if (habit == EARLY)
		say(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
			    "Connection: close\r\n\r\n");
	put(client);
}

static void serve(int listener)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			int client = events[i].data.fd;

			if (client != listener) {
				read_request(epoll, client);
				continue;
			}
			client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			event = (struct epoll_event){.events = EPOLLIN, .data.fd = client};
			if (client >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event))
				close(client);
		}
	}
}

static int open_listener(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(listener, (struct sockaddr *)&address, sizeof(address)) && !listen(listener, 4096))
		return listener;
	fprintf(stderr, "pool: port %d: %s\n", port, strerror(errno));
	exit(1);
}

static int read_count(const char *text, int most)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end != text && !*end && number > 0 && number <= most)
		return (int)number;
	fprintf(stderr, "pool: '%s': a number from 1 to %d is wanted\n", text, most);
	exit(2);
}

static enum habit read_habit(const char *text)
{
	if (!strcmp(text, "early"))
		return EARLY;
	if (!strcmp(text, "mixed"))
		return MIXED;
	fprintf(stderr, "pool: '%s': 'early' or 'mixed' is wanted\n", text);
	exit(2);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	pthread_t thread;
	int workers;

	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: pool PORT WORKERS MS [early|mixed]\n");
		return 2;
	}
	workers = read_count(argv[2], WORKERS_MAX);
	wait_us = read_count(argv[3], 60000) * 1000L;
	habit = argc > 4 ? read_habit(argv[4]) : PLAIN;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (int i = 0; i < workers; i++)
		if (pthread_create(&thread, NULL, work, NULL))
			return 1;
	serve(open_listener(read_count(argv[1], 65535)));
	return 0;
}
