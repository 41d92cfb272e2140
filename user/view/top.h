/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen of `top`: level, signals, services, classes, talkers. Made from two snapshots of the pinned maps and the
 * agent's answer ({"verb":"top"}), if any. Pure: no clock, no terminal.
 */
#ifndef SPW_VIEW_TOP_H
#define SPW_VIEW_TOP_H

#include "core/talkers/talkers.h"
#include "screen.h"

struct spw_top {
	const struct spw_snapshot *before; /* rates are from here to @now; if equal, all are zero */
	const struct spw_snapshot *now;
	const json_t *answer; /* from the agent; NULL: none */
	const char *trouble;  /* why there is none */
	const char *clock;    /* "12:03:10" */
	enum spw_talker_order order;
	enum spw_talker_kind kind;
	u32 columns;
	u32 rows;	  /* of the terminal; 0: unlimited */
	bool interactive; /* show the keys in the last row */
	bool paused;
	bool help; /* explain keys and columns instead */
};

/** spw_view_top() - the screen; free with spw_screen_free(). Returns 0 or -ENOMEM. */
int spw_view_top(const struct spw_top *top, struct spw_screen *screen);

/** spw_view_top_json() - the same as one object; NULL: no memory. */
json_t *spw_view_top_json(const struct spw_top *top);

#endif
