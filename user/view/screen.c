/* SPDX-License-Identifier: GPL-2.0-only */
/* See screen.h. */
#include "screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

int spw_screen_begin(struct spw_screen *screen, u32 columns)
{
	*screen = (struct spw_screen){.columns = columns};
	screen->out = open_memstream(&screen->text, &screen->bytes);
	return screen->out ? 0 : -ENOMEM;
}

void spw_screen_colour(struct spw_screen *screen, int colour)
{
	if (screen->runs_count == SPW_SCREEN_RUNS)
		return;
	fflush(screen->out); /* updates `bytes` */
	screen->runs[screen->runs_count++] = (struct spw_screen_run){screen->bytes, colour};
}

void spw_screen_row(struct spw_screen *screen)
{
	putc('\n', screen->out);
	screen->rows++;
}

int spw_screen_finish(struct spw_screen *screen)
{
	int err = fclose(screen->out) ? -ENOMEM : 0;

	screen->out = NULL;
	return err;
}

void spw_screen_free(struct spw_screen *screen)
{
	if (screen->out)
		fclose(screen->out);
	free(screen->text);
	*screen = (struct spw_screen){0};
}

/* End of the row that begins at @at: its line end or the last column, without trailing blanks. */
static size_t row_end(const struct spw_screen *screen, size_t at, size_t line_end)
{
	size_t end = at;

	for (u32 column = 0; end < line_end && column < screen->columns; column++)
		for (end++; end < line_end && (screen->text[end] & 0xc0) == 0x80;)
			end++;
	while (end > at && screen->text[end - 1] == ' ')
		end--;
	return end;
}

void spw_screen_show(const struct spw_screen *screen, spw_screen_shower *show, void *context)
{
	size_t at = 0;
	u32 run = 0;
	int colour = SPW_PLAIN;

	for (u32 row = 0; row < screen->rows && at < screen->bytes; row++) {
		const char *line = memchr(screen->text + at, '\n', screen->bytes - at);
		size_t line_end = line ? (size_t)(line - screen->text) : screen->bytes;
		size_t end = row_end(screen, at, line_end);

		while (at < end) {
			size_t next;

			for (; run < screen->runs_count && screen->runs[run].at <= at; run++)
				colour = screen->runs[run].colour;
			next = run < screen->runs_count && screen->runs[run].at < end ? screen->runs[run].at : end;
			show(context, row, colour, screen->text + at, next - at);
			at = next;
		}
		at = line_end + 1;
	}
}

struct printing {
	FILE *out;
	struct spw_style style;
	u32 row;
};

static void print_piece(void *context, u32 row, int colour, const char *text, size_t bytes)
{
	struct printing *printing = context;
	char *piece = strndup(text, bytes);

	for (; printing->row < row; printing->row++)
		putc('\n', printing->out);
	if (piece && colour != SPW_PLAIN)
		spw_put_coloured(printing->out, printing->style, (enum spw_colour_name)colour, piece);
	else if (piece)
		fputs(piece, printing->out);
	free(piece);
}

void spw_screen_print(FILE *out, const struct spw_screen *screen, struct spw_style style)
{
	struct printing printing = {.out = out, .style = style};

	spw_screen_show(screen, print_piece, &printing);
	for (; printing.row < screen->rows; printing.row++)
		putc('\n', out);
}
