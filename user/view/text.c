/* SPDX-License-Identifier: GPL-2.0-only */
/* See text.h. */
#include "text.h"

#include "core/words.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Bytes of the UTF-8 character at @at (NUL-terminated text); 0: invalid. Rejects overlong forms, surrogates and
 * anything beyond U+10FFFF, on which decoders disagree (Unicode 15, table 3-7).
 */
static size_t character_bytes(const u8 *at)
{
	u8 low = 0x80, high = 0xbf;
	size_t bytes;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	bytes = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return bytes;
}

/* C0 and DEL, C1, and bidirectional controls. */
static bool is_control(const u8 *at, size_t bytes)
{
	if (bytes == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (bytes == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	return bytes == 3 && at[0] == 0xe2 &&
	       ((at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
		(at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

static void put_ascii(FILE *out, u8 character, enum spw_quoting quoting)
{
	bool quoted = quoting == SPW_FOR_JSON || quoting == SPW_FOR_LABEL;

	if (quoted && (character == '"' || character == '\\'))
		fprintf(out, "\\%c", character);
	else if (quoted && character == '\n')
		fputs("\\n", out);
	else if (quoting == SPW_FOR_JSON && character < 0x20)
		fprintf(out, "\\u%04x", character);
	else
		putc(character, out);
}

/* Write one character; returns the bytes consumed. */
static size_t put_character(FILE *out, const u8 *at, enum spw_quoting quoting)
{
	size_t bytes = character_bytes(at);

	if (!bytes || (quoting == SPW_FOR_TERMINAL && is_control(at, bytes)))
		fputs(REPLACEMENT, out);
	else if (bytes == 1)
		put_ascii(out, *at, quoting);
	else
		fwrite(at, 1, bytes, out);
	return bytes ? bytes : 1;
}

void spw_put_text(FILE *out, const char *text, enum spw_quoting quoting)
{
	const u8 *at = (const u8 *)text;

	while (*at)
		at += put_character(out, at, quoting);
}

int spw_text_width(const char *text)
{
	const u8 *at = (const u8 *)text;
	int width = 0;

	for (; *at; width++) {
		size_t bytes = character_bytes(at);

		at += bytes ? bytes : 1;
	}
	return width;
}

void spw_put_cell(FILE *out, const char *text, int width)
{
	const u8 *at = (const u8 *)text;
	int left = spw_text_width(text), room = left > width ? width - 1 : width;

	for (; *at && room > 0; room--)
		at += put_character(out, at, SPW_FOR_TERMINAL);
	if (*at)
		putc('~', out);
	fprintf(out, "%*s", room > 0 ? room : 0, "");
}

void spw_put_coloured(FILE *out, struct spw_style style, enum spw_colour_name colour, const char *text)
{
	static const char *const codes[] = {
		[SPW_COLOUR_STRONG] = "1",	    [SPW_COLOUR_GREEN] = "1;32", [SPW_COLOUR_YELLOW] = "1;33",
		[SPW_COLOUR_ORANGE] = "1;38;5;208", [SPW_COLOUR_RED] = "1;31",
	};

	if (style.colour)
		fprintf(out, "\033[%sm%s\033[0m", codes[colour], text);
	else
		fputs(text, out);
}

enum spw_colour_name spw_level_colour(u32 level)
{
	static const enum spw_colour_name colours[SPW_LEVELS] = {
		[SPW_GREEN] = SPW_COLOUR_GREEN,
		[SPW_YELLOW] = SPW_COLOUR_YELLOW,
		[SPW_ORANGE] = SPW_COLOUR_ORANGE,
		[SPW_RED] = SPW_COLOUR_RED,
	};

	return level < SPW_LEVELS ? colours[level] : SPW_COLOUR_STRONG;
}
