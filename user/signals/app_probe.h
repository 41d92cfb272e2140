/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Application probes: the duration of a GET, or a number from a file or a Prometheus page. Asked at an interval on the
 * agent's event loop without blocking it; bounded in time and size (fetch.h). Called by signals.c, one a service.
 */
#ifndef SPW_SIGNALS_APP_PROBE_H
#define SPW_SIGNALS_APP_PROBE_H

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/control/facts.h"
#include "fetch.h"

struct spw_app_probe;

/*
 * A GET that runs into its timeout reads as the timeout, a lower bound. But only if the target has answered within this
 * time; one that never did is absent.
 */
#define SPW_PROBE_TRUST_NS 60000000000ull

/**
 * spw_app_probe_start() - ask now, then at each interval.
 * @fetcher: for HTTP; must outlive the probe. May be NULL for files
 * @probe: kind, target, sample, interval and timeout are copied
 * @space: path of the network namespace that HTTP targets are seen from, copied; NULL: the agent's own. Names are
 *         resolved in the agent's own in any case.
 * Returns 0 or -ENOMEM. Stop with spw_app_probe_stop().
 */
int spw_app_probe_start(sd_event *loop, struct spw_fetcher *fetcher, const struct spw_config_probe *probe,
			const char *space, struct spw_app_probe **started);

/**
 * spw_app_probe_read() - the last reading: HTTP: seconds to the end of the answer's header; otherwise the number
 * itself. Absent when the last attempt failed, and when it is older than three intervals and a timeout.
 */
struct spw_reading spw_app_probe_read(const struct spw_app_probe *probe, u64 now_ns);

/** spw_app_probe_about() - where it comes from, or why it is absent. */
const char *spw_app_probe_about(const struct spw_app_probe *probe);
void spw_app_probe_stop(struct spw_app_probe *probe);

#endif
