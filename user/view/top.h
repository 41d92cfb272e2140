/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen of `top`: level, signals, services, classes, talkers. What the pinned maps say, between two moments, and
 * what the agent answers ({"verb":"top"}), if there is one. Values in, a screen out: no clock, no terminal.
 */
#ifndef SPW_VIEW_TOP_H
#define SPW_VIEW_TOP_H

#include "core/talkers/talkers.h"
#include "screen.h"

struct spw_top {
	const struct spw_snapshot *before; /* rates are from there to @now; the same: all are zero */
	const struct spw_snapshot *now;
	const json_t *answer; /* of the agent; NULL: none */
	const char *trouble;  /* why there is none */
	const char *clock;    /* "12:03:10" */
	enum spw_talker_order order;
	enum spw_talker_kind kind;
	u32 columns;
	u32 rows;	  /* of the terminal; 0: as many as it takes */
	bool interactive; /* the keys are named in the last row */
	bool paused;
	bool help; /* the keys and the columns are explained, in place of all else */
};

/** spw_view_top() - the screen; free with spw_screen_free(). Returns 0 or -ENOMEM. */
int spw_view_top(const struct spw_top *top, struct spw_screen *screen);

/** spw_view_top_json() - the same as one object; NULL: no memory. */
json_t *spw_view_top_json(const struct spw_top *top);

#endif
