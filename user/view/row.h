/* SPDX-License-Identifier: GPL-2.0-only */
/* Words behind a label, broken into lines. Called by the renderers. */
#ifndef SPW_VIEW_ROW_H
#define SPW_VIEW_ROW_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Words behind a label, separated by commas and broken into lines, so that a page stays as wide as a terminal however
 * many lists or interfaces there are.
 */
#define SPW_PAGE_COLUMNS  98
#define SPW_LABEL_COLUMNS 12

struct spw_row {
	FILE *out;
	int indent;
	int column;
	bool begun;
};

/** spw_row_begin() - put @label into the first @indent columns. */
struct spw_row spw_row_begin(FILE *out, const char *label, int indent);

/** spw_row_next() - put what stands before the next word; the caller puts the word, which has @width characters. */
void spw_row_next(struct spw_row *row, int width);

#endif
