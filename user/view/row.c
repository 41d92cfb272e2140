/* SPDX-License-Identifier: GPL-2.0-only */
/* See row.h. */
#include "row.h"

#include "text.h"

struct spw_row spw_row_begin(FILE *out, const char *label, int indent)
{
	spw_put_cell(out, label, indent);
	return (struct spw_row){.out = out, .indent = indent, .column = indent};
}

void spw_row_next(struct spw_row *row, int width)
{
	if (row->begun && row->column + 2 + width > SPW_PAGE_COLUMNS) {
		fprintf(row->out, ",\n%*s", row->indent, "");
		row->column = row->indent;
	} else if (row->begun) {
		row->column += fprintf(row->out, ", ");
	}
	row->column += width;
	row->begun = true;
}
