/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers and pages of the Prometheus text format, for application probes. Pure. The text is untrusted; the caller
 * bounds its size.
 */
#ifndef SPW_SIGNALS_METRICS_TEXT_H
#define SPW_SIGNALS_METRICS_TEXT_H

#include <stdbool.h>

#include "maps/types.h"

/** spw_metrics_number() - parse @text as one finite number, white space around it allowed. False: it is not one. */
bool spw_metrics_number(const char *text, double *number);

/**
 * spw_metrics_find() - the value of @wanted, a name or a name with labels (queue{pool="web"}), on a page.
 * A metric matches if it has that name and at least these labels. Returns how many match; @number is the last of them.
 * Values that are not finite do not match.
 */
u32 spw_metrics_find(const char *page, const char *wanted, double *number);

#endif
