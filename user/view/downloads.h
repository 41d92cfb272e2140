/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists by URL: their part of /metrics, of the control socket and of `list show`. */
#ifndef SPW_VIEW_DOWNLOADS_H
#define SPW_VIEW_DOWNLOADS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "maps/types.h"

enum { SPW_FETCH_CHANGED, SPW_FETCH_UNCHANGED, SPW_FETCH_FAILED, SPW_FETCH_OUTCOMES };

struct spw_download_view {
	const char *list;
	const char *url;
	bool held;    /* there is a copy */
	bool running; /* is being fetched, or brought into force */
	u64 age_ns;   /* since the server confirmed the content; without one: since the list is configured */
	u64 max_age_ns;
	u64 every_ns;
	u64 next_ns;			/* until the next fetch */
	u64 counts[SPW_FETCH_OUTCOMES]; /* of this agent */
	u32 failures;			/* in a row */
	u64 failed_ns;			/* since the last failure */
	const char *failure;		/* the last one; "": none yet */
};

struct spw_downloads_view {
	struct spw_download_view *items; /* owned by whoever asked for it */
	size_t count;
};

/** spw_view_downloads_metrics() - written after spw_view_own_metrics(). */
void spw_view_downloads_metrics(FILE *out, const struct spw_downloads_view *downloads);

/** spw_view_downloads_json() - an object per list, by name; NULL: out of memory. */
json_t *spw_view_downloads_json(const struct spw_downloads_view *downloads);

/** spw_view_download() - two lines for `list show`. @download: an object of the JSON. */
void spw_view_download(FILE *out, const json_t *download);

/** spw_view_download_state() - one line: "confirmed 5m30s ago; the last fetch failed 20 s ago: ...". Returns @text. */
const char *spw_view_download_state(const json_t *download, char *text, size_t bytes);

/** spw_view_download_is_bad() - it is too old, was never fetched, or its last fetch failed. */
bool spw_view_download_is_bad(const json_t *download);

#endif
