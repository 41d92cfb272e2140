/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The application's own word: how long a GET takes, or a number from a file or from a Prometheus page. Asked at an
 * interval, on the agent's event loop, without ever blocking it; bounded in time and in size (64 KiB), whatever is at
 * the other end. Called by signals.c, one probe a service.
 */
#ifndef SPW_IO_APP_PROBE_H
#define SPW_IO_APP_PROBE_H

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/control/facts.h"
#include "scope.h"

struct spw_app_probe;

#define SPW_PROBE_BYTES_MAX 65536u

/*
 * A GET that takes longer than its timeout is a reading as well: of the timeout, for the application takes at least so
 * long. But only while it is known to answer at other times; a target that never did is absent.
 */
#define SPW_PROBE_TRUST_NS 60000000000ull /* so long after its last answer */

/**
 * spw_app_probe_start() - ask now, then at each interval.
 * @probe: kind, target, sample, interval and timeout are copied. Targets are http://HOST[:PORT][/PATH], where HOST is
 * an address or "localhost": names are not resolved, since that would block. Returns 0 or -ENOMEM; a target that makes
 * no sense is absent and says so. Stop with spw_app_probe_stop().
 */
int spw_app_probe_start(sd_event *loop, const struct spw_config_probe *probe, const char *space,
			struct spw_app_probe **started);

/**
 * spw_app_probe_read() - the last reading: HTTP: seconds to the end of the answer's header; otherwise the number
 * itself. Absent when the last attempt failed, and when it is older than three intervals and a timeout.
 */
struct spw_reading spw_app_probe_read(const struct spw_app_probe *probe, u64 now_ns);

/** spw_app_probe_about() - where it comes from, or why it is absent. */
const char *spw_app_probe_about(const struct spw_app_probe *probe);
void spw_app_probe_stop(struct spw_app_probe *probe);

#endif
