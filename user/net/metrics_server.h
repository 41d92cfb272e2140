/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP for Prometheus and for people: /metrics, /healthz, the status page and its documents, by libmicrohttpd on the
 * agent's event loop. Read-only. Connections, their time and their memory are bounded, so that a slow or hostile client
 * does not delay a tick.
 */
#ifndef SPW_NET_METRICS_SERVER_H
#define SPW_NET_METRICS_SERVER_H

#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "maps/types.h"
#include "base/error.h"

struct spw_metrics_server;

/* What is rendered when somebody asks for it. */
enum spw_document {
	SPW_DOCUMENT_METRICS = 0,      /* /metrics */
	SPW_DOCUMENT_STATUS = 1,       /* /status.json */
	SPW_DOCUMENT_HISTORY = 2,      /* /history.json */
	SPW_DOCUMENT_OPEN_METRICS = 3, /* /metrics in the OpenMetrics format, for those who accept it */
	SPW_DOCUMENTS = 4,
};

/* Called on the event loop. */
struct spw_metrics_source {
	void *context;
	int (*render)(void *context, enum spw_document document, FILE *out); /* -errno: 503 */
	bool (*healthy)(void *context, const char **why);
	/* The status page, constant, and its Content-Security-Policy; borrowed. */
	const char *page;
	size_t page_bytes;
	const char *page_policy;
};

/**
 * spw_metrics_server_start() - listen on @host (an IP literal or "localhost") and @port.
 * Returns 0, or -errno and @message. Stop with spw_metrics_server_stop().
 */
int spw_metrics_server_start(sd_event *loop, const char *host, u16 port, const struct spw_metrics_source *source,
			     struct spw_metrics_server **server, char message[SPW_MESSAGE_MAX]);

/** spw_metrics_server_try() - whether @host and @port are available, by binding briefly. 0, or -errno and @message. */
int spw_metrics_server_try(const char *host, u16 port, char message[SPW_MESSAGE_MAX]);

/** spw_metrics_server_tick() - enforce time limits of connections; called at every tick. */
void spw_metrics_server_tick(struct spw_metrics_server *server);
void spw_metrics_server_stop(struct spw_metrics_server *server);

#endif
