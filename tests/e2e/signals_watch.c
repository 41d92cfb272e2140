/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals without an agent: reads a configuration, prints a line of JSON at each tick until it is killed. For
 * test_signals.py. usage: signals_watch CONFIG INTERVAL_MS
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "user/base/clock.h"
#include "user/signals/signals.h"
#include "waited.h"

struct watch {
	struct spw_signals *signals;
	struct spw_facts facts;
	u64 interval_usec, waited_ns;
};

static void print_reading(const char *name, struct spw_reading reading)
{
	if (reading.present)
		printf("\"%s\":%.9g", name, reading.value);
	else
		printf("\"%s\":null", name);
}

static void print_waits(const char *name, bool present, const u64 *waits)
{
	const char *comma = "";

	printf("%s%s", name, present ? "{" : "null");
	for (u32 i = 0; present && i < SPW_WAIT_BUCKETS; i++)
		if (waits[i]) {
			printf("%s\"%" PRIu64 "\":%" PRIu64, comma, spw_wait_bucket_end_ns(i), waits[i]);
			comma = ",";
		}
	printf("%s", present ? "}" : "");
}

static void print_service(const struct watch *watch, const struct spw_signal_note *notes, u32 index)
{
	const struct spw_service_facts *service = &watch->facts.services[index];

	print_waits("{\"waits\":", service->waits_present, service->waits);
	if (service->waits_present)
		printf(",\"first_reads\":%" PRIu64 ",\"later\":[%" PRIu64 ",%" PRIu64 "],\"oldest_ms\":%.3f,",
		       service->first_reads, service->later_requests, service->later_reads,
		       (double)service->oldest_unread_ns / 1e6);
	else
		printf(",\"first_reads\":null,\"oldest_ms\":null,");
	print_waits("\"answers\":", service->answers_present, service->answer_waits);
	if (service->answers_present)
		printf(",\"requests\":%" PRIu64 ",\"unanswered\":%" PRIu64, service->requests, service->unanswered);
	if (service->queue_present)
		printf(",\"queue\":[%" PRIu64 ",%" PRIu64 "],", service->queue, service->queue_limit);
	else
		printf(",\"queue\":null,");
	print_reading("probe", service->probe);
	printf(",\"about\":[\"%s\",\"%s\",\"%s\",\"%s\"]}", notes[SPW_SIGNAL_READ_WAIT].text,
	       notes[SPW_SIGNAL_ACCEPT_QUEUE].text, notes[SPW_SIGNAL_PROBE].text, notes[SPW_SIGNAL_ANSWER_WAIT].text);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *context)
{
	static const char *const names[] = {"cpu",     "softirq", "softnet_drops", "overflows",
					    "psi_cpu", "psi_io",  "psi_memory"};
	static struct spw_signal_notes notes;
	struct watch *watch = context;
	u64 before_ns = spw_monotonic_ns(), former_ns = watch->waited_ns;

	watch->waited_ns = waited_ns();
	watch->facts.now_ns = before_ns;
	spw_signals_read(watch->signals, before_ns, &watch->facts);
	printf("{\"at_ns\":%" PRIu64 ",\"took_us\":%.1f,\"late_us\":%.1f,\"waited_us\":%.1f,\"host\":{", before_ns,
	       (double)(spw_monotonic_ns() - before_ns) / 1e3, (double)before_ns / 1e3 - (double)usec,
	       (double)(watch->waited_ns - former_ns) / 1e3);
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++) {
		printf("%s", i ? "," : "");
		print_reading(names[i], watch->facts.host[i]);
	}
	spw_signals_notes(watch->signals, &watch->facts, &notes);
	printf("},\"services\":[");
	for (u32 i = 0; i < watch->facts.services_count; i++) {
		printf("%s", i ? "," : "");
		print_service(watch, notes.services[i], i);
	}
	printf("]}\n");
	fflush(stdout);
	sd_event_source_set_time(source, usec + watch->interval_usec);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int watch_loop(struct watch *watch, sd_event *loop)
{
	sigset_t ends;
	int err;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	err = sd_event_add_signal(loop, NULL, SIGTERM, NULL, NULL);
	if (err >= 0)
		err = sd_event_add_signal(loop, NULL, SIGINT, NULL, NULL);
	if (err >= 0)
		err = sd_event_add_time(loop, NULL, CLOCK_MONOTONIC, spw_monotonic_ns() / 1000, 1000, on_tick, watch);
	return err < 0 ? err : sd_event_loop(loop);
}

int main(int argc, char **argv)
{
	static struct watch watch;
	struct spw_diagnostics diagnostics = {0};
	u8 identities[SPW_SERVICES_MAX];
	struct spw_config config;
	sd_event *loop = NULL;
	int err;

	if (argc != 3)
		return 2;
	watch.interval_usec = strtoul(argv[2], NULL, 10) * 1000;
	err = spw_config_load(argv[1], &config, &diagnostics);
	for (size_t i = 0; i < diagnostics.count; i++)
		fprintf(stderr, "%s\n", diagnostics.items[i].text);
	if (err)
		return 1;
	for (u32 i = 0; i < SPW_SERVICES_MAX; i++)
		identities[i] = (u8)(i + 1);
	watch.facts.services_count = (u32)config.services_count;
	err = sd_event_new(&loop);
	if (err >= 0)
		err = spw_signals_open(loop, &watch.signals);
	if (err >= 0)
		err = spw_signals_follow(watch.signals, &config, identities);
	spw_config_free(&config);
	if (err >= 0)
		err = watch_loop(&watch, loop);
	if (err < 0)
		fprintf(stderr, "signals_watch: %s\n", strerror(-err));
	spw_signals_close(watch.signals);
	sd_event_unref(loop);
	spw_diagnostics_free(&diagnostics);
	return err < 0;
}
