/* SPDX-License-Identifier: GPL-2.0-only */
/* libcurl's multi interface on sd-event. */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"

struct spw_fetcher {
	sd_event *loop;
	CURLM *multi;
	sd_event_source *timer;
};

struct spw_fetch {
	struct spw_fetcher *fetcher;
	CURL *easy;
	struct spw_namespace *space;
	spw_fetch_done *done;
	void *context;
	u64 started_ns, header_ns; /* header_ns 0: not complete */
	bool header_only;
	bool too_large;
	int socket_err; /* -errno: no socket */
	size_t header_bytes, bytes;
	char error[CURL_ERROR_SIZE];
	char problem[160];
	char body[SPW_FETCH_BYTES_MAX + 1];
};

/* ---- callbacks of libcurl ---- */

/* Checks that the path still names the same namespace. */
static curl_socket_t on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct spw_fetch *fetch = context;
	int type = address->socktype | SOCK_NONBLOCK, fd;

	(void)purpose;
	if (fetch->space) {
		spw_namespace_open(fetch->space);
		fd = spw_namespace_socket(fetch->space, address->family, type, address->protocol);
		if (fetch->space->fd >= 0)
			close(fetch->space->fd);
		fetch->space->fd = -1;
	} else {
		fd = socket(address->family, type | SOCK_CLOEXEC, address->protocol);
		if (fd < 0)
			fd = -errno;
	}
	fetch->socket_err = fd < 0 ? fd : 0;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Called per line. Returning less than the length aborts the transfer. */
static size_t on_header(char *line, size_t one, size_t length, void *context)
{
	struct spw_fetch *fetch = context;
	long status = 0;

	(void)one;
	fetch->header_bytes += length;
	if (fetch->header_bytes > SPW_FETCH_BYTES_MAX) {
		fetch->too_large = true;
		return 0;
	}
	if (length > 2 || (*line != '\r' && *line != '\n'))
		return length;
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200) /* 100 Continue: the final response follows */
		return length;
	if (!fetch->header_ns)
		fetch->header_ns = spw_monotonic_ns();
	return fetch->header_only ? 0 : length;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *context)
{
	struct spw_fetch *fetch = context;

	(void)one;
	if (length > SPW_FETCH_BYTES_MAX - fetch->bytes) {
		fetch->too_large = true;
		return 0;
	}
	memcpy(fetch->body + fetch->bytes, bytes, length);
	fetch->bytes += length;
	return length;
}

/* ---- the end of a transfer ---- */

static void destroy(struct spw_fetch *fetch)
{
	if (fetch->easy)
		curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
	curl_easy_cleanup(fetch->easy);
	free(fetch);
}

/* Why there is no response, where libcurl's texts are too general. */
static const char *problem_of(struct spw_fetch *fetch, CURLcode code)
{
	long err = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &err);
	if (fetch->too_large) {
		snprintf(fetch->problem, sizeof(fetch->problem), "its answer is larger than %u bytes",
			 SPW_FETCH_BYTES_MAX);
		return fetch->problem;
	}
	if (fetch->socket_err) {
		snprintf(fetch->problem, sizeof(fetch->problem), "%s: %s", fetch->space ? fetch->space->path : "socket",
			 strerror(-fetch->socket_err));
		return fetch->problem;
	}
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return err ? strerror((int)err) : "cannot connect";
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, which is anything */
	case CURLE_WEIRD_SERVER_REPLY:
		return "its answer is not HTTP";
	case CURLE_OUT_OF_MEMORY: /* also for a header line above 100 KiB */
		return "a line of its header is larger than libcurl takes, or memory is out";
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return "it closes the connection before it has answered";
	default:
		snprintf(fetch->problem, sizeof(fetch->problem), "%.150s",
			 *fetch->error ? fetch->error : curl_easy_strerror(code));
		return fetch->problem;
	}
}

static void finish(struct spw_fetch *fetch, CURLcode code)
{
	struct spw_fetch_result result = {.body = fetch->body, .bytes = fetch->bytes};
	spw_fetch_done *done = fetch->done;
	curl_off_t resolved_us = 0;
	long status = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(fetch->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
	fetch->body[fetch->bytes] = '\0';
	result.status = (u32)status;
	if (code == CURLE_OPERATION_TIMEDOUT) {
		result.timed_out = true;
		result.unresolved = !resolved_us;
		result.problem = result.unresolved ? "its name was not resolved in time" : "no answer in time";
	} else if (code != CURLE_OK && !(fetch->header_only && fetch->header_ns)) {
		result.problem = problem_of(fetch, code);
	}
	result.header_ns = fetch->header_ns ? fetch->header_ns - fetch->started_ns : 0;
	curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
	done(fetch->context, &result);
	curl_easy_cleanup(fetch->easy);
	free(fetch);
}

static void take_finished(struct spw_fetcher *fetcher)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		CURLcode code = message->data.result;
		char *fetch = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		finish((struct spw_fetch *)(void *)fetch, code);
	}
}

/* ---- the event loop ---- */

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct spw_fetcher *fetcher = context;
	int what = 0, running;

	(void)source;
	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(fetcher->multi, fd, what, &running);
	take_finished(fetcher);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *context)
{
	struct spw_fetcher *fetcher = context;
	int running;

	(void)source, (void)usec;
	curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_finished(fetcher);
	return 0;
}

/* libcurl asks for another set of events on a socket. @watched: its event source, NULL for a new one. */
static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *context, void *watched)
{
	struct spw_fetcher *fetcher = context;
	sd_event_source *source = watched;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(fetcher->multi, fd, NULL);
		sd_event_source_disable_unref(source);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(fetcher->loop, &source, fd, events, on_ready, fetcher) < 0)
		return -1;
	curl_multi_assign(fetcher->multi, fd, source);
	return 0;
}

static int on_timer_change(CURLM *multi, long timeout_ms, void *context)
{
	struct spw_fetcher *fetcher = context;

	(void)multi;
	if (timeout_ms < 0)
		return sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	sd_event_source_set_time(fetcher->timer, (spw_monotonic_ns() + (u64)timeout_ms * SPW_MS_NS) / 1000);
	return sd_event_source_set_enabled(fetcher->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

/* ---- for app_probe.c ---- */

static bool set_options(CURL *easy, struct spw_fetch *fetch, const struct spw_fetch_request *request)
{
	u64 timeout_ms = request->timeout_ns / SPW_MS_NS;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
	bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)fetch);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver thread */
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms ? (long)timeout_ms : 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "spillway/" SPW_VERSION);
	bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 16384L);
	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, (void *)fetch);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, (void *)fetch);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)fetch);
	return bad == CURLE_OK;
}

int spw_fetch_start(struct spw_fetcher *fetcher, const struct spw_fetch_request *request, spw_fetch_done *done,
		    void *context, struct spw_fetch **started)
{
	struct spw_fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return -ENOMEM;
	fetch->fetcher = fetcher;
	fetch->space = request->space;
	fetch->header_only = request->header_only;
	fetch->done = done;
	fetch->context = context;
	fetch->started_ns = spw_monotonic_ns();
	fetch->easy = curl_easy_init();
	if (!fetch->easy || !set_options(fetch->easy, fetch, request) ||
	    curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
		curl_easy_cleanup(fetch->easy);
		free(fetch);
		return -ENOMEM;
	}
	*started = fetch;
	return 0;
}

void spw_fetch_stop(struct spw_fetch *fetch)
{
	if (fetch)
		destroy(fetch);
}

int spw_fetcher_open(sd_event *loop, struct spw_fetcher **opened)
{
	struct spw_fetcher *fetcher;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	fetcher = calloc(1, sizeof(*fetcher));
	if (!fetcher)
		return -ENOMEM;
	fetcher->loop = sd_event_ref(loop);
	fetcher->multi = curl_multi_init();
	if (!fetcher->multi ||
	    sd_event_add_time(loop, &fetcher->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000, on_timer, fetcher) < 0) {
		spw_fetcher_close(fetcher);
		return -ENOMEM;
	}
	sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	*opened = fetcher;
	return 0;
}

void spw_fetcher_close(struct spw_fetcher *fetcher)
{
	if (!fetcher)
		return;
	if (fetcher->multi)
		curl_multi_cleanup(fetcher->multi);
	sd_event_source_disable_unref(fetcher->timer);
	sd_event_unref(fetcher->loop);
	free(fetcher);
	curl_global_cleanup();
}
