/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * services: { NAME: { probe: ... } }, one of
 *   { http: "http://127.0.0.1:8080/health", limit: 200ms }
 *   { file: /run/shop/queue, limit: 80 }
 *   { metrics: "http://127.0.0.1:9100/metrics", sample: queue_depth, limit: 80 }
 * with interval and timeout.
 */
#include "reader.h"

#include <string.h>

#include "base/units.h"

#define URL_BYTES_MAX 511

static void set_target(struct spw_reader *reader, struct spw_config_probe *probe, enum spw_config_probe_kind kind,
		       const struct spw_node *value)
{
	if (probe->kind != SPW_PROBE_NONE) {
		spw_error(reader->diagnostics, value->place, "a probe has one of http, file and metrics, not two");
		return;
	}
	probe->kind = kind;
}

static void read_url(struct spw_reader *reader, const struct spw_node *value, struct spw_config_probe *probe,
		     enum spw_config_probe_kind kind)
{
	const char *text = spw_read_text(reader, value, "a URL such as http://127.0.0.1:8080/health"), *problem;

	if (!text)
		return;
	set_target(reader, probe, kind, value);
	problem = strlen(text) > URL_BYTES_MAX ? "it is longer than 511 bytes" : spw_url_problem(text, NULL);
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' cannot be probed: %s", text, problem);
	else
		spw_replace_text(reader, &probe->target, NULL, text);
}

static void read_http(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_url(reader, value, into, SPW_PROBE_HTTP);
}

static void read_metrics(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_url(reader, value, into, SPW_PROBE_METRICS);
}

static void read_file(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_probe *probe = into;

	set_target(reader, probe, SPW_PROBE_FILE, value);
	spw_read_path(reader, value, &probe->target);
}

static void read_sample(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "the name of a sample such as queue_depth");

	if (text)
		spw_replace_text(reader, &((struct spw_config_probe *)into)->sample, NULL, text);
}

/* Read after the kind is known: seconds for HTTP, a number otherwise. */
static void read_limit(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_probe *probe = into;
	u64 number = 0;

	if (probe->kind == SPW_PROBE_HTTP) {
		if (spw_read_duration(reader, value, SPW_MS_NS, 60000 * SPW_MS_NS, "1ms to 60s", &number))
			probe->limit = (double)number / 1e9;
	} else {
		const char *text = spw_read_text(reader, value, "a number such as 80");
		const char *problem = text ? spw_units_count(text, &number) : NULL;

		if (problem)
			spw_error(reader->diagnostics, value->place, "'%.64s' is not a limit: %s", text, problem);
		probe->limit = (double)number;
	}
}

static void read_interval(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, 100 * SPW_MS_NS, 60000 * SPW_MS_NS, "100ms to 60s",
			  &((struct spw_config_probe *)into)->interval_ns);
}

static void read_timeout(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, 10 * SPW_MS_NS, 10000 * SPW_MS_NS, "10ms to 10s",
			  &((struct spw_config_probe *)into)->timeout_ns);
}

enum {
	KEY_HTTP,
	KEY_FILE,
	KEY_METRICS,
	KEY_SAMPLE,
	KEY_LIMIT,
	KEY_INTERVAL,
	KEY_TIMEOUT,
	KEYS,
};

void spw_read_probe(struct spw_reader *reader, const struct spw_node *value, void *service)
{
	static const struct spw_key keys[KEYS] = {
		[KEY_HTTP] = {"http", read_http},	   [KEY_FILE] = {"file", read_file},
		[KEY_METRICS] = {"metrics", read_metrics}, [KEY_SAMPLE] = {"sample", read_sample},
		[KEY_LIMIT] = {"limit", read_limit},	   [KEY_INTERVAL] = {"interval", read_interval},
		[KEY_TIMEOUT] = {"timeout", read_timeout},
	};
	const struct spw_node *found[KEYS];
	struct spw_config_probe *probe = &((struct spw_config_service *)service)->probe;

	*probe = (struct spw_config_probe){
		.place = value->place, .interval_ns = 1000 * SPW_MS_NS, .timeout_ns = 1000 * SPW_MS_NS};
	if (!spw_find_keys(reader, value, "a probe such as { http: \"http://127.0.0.1:80/\", limit: 200ms }", keys,
			   KEYS, found))
		return;
	spw_read_found(reader, keys, KEYS, found, probe);
	if (!found[KEY_HTTP] && !found[KEY_FILE] && !found[KEY_METRICS])
		spw_error(reader->diagnostics, value->place,
			  "the probe has no target; write one of http, file and metrics");
	if (!found[KEY_LIMIT])
		spw_error(reader->diagnostics, value->place, "the probe has no limit; write limit: %s",
			  found[KEY_HTTP] ? "200ms" : "80");
	if (!found[KEY_METRICS] != !found[KEY_SAMPLE])
		spw_error(reader->diagnostics, value->place,
			  "metrics and sample go together: which page, and which of its samples");
}
