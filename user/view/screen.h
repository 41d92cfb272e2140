/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A screen as a value: rows of text with colours, made by pure code (top.c) and shown as text here or by ncurses in
 * cmd/top.c. So unit tests compare what a terminal shows.
 */
#ifndef SPW_VIEW_SCREEN_H
#define SPW_VIEW_SCREEN_H

#include "text.h"

#define SPW_SCREEN_RUNS 1024
#define SPW_PLAIN	(-1) /* in place of an enum spw_colour_name */

struct spw_screen_run {
	size_t at; /* byte of the text where it begins */
	int colour;
};

struct spw_screen {
	u32 columns; /* rows are cut to this many characters */
	u32 rows;
	FILE *out;  /* while it is being written */
	char *text; /* rows with newlines */
	size_t bytes;
	struct spw_screen_run runs[SPW_SCREEN_RUNS];
	u32 runs_count;
};

/** spw_screen_begin() - 0 or -ENOMEM. Then write to screen->out; each row ends with "\n". */
int spw_screen_begin(struct spw_screen *screen, u32 columns);

/** spw_screen_colour() - of the following text; SPW_PLAIN: none. */
void spw_screen_colour(struct spw_screen *screen, int colour);

/** spw_screen_row() - end the row. */
void spw_screen_row(struct spw_screen *screen);

/** spw_screen_finish() - complete it for showing. 0 or -ENOMEM. */
int spw_screen_finish(struct spw_screen *screen);
void spw_screen_free(struct spw_screen *screen);

/** Shows pieces of one colour from left to right, row by row. @bytes: of @text; whole characters. */
typedef void spw_screen_shower(void *context, u32 row, int colour, const char *text, size_t bytes);

/** spw_screen_show() - pass all pieces to @show, cut to the columns, without trailing blanks. */
void spw_screen_show(const struct spw_screen *screen, spw_screen_shower *show, void *context);

/** spw_screen_print() - print as text. */
void spw_screen_print(FILE *out, const struct spw_screen *screen, struct spw_style style);

#endif
