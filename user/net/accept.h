/* SPDX-License-Identifier: GPL-2.0-only */
/* Which format of metrics a client asks for. */
#ifndef SPW_NET_ACCEPT_H
#define SPW_NET_ACCEPT_H

#include <stdbool.h>

/**
 * spw_accepts_open_metrics() - whether a header Accept (NULL: none) prefers application/openmetrics-text 1.0.0 to
 * text/plain. Wildcards stand for the text format, which every client of before OpenMetrics reads.
 */
bool spw_accepts_open_metrics(const char *accept);

#endif
