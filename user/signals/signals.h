/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All inputs of the decision besides the datapath's counters: read and answer waits, accept queues, host guards,
 * application probes. Used by the agent: opened once, configured at start and after each reload, read at every tick.
 *
 * A signal that is not available is absent and says why. Nothing here stops the agent or blocks its loop.
 */
#ifndef SPW_SIGNALS_SIGNALS_H
#define SPW_SIGNALS_SIGNALS_H

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/control/facts.h"
#include "core/control/signal_notes.h"
#include "connections.h"

struct spw_signals;

/**
 * spw_signals_open() - load and attach whatever this kernel supports. Takes 0.1 s, up to 0.5 s on a busy host (the
 * verifier), so call it before the loop runs. Needs no configuration.
 * @loop: probes run on it; it must outlive the signals
 * Returns 0 or -ENOMEM. Free with spw_signals_close().
 */
int spw_signals_open(sd_event *loop, struct spw_signals **signals);

/**
 * spw_signals_follow() - watch the services of @config from now on, indexed like the facts.
 * @identities: by index into config->services, as in struct spw_identities
 * @config may be freed afterwards. Counts continue while a service keeps its identity. Returns 0 or -ENOMEM (then
 * nothing is watched). A missing network namespace is absent; it is looked for each second.
 */
int spw_signals_follow(struct spw_signals *signals, const struct spw_config *config, const u8 *identities);

/**
 * spw_signals_read() - one tick. @now_ns: CLOCK_MONOTONIC, as read by the caller just before.
 * Fills in facts->host, and everything but `fresh` and `resent` of the first facts->services_count services. Rates are
 * since the call before; the first call has none.
 */
void spw_signals_read(struct spw_signals *signals, u64 now_ns, struct spw_facts *facts);

/**
 * spw_signals_notes() - presence, source or reason of absence of every signal: for `explain`, `doctor` and events.
 * @facts: from spw_signals_read()
 * @notes: filled in whole; its texts are borrowed from @signals until the next call of this module
 */
void spw_signals_notes(const struct spw_signals *signals, const struct spw_facts *facts,
		       struct spw_signal_notes *notes);

/** spw_signals_connections() - the connections of the services watched; borrowed. */
struct spw_connections *spw_signals_connections(struct spw_signals *signals);

/** spw_signals_light() - map of connections that are not observed (maps/light.h); borrowed; -1: read waits are absent. */
int spw_signals_light(const struct spw_signals *signals);

/** spw_signals_close() - detach and free; NULL is a no-op. */
void spw_signals_close(struct spw_signals *signals);

#endif
