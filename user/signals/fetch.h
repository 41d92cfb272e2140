/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP GET by libcurl on the agent's event loop, for application probes. Bounded in time and bytes, whatever the target
 * does; never blocks the loop, name resolution included (libcurl resolves in a thread). Redirects are not followed, the
 * environment's proxies and credentials in URLs are not used, and each request opens a connection of its own.
 */
#ifndef SPW_SIGNALS_FETCH_H
#define SPW_SIGNALS_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "scope.h"

#define SPW_FETCH_BYTES_MAX 65536u /* of the header, and of the body */

struct spw_fetcher;
struct spw_fetch;

struct spw_fetch_request {
	const char *url;	     /* http:// or https:// */
	struct spw_namespace *space; /* where sockets are created; NULL: the agent's own */
	u64 timeout_ns;
	bool header_only; /* stop at the end of the header */
};

struct spw_fetch_result {
	const char *problem; /* why there is no response; NULL: there is one */
	bool timed_out;
	bool unresolved;  /* timed out during name resolution */
	u32 status;	  /* 200 */
	u64 header_ns;	  /* from the start to the end of the header */
	const char *body; /* NUL-terminated; empty for header_only */
	size_t bytes;
};

/** The result is valid during the call. The fetch is over: the callback may start another, or close its owner. */
typedef void spw_fetch_done(void *context, const struct spw_fetch_result *result);

/** spw_fetcher_open() - @loop must outlive it. Returns 0 or -ENOMEM. Free with spw_fetcher_close(). */
int spw_fetcher_open(sd_event *loop, struct spw_fetcher **fetcher);

/** spw_fetcher_close() - after all its fetches have ended; NULL is a no-op. */
void spw_fetcher_close(struct spw_fetcher *fetcher);

/**
 * spw_fetch_start() - @request is copied, except the namespace, which must outlive the fetch. @done is called once,
 * from the loop, unless the fetch is stopped before. Returns 0 or -ENOMEM.
 */
int spw_fetch_start(struct spw_fetcher *fetcher, const struct spw_fetch_request *request, spw_fetch_done *done,
		    void *context, struct spw_fetch **fetch);

/** spw_fetch_stop() - abort; @done is not called. NULL is a no-op. */
void spw_fetch_stop(struct spw_fetch *fetch);

#endif
