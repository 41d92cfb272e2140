/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that the decision goes by and that the datapath does not count, behind one interface: read-wait, accept
 * queues, the host's guards, application probes. Called by the agent: opened once, told the configuration at the start
 * and after each reload, read at every tick.
 *
 * What cannot be had is absent and says why; nothing here ever stops the agent, and nothing blocks its loop.
 */
#ifndef SPW_IO_SIGNALS_H
#define SPW_IO_SIGNALS_H

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/control/facts.h"

struct spw_signals;

/* What spw_signals_about() can be asked for, beside the host's guards. */
enum spw_service_signal {
	SPW_SIGNAL_READ_WAIT = 0,
	SPW_SIGNAL_ACCEPT_QUEUE = 1,
	SPW_SIGNAL_PROBE = 2,
	SPW_SERVICE_SIGNALS = 3,
};

/**
 * spw_signals_open() - load and attach what there is to be had. Takes 0.1 s, and half a second where the processors are
 * busy, as the verifier reads each of its programs: it belongs before the loop begins. Needs no configuration.
 * @loop: probes run on it; it must outlive the signals
 * Returns 0 or -ENOMEM. Free with spw_signals_close().
 */
int spw_signals_open(sd_event *loop, struct spw_signals **signals);

/**
 * spw_signals_follow() - look at the services of @config from now on; their order is that of the facts.
 * @identities: by index into config->services, as in struct spw_identities
 * @config may go away afterwards. Counts go on where they were as long as a service keeps its identity. Returns 0 or
 * -ENOMEM (then nothing is looked at). A namespace that is not there is absent, and looked for again.
 */
int spw_signals_follow(struct spw_signals *signals, const struct spw_config *config, const u8 *identities);

/**
 * spw_signals_read() - one tick. @now_ns: CLOCK_MONOTONIC, as read by the caller just before.
 * Fills in facts->host, and of the first facts->services_count services everything but `fresh` and `resent`. Rates are
 * over the time since the call before; the first call has none.
 */
void spw_signals_read(struct spw_signals *signals, u64 now_ns, struct spw_facts *facts);

/**
 * spw_signals_about() - what a signal of a service is taken from ("tracepoint sk_data_ready"), or why it is absent.
 * @service: index. Never NULL; valid until the next call of this module.
 */
const char *spw_signals_about(const struct spw_signals *signals, u32 service, enum spw_service_signal signal);

/** spw_signals_about_host() - the same for a guard. */
const char *spw_signals_about_host(const struct spw_signals *signals, enum spw_host_signal signal);

/** spw_signals_close() - detach and free; NULL is fine. Nothing of it outlives the process anyway. */
void spw_signals_close(struct spw_signals *signals);

#endif
