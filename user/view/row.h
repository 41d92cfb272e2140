/* SPDX-License-Identifier: GPL-2.0-only */
/* A label and words, wrapped into lines. */
#ifndef SPW_VIEW_ROW_H
#define SPW_VIEW_ROW_H

#include <stdbool.h>
#include <stdio.h>

/* Words after a label, separated by commas and wrapped, so that a page fits a terminal however many there are. */
#define SPW_PAGE_COLUMNS  98
#define SPW_LABEL_COLUMNS 12

struct spw_row {
	FILE *out;
	int indent;
	int column;
	bool begun;
};

/** spw_row_begin() - write @label into the first @indent columns. */
struct spw_row spw_row_begin(FILE *out, const char *label, int indent);

/** spw_row_next() - write the separator before the next word; the caller writes the word, of @width characters. */
void spw_row_next(struct spw_row *row, int width);

#endif
