/* SPDX-License-Identifier: GPL-2.0-only */
/* Application probes: one attempt at a time. */
#include "app_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "metrics_text.h"

#define LATE_USEC	 1000		     /* tolerance of timers */
#define NUMBER_BYTES_MAX 4096		     /* of a file with one number */
#define RESOLVE_AGAIN_NS (30000 * SPW_MS_NS) /* a resolver thread may last this long: one or two per probe at most */

struct spw_app_probe {
	enum spw_config_probe_kind kind;
	char *target, *sample;
	struct spw_namespace space; /* namespace of the target; path NULL: the agent's own */
	u64 interval_ns, timeout_ns;
	sd_event_source *timer;	     /* the next attempt */
	struct spw_fetcher *fetcher; /* borrowed */
	struct spw_fetch *fetch;     /* NULL: none is running */
	u64 started_ns;
	bool present;
	double value;
	u64 value_at_ns;
	u64 answered_at_ns; /* 0: never */
	char about[256];
};

static const char *kind_name(const struct spw_app_probe *probe)
{
	return probe->kind == SPW_PROBE_HTTP ? "GET" : probe->kind == SPW_PROBE_FILE ? "file" : "page";
}

/* ---- an attempt and its end ---- */

static void plan(struct spw_app_probe *probe, u64 at_ns)
{
	sd_event_source_set_time(probe->timer, at_ns / 1000);
	sd_event_source_set_enabled(probe->timer, SD_EVENT_ONESHOT);
}

static void plan_next(struct spw_app_probe *probe)
{
	u64 now_ns = spw_monotonic_ns(), next_ns = probe->started_ns + probe->interval_ns;

	plan(probe, next_ns > now_ns ? next_ns : now_ns);
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
	char text[NUMBER_BYTES_MAX + 1];
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
	got = read(fd, text, NUMBER_BYTES_MAX);
	if (got < 0) {
		fail(probe, "%s", strerror(errno));
		return;
	}
	text[got] = '\0';
	if (got == NUMBER_BYTES_MAX || strlen(text) != (size_t)got || !spw_metrics_number(text, &number))
		fail(probe, "it does not hold one number and nothing else");
	else
		succeed(probe, number);
}

/* ---- HTTP ---- */

static void take_page(struct spw_app_probe *probe, const struct spw_fetch_result *result)
{
	double number = 0;
	u32 found = strlen(result->body) == result->bytes ? spw_metrics_find(result->body, probe->sample, &number) : 0;

	if (found == 1)
		succeed(probe, number);
	else
		fail(probe,
		     found ? "%u samples match %.64s; name labels that only one of them has" : "%u samples match %.64s",
		     found, probe->sample);
}

static void run_out_of_time(struct spw_app_probe *probe, const struct spw_fetch_result *result)
{
	u64 now_ns = spw_monotonic_ns();

	if (result->unresolved) {
		fail(probe, "the name was not resolved within %llu ms",
		     (unsigned long long)(probe->timeout_ns / SPW_MS_NS));
		plan(probe, now_ns + RESOLVE_AGAIN_NS);
		return;
	}
	fail(probe, "no answer within %llu ms", (unsigned long long)(probe->timeout_ns / SPW_MS_NS));
	if (probe->kind != SPW_PROBE_HTTP || !probe->answered_at_ns ||
	    now_ns - probe->answered_at_ns > SPW_PROBE_TRUST_NS)
		return;
	probe->present = true;
	probe->value = (double)probe->timeout_ns / 1e9;
	probe->value_at_ns = now_ns;
}

static void on_fetched(void *context, const struct spw_fetch_result *result)
{
	struct spw_app_probe *probe = context;

	probe->fetch = NULL;
	if (result->timed_out)
		run_out_of_time(probe, result);
	else if (result->problem)
		fail(probe, "%s", result->problem);
	else if (result->status < 200 || result->status >= 400)
		fail(probe, "it answers with status %u", result->status);
	else if (probe->kind == SPW_PROBE_HTTP)
		succeed(probe, (double)result->header_ns / 1e9);
	else
		take_page(probe, result);
}

static void ask_http(struct spw_app_probe *probe)
{
	const struct spw_fetch_request request = {
		.url = probe->target,
		.space = probe->space.path ? &probe->space : NULL,
		.timeout_ns = probe->timeout_ns,
		.header_only = probe->kind == SPW_PROBE_HTTP,
	};

	if (spw_fetch_start(probe->fetcher, &request, on_fetched, probe, &probe->fetch))
		fail(probe, "%s", strerror(ENOMEM));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *context)
{
	struct spw_app_probe *probe = context;

	(void)source, (void)usec;
	probe->started_ns = spw_monotonic_ns();
	if (probe->kind == SPW_PROBE_FILE)
		ask_file(probe);
	else
		ask_http(probe);
	return 0;
}

/* ---- for signals.c ---- */

static int prepare(sd_event *loop, struct spw_app_probe *probe, const struct spw_config_probe *config,
		   const char *space)
{
	probe->target = strdup(config->target ? config->target : "");
	probe->sample = strdup(config->sample ? config->sample : "");
	probe->space.path = space ? strdup(space) : NULL;
	if (!probe->target || !probe->sample || (space && !probe->space.path))
		return -ENOMEM;
	snprintf(probe->about, sizeof(probe->about), "%s %.200s: not asked yet", kind_name(probe), probe->target);
	return sd_event_add_time(loop, &probe->timer, CLOCK_MONOTONIC, 0, LATE_USEC, on_timer, probe);
}

int spw_app_probe_start(sd_event *loop, struct spw_fetcher *fetcher, const struct spw_config_probe *config,
			const char *space, struct spw_app_probe **started)
{
	struct spw_app_probe *probe = calloc(1, sizeof(*probe));
	int err;

	if (!probe)
		return -ENOMEM;
	probe->kind = config->kind;
	probe->interval_ns = config->interval_ns;
	probe->timeout_ns = config->timeout_ns;
	probe->fetcher = fetcher;
	probe->space.fd = -1;
	err = prepare(loop, probe, config, space);
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
	spw_fetch_stop(probe->fetch);
	sd_event_source_disable_unref(probe->timer);
	free(probe->space.path);
	free(probe->target);
	free(probe->sample);
	free(probe);
}
