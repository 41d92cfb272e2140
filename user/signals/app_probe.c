/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes of the application: one attempt at a time, each with a deadline, all of it on the event loop. */
#include "app_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "config/url.h"
#include "answer.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define LATE_USEC      1000 /* how much later than asked for a timer may fire */
#define READS_A_WAKEUP 4

struct spw_app_probe {
	enum spw_config_probe_kind kind;
	char *target, *sample;
	struct spw_url url;
	struct spw_namespace space; /* that the target is seen from; path NULL: the agent's own */
	u64 interval_ns, timeout_ns;
	sd_event *loop;
	sd_event_source *timer; /* the next attempt, or the deadline of this one */
	sd_event_source *socket;
	int fd; /* -1: no attempt is under way */
	u64 started_ns;
	char request[SPW_URL_MAX + 256];
	size_t request_bytes, sent;
	char *answer; /* SPW_PROBE_BYTES_MAX and a NUL */
	size_t answer_bytes;
	bool present;
	double value;
	u64 value_at_ns;
	u64 answered_at_ns; /* 0: it never has */
	char about[256];
};

static const char *kind_name(const struct spw_app_probe *probe)
{
	return probe->kind == SPW_PROBE_HTTP ? "GET" : probe->kind == SPW_PROBE_FILE ? "file" : "page";
}

/* ---- an attempt and its end ---- */

static void arm(struct spw_app_probe *probe, u64 at_ns)
{
	sd_event_source_set_time(probe->timer, at_ns / 1000);
	sd_event_source_set_enabled(probe->timer, SD_EVENT_ONESHOT);
}

static void hang_up(struct spw_app_probe *probe)
{
	probe->socket = sd_event_source_disable_unref(probe->socket);
	spw_close_fd(&probe->fd);
	probe->fd = -1;
}

static void plan_next(struct spw_app_probe *probe)
{
	u64 now_ns = spw_monotonic_ns(), next_ns = probe->started_ns + probe->interval_ns;

	hang_up(probe);
	arm(probe, next_ns > now_ns ? next_ns : now_ns);
}

static void succeed(struct spw_app_probe *probe, double value)
{
	probe->present = true;
	probe->value = value;
	probe->value_at_ns = probe->answered_at_ns = spw_monotonic_ns();
	snprintf(probe->about, sizeof(probe->about), "%s %.200s", kind_name(probe), probe->target);
	plan_next(probe);
}

__attribute__((format(printf, 2, 3))) static void fail(struct spw_app_probe *probe, const char *format, ...)
{
	char why[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	probe->present = false;
	snprintf(probe->about, sizeof(probe->about), "%s %.80s: %s", kind_name(probe), probe->target, why);
	plan_next(probe);
}

/* ---- a file ---- */

static void ask_file(struct spw_app_probe *probe)
{
	_cleanup_fd_ int fd = open(probe->target, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	double number;
	ssize_t got;

	if (fd < 0 || fstat(fd, &status)) {
		fail(probe, "%s", strerror(errno));
		return;
	}
	if (!S_ISREG(status.st_mode)) {
		fail(probe, "it is not a regular file");
		return;
	}
	got = read(fd, probe->answer, SPW_PROBE_BYTES_MAX);
	if (got < 0) {
		fail(probe, "%s", strerror(errno));
		return;
	}
	probe->answer[got] = '\0';
	if ((size_t)got == SPW_PROBE_BYTES_MAX || strlen(probe->answer) != (size_t)got ||
	    !spw_answer_number(probe->answer, &number))
		fail(probe, "it does not hold one number and nothing else");
	else
		succeed(probe, number);
}

/* ---- HTTP ---- */

static void take_page(struct spw_app_probe *probe, const struct spw_answer *answer)
{
	double number = 0;
	u32 found = strlen(answer->body) == answer->bytes ? spw_answer_sample(answer->body, probe->sample, &number) : 0;

	if (found == 1)
		succeed(probe, number);
	else
		fail(probe,
		     found ? "%u samples match %.64s; name labels that only one of them has" : "%u samples match %.64s",
		     found, probe->sample);
}

static void take_answer(struct spw_app_probe *probe, bool closed)
{
	struct spw_answer answer = spw_answer_read(probe->answer, probe->answer_bytes, closed);

	if (answer.status && (answer.status < 200 || answer.status >= 400)) {
		fail(probe, "it answers with status %u", answer.status);
	} else if (answer.status && probe->kind == SPW_PROBE_HTTP) {
		succeed(probe, (double)(spw_monotonic_ns() - probe->started_ns) / 1e9);
	} else if (answer.state == SPW_ANSWER_WHOLE) {
		take_page(probe, &answer);
	} else if (answer.state == SPW_ANSWER_BAD) {
		fail(probe, closed ? "it closes the connection before it has answered" : "what it says is not HTTP/1");
	} else if (probe->answer_bytes == SPW_PROBE_BYTES_MAX) {
		fail(probe, "its answer is larger than %u bytes", SPW_PROBE_BYTES_MAX);
	}
}

static void receive(struct spw_app_probe *probe)
{
	for (u32 i = 0; i < READS_A_WAKEUP && probe->fd >= 0; i++) {
		ssize_t got = recv(probe->fd, probe->answer + probe->answer_bytes,
				   SPW_PROBE_BYTES_MAX - probe->answer_bytes, MSG_DONTWAIT);

		if (got < 0) {
			if (errno != EAGAIN && errno != EINTR)
				fail(probe, "%s", strerror(errno));
			return;
		}
		probe->answer_bytes += (size_t)got;
		take_answer(probe, !got);
	}
}

static void transmit(struct spw_app_probe *probe)
{
	ssize_t sent;
	int err = 0;
	socklen_t bytes = sizeof(err);

	if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &err, &bytes) || err) {
		fail(probe, "%s", strerror(err ? err : errno));
		return;
	}
	sent = send(probe->fd, probe->request + probe->sent, probe->request_bytes - probe->sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		fail(probe, "%s", strerror(errno));
		return;
	}
	probe->sent += sent > 0 ? (size_t)sent : 0;
	if (probe->sent == probe->request_bytes)
		sd_event_source_set_io_events(probe->socket, EPOLLIN);
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct spw_app_probe *probe = context;

	(void)source, (void)fd, (void)events;
	if (probe->sent < probe->request_bytes)
		transmit(probe);
	else
		receive(probe);
	return 0;
}

/* The namespace under that path may be another one by now. */
static int make_socket(struct spw_app_probe *probe)
{
	int family = probe->url.address.ss_family, type = SOCK_STREAM | SOCK_NONBLOCK, fd;

	if (!probe->space.path) {
		fd = socket(family, type | SOCK_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	spw_namespace_open(&probe->space);
	fd = spw_namespace_socket(&probe->space, family, type, 0);
	spw_close_fd(&probe->space.fd);
	probe->space.fd = -1;
	return fd;
}

static void ask_http(struct spw_app_probe *probe)
{
	int fd = make_socket(probe), err = 0;

	probe->sent = probe->answer_bytes = 0;
	if (fd < 0) {
		fail(probe, "%s: %s", probe->space.path ? probe->space.path : "no socket", strerror(-fd));
		return;
	}
	probe->fd = fd;
	if (connect(probe->fd, (struct sockaddr *)&probe->url.address, probe->url.address_bytes) &&
	    errno != EINPROGRESS)
		err = -errno;
	if (!err)
		err = sd_event_add_io(probe->loop, &probe->socket, probe->fd, EPOLLOUT, on_socket, probe);
	if (err < 0)
		fail(probe, "%s", strerror(-err));
	else
		arm(probe, probe->started_ns + probe->timeout_ns);
}

static void run_out_of_time(struct spw_app_probe *probe)
{
	u64 now_ns = spw_monotonic_ns();

	fail(probe, "no answer within %llu ms", (unsigned long long)(probe->timeout_ns / 1000000));
	if (probe->kind != SPW_PROBE_HTTP || !probe->answered_at_ns ||
	    now_ns - probe->answered_at_ns > SPW_PROBE_TRUST_NS)
		return;
	probe->present = true;
	probe->value = (double)probe->timeout_ns / 1e9;
	probe->value_at_ns = now_ns;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *context)
{
	struct spw_app_probe *probe = context;

	(void)source, (void)usec;
	if (probe->fd >= 0) {
		run_out_of_time(probe);
		return 0;
	}
	probe->started_ns = spw_monotonic_ns();
	if (probe->kind == SPW_PROBE_FILE)
		ask_file(probe);
	else
		ask_http(probe);
	return 0;
}

/* ---- for signals.c ---- */

static int prepare(struct spw_app_probe *probe, const struct spw_config_probe *config, const char *space)
{
	const char *problem;

	probe->fd = -1;
	probe->target = strdup(config->target ? config->target : "");
	probe->sample = strdup(config->sample ? config->sample : "");
	probe->space.path = space ? strdup(space) : NULL;
	probe->answer = malloc(SPW_PROBE_BYTES_MAX + 1);
	if (!probe->target || !probe->sample || !probe->answer || (space && !probe->space.path))
		return -ENOMEM;
	snprintf(probe->about, sizeof(probe->about), "%s %.200s: not asked yet", kind_name(probe), probe->target);
	problem = probe->kind == SPW_PROBE_FILE ? NULL : spw_url_read(probe->target, &probe->url);
	if (problem) {
		snprintf(probe->about, sizeof(probe->about), "%.100s: %s", probe->target, problem);
		return 0;
	}
	probe->request_bytes = (size_t)snprintf(probe->request, sizeof(probe->request),
						"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: spillway/" SPW_VERSION
						"\r\nAccept: */*\r\nConnection: close\r\n\r\n",
						probe->url.path, probe->url.host);
	return sd_event_add_time(probe->loop, &probe->timer, CLOCK_MONOTONIC, 0, LATE_USEC, on_timer, probe);
}

int spw_app_probe_start(sd_event *loop, const struct spw_config_probe *config, const char *space,
			struct spw_app_probe **started)
{
	struct spw_app_probe *probe = calloc(1, sizeof(*probe));
	int err;

	if (!probe)
		return -ENOMEM;
	probe->kind = config->kind;
	probe->interval_ns = config->interval_ns;
	probe->timeout_ns = config->timeout_ns;
	probe->loop = sd_event_ref(loop);
	err = prepare(probe, config, space);
	if (err < 0) {
		spw_app_probe_stop(probe);
		return err;
	}
	*started = probe;
	return 0;
}

struct spw_reading spw_app_probe_read(const struct spw_app_probe *probe, u64 now_ns)
{
	u64 good_for_ns = 3 * probe->interval_ns + probe->timeout_ns;

	if (!probe->present || now_ns > probe->value_at_ns + good_for_ns)
		return (struct spw_reading){0};
	return (struct spw_reading){probe->value, true};
}

const char *spw_app_probe_about(const struct spw_app_probe *probe)
{
	return probe->about;
}

void spw_app_probe_stop(struct spw_app_probe *probe)
{
	if (!probe)
		return;
	hang_up(probe);
	sd_event_source_disable_unref(probe->timer);
	sd_event_unref(probe->loop);
	free(probe->space.path);
	free(probe->target);
	free(probe->sample);
	free(probe->answer);
	free(probe);
}
