/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Application probes: the duration of a GET, or a number from a file or a Prometheus page. Runs periodically on the
 * agent's event loop without blocking it; bounded in time and size (fetch.h). Used by signals.c, one per service.
 */
#ifndef SPW_SIGNALS_APP_PROBE_H
#define SPW_SIGNALS_APP_PROBE_H

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/control/facts.h"
#include "fetch.h"

struct spw_app_probe;

/*
 * A GET that times out reads as the timeout, a lower bound, if the target has answered within this time; a target that
 * never answered is absent.
 */
#define SPW_PROBE_TRUST_NS 60000000000ull

/**
 * spw_app_probe_start() - probe now, then periodically.
 * @fetcher: for HTTP; must outlive the probe. May be NULL for files
 * @probe: kind, target, sample, interval and timeout are copied
 * @space: path of the network namespace for HTTP connections, copied; NULL: the agent's own. Names are always resolved
 *         in the agent's own.
 * Returns 0 or -ENOMEM. Stop with spw_app_probe_stop().
 */
int spw_app_probe_start(sd_event *loop, struct spw_fetcher *fetcher, const struct spw_config_probe *probe,
			const char *space, struct spw_app_probe **started);

/**
 * spw_app_probe_read() - the last reading: HTTP: seconds to the end of the response header; otherwise the number.
 * Absent when the last attempt failed, or is older than three intervals plus the timeout.
 */
struct spw_reading spw_app_probe_read(const struct spw_app_probe *probe, u64 now_ns);

/** spw_app_probe_about() - the source, or why it is absent. */
const char *spw_app_probe_about(const struct spw_app_probe *probe);
void spw_app_probe_stop(struct spw_app_probe *probe);

#endif
