/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a page of the Prometheus text format (0.0.4) is written, family by family. Inside view/: metrics.c writes what
 * the pinned maps hold, metrics_decision.c what only the agent knows.
 */
#ifndef SPW_VIEW_PAGE_H
#define SPW_VIEW_PAGE_H

#include <stdio.h>

#include "parts.h"

struct label {
	const char *name;
	const char *value;
};

/* Labels of one sample, ended by one without a name. */
#define LABELS(...) ((const struct label[]){__VA_ARGS__, {NULL, NULL}})

/* One family of samples. */
struct page_family {
	const char *name;
	const char *type;
	const char *help;
};

/* The family that is being written. HELP and TYPE come with its first sample, so there is none without. */
struct page {
	FILE *out;
	const struct page_family *family;
	bool begun;
};

/** put_series() - name and labels of a sample; @suffix is put behind the name (histograms), "" otherwise. */
void put_series(struct page *page, const char *suffix, const struct label *labels);

/** put_count() - in full: Prometheus reads a double, so it is Prometheus that rounds above 2^53. */
void put_count(struct page *page, const struct label *labels, u64 count);

/** put_seconds() - nanoseconds, as seconds. */
void put_seconds(struct page *page, const struct label *labels, u64 ns);

/** put_number() - anything finite; what is not is written as 0. */
void put_number(struct page *page, const struct label *labels, double value);

#endif
