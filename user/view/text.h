/* SPDX-License-Identifier: GPL-2.0-only */
/* Text for a terminal: names made safe, columns, colours. */
#ifndef SPW_VIEW_TEXT_H
#define SPW_VIEW_TEXT_H

#include <stdio.h>

#include "view.h"

/* Destination of a text. Invalid UTF-8 always becomes U+FFFD. */
enum spw_quoting {
	SPW_FOR_TERMINAL, /* control characters become U+FFFD too: a name must not move the cursor or forge a line */
	SPW_FOR_JSON,	  /* between the quotes of a JSON string */
	SPW_FOR_LABEL,	  /* between the quotes of a Prometheus label */
	SPW_FOR_LIBRARY,  /* to a library that quotes by itself */
};

enum spw_colour_name {
	SPW_COLOUR_STRONG,
	SPW_COLOUR_GREEN,
	SPW_COLOUR_YELLOW,
	SPW_COLOUR_ORANGE,
	SPW_COLOUR_RED,
};

void spw_put_text(FILE *out, const char *text, enum spw_quoting quoting);

/** spw_put_cell() - a name in a column of @width characters; a longer one is truncated and ends in "~". */
void spw_put_cell(FILE *out, const char *text, int width);

/** spw_text_width() - characters of a text, as spw_put_cell() counts them. */
int spw_text_width(const char *text);

/** spw_put_coloured() - @text, coloured if the style says so. */
void spw_put_coloured(FILE *out, struct spw_style style, enum spw_colour_name colour, const char *text);
enum spw_colour_name spw_level_colour(u32 level);

#endif
