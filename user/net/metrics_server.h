/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP for Prometheus: /metrics and /healthz, by libmicrohttpd on the agent's event loop. Connections, their time and
 * their memory are bounded, so that a slow or hostile client does not delay a tick.
 */
#ifndef SPW_NET_METRICS_SERVER_H
#define SPW_NET_METRICS_SERVER_H

#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "maps/types.h"
#include "base/error.h"

struct spw_metrics_server;

/* Called on the event loop. */
struct spw_metrics_source {
	void *context;
	int (*metrics)(void *context, FILE *out); /* write the page; -errno: 503 */
	bool (*healthy)(void *context, const char **why);
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
