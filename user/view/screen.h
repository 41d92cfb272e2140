/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A screen as a value: rows of text with colours, made by pure code (top.c) and shown by whoever can: as text here, by
 * ncurses in cmd/top.c. So what a terminal shows is what the unit tests compare.
 */
#ifndef SPW_VIEW_SCREEN_H
#define SPW_VIEW_SCREEN_H

#include "text.h"

#define SPW_SCREEN_RUNS 1024
#define SPW_PLAIN	(-1) /* in place of an enum spw_colour_name */

struct spw_screen_run {
	size_t at; /* byte of the text from which on */
	int colour;
};

struct spw_screen {
	u32 columns; /* rows are cut to so many characters */
	u32 rows;
	FILE *out;  /* while it is made */
	char *text; /* rows, each with its end */
	size_t bytes;
	struct spw_screen_run runs[SPW_SCREEN_RUNS];
	u32 runs_count;
};

/** spw_screen_begin() - 0 or -ENOMEM. Then put into screen->out; each row ends with "\n". */
int spw_screen_begin(struct spw_screen *screen, u32 columns);

/** spw_screen_colour() - of what is put from now on; SPW_PLAIN. */
void spw_screen_colour(struct spw_screen *screen, int colour);

/** spw_screen_row() - the row ends. */
void spw_screen_row(struct spw_screen *screen);

/** spw_screen_finish() - it can be shown. 0 or -ENOMEM. */
int spw_screen_finish(struct spw_screen *screen);
void spw_screen_free(struct spw_screen *screen);

/** Shows pieces of one colour from left to right, row by row. @bytes: of @text; never a part of a character. */
typedef void spw_screen_shower(void *context, u32 row, int colour, const char *text, size_t bytes);

/** spw_screen_show() - hand all pieces to @show, cut to the columns, without blanks at the end of a row. */
void spw_screen_show(const struct spw_screen *screen, spw_screen_shower *show, void *context);

/** spw_screen_print() - as text. */
void spw_screen_print(FILE *out, const struct spw_screen *screen, struct spw_style style);

#endif
