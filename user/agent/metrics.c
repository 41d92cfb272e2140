/* SPDX-License-Identifier: GPL-2.0-only */
#include "metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "kernel/snapshot_reader.h"
#include "net/metrics_server.h"
#include "view/page.h"
#include "view/status_page.h"
#include "view/view.h"

struct metrics {
	sd_event *loop;
	struct metrics_sources sources;
	struct spw_metrics_server *server; /* NULL: none is configured, or the port is not available */
	char *host;			   /* as configured at the last attempt; NULL: none */
	u16 port;
};

static struct spw_talkers_view talkers_of(const struct metrics_sources *sources)
{
	struct spw_talkers_view talkers = talkers_view(sources->talkers);

	talkers.policy = governor_policy(sources->governor);
	talkers.decision = governor_decision(sources->governor);
	return talkers;
}

static int render_metrics(const struct metrics_sources *sources, FILE *out)
{
	struct spw_talkers_view talkers = talkers_of(sources);
	struct spw_own_state own = own_state(sources->own);
	struct spw_downloads_view downloads;
	struct spw_governance governance;
	struct spw_light_state light;
	struct spw_snapshot snapshot;
	int err = spw_snapshot_read(publisher_in_force(sources->publisher)->pins, &snapshot);

	if (err)
		return err;
	spw_view_metrics(out, &snapshot);
	spw_view_talkers_metrics(out, &talkers);
	if (governor_view(sources->governor, &governance)) {
		governance.meters = limiter_meters(sources->limiter);
		spw_view_governance_metrics(out, &governance);
	}
	spw_view_own_metrics(out, &own);
	downloads = downloads_view(sources->downloads);
	spw_view_downloads_metrics(out, &downloads);
	free(downloads.items);
	light_state(sources->light, &light);
	spw_view_light_metrics(out, &light);
	spw_snapshot_free(&snapshot);
	return 0;
}

static int render_open_metrics(const struct metrics_sources *sources, FILE *out)
{
	_cleanup_free_ char *text = NULL;
	size_t bytes = 0;
	FILE *page = open_memstream(&text, &bytes);
	int err;

	if (!page)
		return -errno;
	err = render_metrics(sources, page);
	if (fclose(page) && !err)
		err = -errno;
	if (!err)
		spw_page_open_metrics(out, text);
	return err;
}

static int render_status(const struct metrics_sources *sources, FILE *out)
{
	const struct in_force *in_force = publisher_in_force(sources->publisher);
	struct spw_talkers_view talkers = talkers_of(sources);
	struct spw_explanation explanation;
	struct spw_snapshot snapshot;
	char host[256] = "";
	json_t *events;
	int err = spw_snapshot_read(in_force->pins, &snapshot);

	if (err)
		return err;
	gethostname(host, sizeof(host) - 1);
	events = journal_recent_events(sources->journal);
	err = spw_view_page_status(
		out, &(struct spw_page_status){
			     .snapshot = &snapshot,
			     .explanation = governor_explain(sources->governor, &explanation) ? &explanation : NULL,
			     .talkers = in_force->config->page_sources ? &talkers : NULL,
			     .events = events,
			     .host = host,
		     });
	json_decref(events);
	spw_snapshot_free(&snapshot);
	return err;
}

static int render(void *context, enum spw_document document, FILE *out)
{
	const struct metrics *metrics = context;
	const struct metrics_sources *sources = &metrics->sources;

	if (document == SPW_DOCUMENT_METRICS)
		return render_metrics(sources, out);
	if (document == SPW_DOCUMENT_OPEN_METRICS)
		return render_open_metrics(sources, out);
	if (document == SPW_DOCUMENT_STATUS)
		return render_status(sources, out);
	spw_view_page_history(out, governor_policy(sources->governor), governor_timeline(sources->governor));
	return 0;
}

static bool is_healthy(void *context, const char **why)
{
	const struct metrics *metrics = context;

	if (!publisher_is_attached(metrics->sources.publisher)) {
		*why = "an interface is not covered";
		return false;
	}
	if (lease_control(metrics->sources.lease)->lease_until_ns < spw_monotonic_ns()) {
		*why = "the lease is not renewed";
		return false;
	}
	return true;
}

struct metrics *metrics_new(sd_event *loop, const struct metrics_sources *sources)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	metrics->loop = loop;
	metrics->sources = *sources;
	metrics_follow(metrics);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	spw_metrics_server_stop(metrics->server);
	free(metrics->host);
	free(metrics);
}

static bool has_moved(const struct metrics *metrics, const struct spw_config *config)
{
	return strcmp(metrics->host ? metrics->host : "", config->metrics_host ? config->metrics_host : "") ||
	       metrics->port != config->metrics_port;
}

static void listen_there(struct metrics *metrics, const struct spw_config *config)
{
	const struct spw_page_text page = spw_view_page_text();
	const struct spw_metrics_source source = {metrics, render, is_healthy, page.text, page.bytes, page.policy};
	char message[SPW_MESSAGE_MAX];

	spw_metrics_server_stop(metrics->server);
	metrics->server = NULL;
	free(metrics->host);
	metrics->host = config->metrics_host ? strdup(config->metrics_host) : NULL;
	metrics->port = config->metrics_port;
	if (!metrics->host)
		return;
	if (spw_metrics_server_start(metrics->loop, metrics->host, metrics->port, &source, &metrics->server, message))
		spw_log(LOG_ERR, "no metrics: %s", message);
	else
		spw_log(LOG_INFO, "metrics at http://%s:%u/metrics, the status page at /", metrics->host,
			metrics->port);
}

const char *metrics_follow(struct metrics *metrics)
{
	const struct spw_config *config = publisher_in_force(metrics->sources.publisher)->config;

	if (has_moved(metrics, config))
		listen_there(metrics, config);
	return config->metrics_host && !metrics->server ? "warning: no metrics: cannot listen, see the log\n" : NULL;
}

void metrics_tick(struct metrics *metrics)
{
	if (metrics->server)
		spw_metrics_server_tick(metrics->server);
}
