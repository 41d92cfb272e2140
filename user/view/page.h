/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes a page of the Prometheus text format (0.0.4), family by family, or of OpenMetrics. metrics.c has the families
 * from pinned maps; metrics_decision.c, metrics_limits.c and talkers.c those that only the agent has.
 */
#ifndef SPW_VIEW_PAGE_H
#define SPW_VIEW_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "maps/types.h"

struct spw_label {
	const char *name;
	const char *value;
};

/* Labels of one series, ended by one without a name. */
#define LABELS(...) ((const struct spw_label[]){__VA_ARGS__, {NULL, NULL}})

struct spw_page;

/* A family of metrics: a row of a table. */
struct spw_family {
	const char *name;
	const char *type;
	const char *help;
	void (*emit)(struct spw_page *page, const void *values); /* @values: as given to spw_page_write() */
};

/* The family being written. HELP and TYPE come with its first series: a family without series has neither. */
struct spw_page {
	FILE *out;
	const struct spw_family *family;
	bool begun;
};

/** spw_page_write() - write all families of a table; @values: passed to emit(). */
void spw_page_write(FILE *out, const struct spw_family *families, size_t count, const void *values);

/**
 * spw_page_open_metrics() - write a page in the OpenMetrics format, 1.0.0.
 * @text: the same page in the text format: NUL-terminated, changed meanwhile
 * The formats differ in the names of counters in HELP and TYPE, and in the end. There are no exemplars.
 */
void spw_page_open_metrics(FILE *out, char *text);

/** spw_page_series() - name and labels of a series; @suffix is appended to the name (histograms), otherwise "". */
void spw_page_series(struct spw_page *page, const char *suffix, const struct spw_label *labels);

/** spw_page_count() - all digits; Prometheus rounds above 2^53. */
void spw_page_count(struct spw_page *page, const struct spw_label *labels, u64 count);

/** spw_page_seconds() - nanoseconds, as seconds. */
void spw_page_seconds(struct spw_page *page, const struct spw_label *labels, u64 ns);

/** spw_page_number() - infinity and NaN are written as 0. */
void spw_page_number(struct spw_page *page, const struct spw_label *labels, double value);

#endif
