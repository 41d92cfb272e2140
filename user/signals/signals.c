/* SPDX-License-Identifier: GPL-2.0-only */
/* All signal sources behind one interface. */
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "accept_queue.h"
#include "app_probe.h"
#include "host_signals.h"
#include "kernel/read_wait.h"
#include "scope.h"

#define REFRESH_NS 1000000000ull /* interval of looking for namespaces again */

struct spw_signals {
	sd_event *loop;		 /* borrowed */
	struct spw_scope *scope; /* NULL: nothing is watched yet */
	struct spw_read_wait *read_wait;
	struct spw_accept_queues *queues;
	struct spw_connections *connections;
	struct spw_host_signals *host;
	struct spw_fetcher *fetcher;			/* NULL: not needed yet */
	struct spw_app_probe *probes[SPW_SERVICES_MAX]; /* NULL: none is configured */
	u64 refreshed_ns;
	int follow_err; /* -errno: the kernel could not be told whose sockets to watch */
};

int spw_signals_open(sd_event *loop, struct spw_signals **opened)
{
	struct spw_signals *signals = calloc(1, sizeof(*signals));
	int err = signals ? 0 : -ENOMEM;

	if (!err) {
		signals->loop = loop;
		err = spw_read_wait_open(&signals->read_wait);
	}
	if (!err)
		err = spw_accept_queues_open(&signals->queues);
	if (!err)
		err = spw_connections_open(&signals->connections);
	if (!err)
		err = spw_host_signals_open(&signals->host);
	if (err) {
		spw_signals_close(signals);
		return err;
	}
	*opened = signals;
	return 0;
}

static void follow_scope(struct spw_signals *signals)
{
	_cleanup_free_ struct spw_signal_scope *scope = NULL;

	signals->follow_err = spw_scope_signal(signals->scope, &scope);
	if (!signals->follow_err)
		signals->follow_err = spw_read_wait_follow(signals->read_wait, scope);
	spw_accept_queues_follow(signals->queues, signals->scope);
	spw_connections_follow(signals->connections, signals->scope, spw_read_wait_sockets(signals->read_wait));
	spw_host_signals_follow(signals->host, signals->scope);
}

static void stop_probes(struct spw_signals *signals)
{
	for (u32 i = 0; i < SPW_SERVICES_MAX; i++) {
		spw_app_probe_stop(signals->probes[i]);
		signals->probes[i] = NULL;
	}
}

/* libcurl and its TLS library take memory: created on first use. */
static int start_probe(struct spw_signals *signals, const struct spw_config_service *service, u32 index)
{
	const char *space = service->netns_count ? service->netns[0] : NULL;
	int err = 0;

	if (service->probe.kind != SPW_PROBE_FILE && !signals->fetcher)
		err = spw_fetcher_open(signals->loop, &signals->fetcher);
	return err ? err
		   : spw_app_probe_start(signals->loop, signals->fetcher, &service->probe, space,
					 &signals->probes[index]);
}

int spw_signals_follow(struct spw_signals *signals, const struct spw_config *config, const u8 *identities)
{
	struct spw_scope *scope;
	int err = spw_scope_open(config, identities, &scope);

	if (err)
		return err;
	spw_scope_close(signals->scope);
	signals->scope = scope;
	follow_scope(signals);
	stop_probes(signals);
	for (u32 i = 0; i < scope->services_count && !err; i++)
		if (config->services[i].probe.kind != SPW_PROBE_NONE)
			err = start_probe(signals, &config->services[i], i);
	return err;
}

/* Why a service's sockets cannot be seen; NULL: they can. */
static const char *no_sockets(const struct spw_signals *signals, u32 service)
{
	const struct spw_scope *scope = signals->scope;

	if (!scope || service >= scope->services_count)
		return "not followed yet";
	if (!scope->tcp[service])
		return "the service has no TCP port";
	for (u32 i = 0; i < scope->namespaces_count; i++)
		if ((scope->in[service] >> i & 1) && scope->namespaces[i].inode)
			return NULL;
	return "none of its network namespaces is there";
}

void spw_signals_read(struct spw_signals *signals, u64 now_ns, struct spw_facts *facts)
{
	if (signals->scope && now_ns - signals->refreshed_ns >= REFRESH_NS) {
		signals->refreshed_ns = now_ns;
		if (spw_scope_refresh(signals->scope) || signals->follow_err)
			follow_scope(signals);
	}
	spw_host_signals_read(signals->host, now_ns, facts->host);
	spw_accept_queues_read(signals->queues, facts);
	for (u32 i = 0; i < facts->services_count; i++) {
		struct spw_service_facts *service = &facts->services[i];

		service->waits_present = service->answers_present = false;
		service->probe = (struct spw_reading){0};
		if (signals->scope && !no_sockets(signals, i) && !signals->follow_err)
			spw_read_wait_read(signals->read_wait, signals->scope->identities[i], now_ns, service);
		if (i < SPW_SERVICES_MAX && signals->probes[i])
			service->probe = spw_app_probe_read(signals->probes[i], now_ns);
	}
}

/* The source of a service's signal, or why it is absent. */
static const char *about(const struct spw_signals *signals, u32 service, enum spw_service_signal signal)
{
	const char *no = signal == SPW_SIGNAL_PROBE ? NULL : no_sockets(signals, service);

	if (no)
		return no;
	switch (signal) {
	case SPW_SIGNAL_READ_WAIT:
		return signals->follow_err ? strerror(-signals->follow_err) : spw_read_wait_about(signals->read_wait);
	case SPW_SIGNAL_ACCEPT_QUEUE:
		return spw_accept_queues_about(signals->queues, service);
	case SPW_SIGNAL_PROBE:
		if (service < SPW_SERVICES_MAX && signals->probes[service])
			return spw_app_probe_about(signals->probes[service]);
		return "none is configured";
	case SPW_SIGNAL_ANSWER_WAIT:
		return signals->follow_err ? strerror(-signals->follow_err)
					   : spw_read_wait_about_answers(signals->read_wait);
	default:
		return "";
	}
}

static struct spw_signal_note note(bool present, const char *text)
{
	return (struct spw_signal_note){.present = present, .text = text};
}

void spw_signals_notes(const struct spw_signals *signals, const struct spw_facts *facts, struct spw_signal_notes *notes)
{
	memset(notes, 0, sizeof(*notes));
	notes->services_count = facts->services_count;
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		notes->host[i] = note(facts->host[i].present, spw_host_signals_about(signals->host, i));
	for (u32 i = 0; i < facts->services_count; i++) {
		const struct spw_service_facts *service = &facts->services[i];
		const bool present[SPW_SERVICE_SIGNALS] = {
			[SPW_SIGNAL_READ_WAIT] = service->waits_present,
			[SPW_SIGNAL_ACCEPT_QUEUE] = service->queue_present,
			[SPW_SIGNAL_PROBE] = service->probe.present,
			[SPW_SIGNAL_ANSWER_WAIT] = service->answers_present,
		};

		for (u32 signal = 0; signal < SPW_SERVICE_SIGNALS; signal++)
			notes->services[i][signal] = note(present[signal], about(signals, i, signal));
	}
}

struct spw_connections *spw_signals_connections(struct spw_signals *signals)
{
	return signals->connections;
}

int spw_signals_light(const struct spw_signals *signals)
{
	return spw_read_wait_light(signals->read_wait);
}

void spw_signals_close(struct spw_signals *signals)
{
	if (!signals)
		return;
	stop_probes(signals);
	spw_fetcher_close(signals->fetcher);
	spw_host_signals_close(signals->host);
	spw_accept_queues_close(signals->queues);
	spw_connections_close(signals->connections);
	spw_read_wait_close(signals->read_wait);
	spw_scope_close(signals->scope);
	free(signals);
}
