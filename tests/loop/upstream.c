// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small blocking application server: N processes, each waits T ms for something else (a database, a payment service)
 * in every request and uses hardly any CPU. Started by tests/loop/loop.py behind nginx.
 *
 *   upstream PORT WORKERS MS [BACKLOG]
 *
 * Capacity is WORKERS / MS. SIGUSR1 disables half of the workers; SIGUSR2 enables all again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 512

static volatile sig_atomic_t *active; /* workers below this number take requests; shared by all */
static int workers;

static void on_signal(int number)
{
	*active = number == SIGUSR1 ? workers / 2 : workers;
}

static void sleep_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static void serve(int client, long ms)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n"
				     "Connection: close\r\n\r\nopen for business.\n";
	char request[4096];
	size_t size = 0;
	ssize_t more;

	do {
		more = recv(client, request + size, sizeof(request) - 1 - size, 0);
		size += more > 0 ? (size_t)more : 0;
		request[size] = '\0';
	} while (more > 0 && size < sizeof(request) - 1 && !strstr(request, "\r\n\r\n"));
	if (more <= 0)
		return; /* the client has gone */
	sleep_ms(ms);
	if (send(client, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
		return;
	shutdown(client, SHUT_WR);
	recv(client, request, sizeof(request), 0); /* so that the peer closes first */
}

static void work(int listener, int number, long ms)
{
	struct timeval patience = {.tv_sec = 1};
	int client;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	for (;;) {
		while (number >= *active)
			sleep_ms(10);
		client = accept(listener, NULL, NULL);
		if (client < 0)
			continue;
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		serve(client, ms);
		close(client);
	}
}

static int open_listener(int port, int backlog)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(listener, (struct sockaddr *)&address, sizeof(address)) && !listen(listener, backlog))
		return listener;
	fprintf(stderr, "upstream: port %d: %s\n", port, strerror(errno));
	exit(1);
}

static int read_count(const char *text, int most)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end != text && !*end && number > 0 && number <= most)
		return (int)number;
	fprintf(stderr, "upstream: '%s': a number from 1 to %d is wanted\n", text, most);
	exit(2);
}

int main(int argc, char **argv)
{
	int listener, ms;

	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: upstream PORT WORKERS MS [BACKLOG]\n");
		return 2;
	}
	workers = read_count(argv[2], WORKERS_MAX);
	ms = read_count(argv[3], 60000);
	active = mmap(NULL, sizeof(*active), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (active == MAP_FAILED)
		return 1;
	*active = workers;
	listener = open_listener(read_count(argv[1], 65535), argc > 4 ? read_count(argv[4], 65535) : 4096);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (int i = 0; i < workers; i++)
		if (!fork())
			work(listener, i, ms);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}
