/* SPDX-License-Identifier: GPL-2.0-only */
/* The status page, and the JSON documents that it reads; docs/status-page.md has their fields. */
#ifndef SPW_VIEW_STATUS_PAGE_H
#define SPW_VIEW_STATUS_PAGE_H

#include <stdio.h>

#include "core/control/timeline.h"
#include "explain.h"
#include "talkers.h"
#include "view.h"

/* The page itself, from user/view/page; static. */
struct spw_page_text {
	const char *text;
	size_t bytes;
	const char *policy; /* its Content-Security-Policy, with the hashes of its script and style */
};

struct spw_page_text spw_view_page_text(void);

/* What is shown; all borrowed. */
struct spw_page_status {
	const struct spw_snapshot *snapshot;
	const struct spw_explanation *explanation; /* NULL: no decision yet */
	const struct spw_talkers_view *talkers;	   /* NULL: sources are not shown */
	json_t *events;				   /* an array, newest first; NULL: none */
	const char *host;			   /* name of this host */
};

/** spw_view_page_status() - /status.json. Returns 0 or -ENOMEM. */
int spw_view_page_status(FILE *out, const struct spw_page_status *status);

/** spw_view_page_history() - /history.json: the last 15 minutes of the services of @policy. */
void spw_view_page_history(FILE *out, const struct spw_named_policy *policy, const struct spw_timeline *timeline);

#endif
