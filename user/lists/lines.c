/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines, one by one. */
#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many errors, and it is another format or no list at all; nobody wants to wait for the exact number. */
#define ERRORS_MAX 10000

/* Make the line that @at stands in the current one. */
static void seek(struct spw_lines *lines, const char *at)
{
	const char *newline;

	lines->number = 1;
	for (lines->line = lines->at; (newline = memchr(lines->line, '\n', (size_t)(at - lines->line)));
	     lines->number++)
		lines->line = newline + 1;
}

void spw_lines_start(struct spw_lines *lines, const char *text, size_t length, const char *file,
		     struct spw_diagnostics *diagnostics)
{
	const char *nul = length ? memchr(text, 0, length) : NULL;

	*lines = (struct spw_lines){.file = file, .diagnostics = diagnostics, .at = text, .end = text + length};
	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		lines->at += 3; /* a byte order mark, as some editors leave */
	if (!nul)
		return;
	seek(lines, nul);
	spw_lines_error(lines, (size_t)(nul - lines->line), "a NUL byte; this is no text");
	lines->at = lines->end;
}

bool spw_lines_next(struct spw_lines *lines)
{
	const char *newline;

	do {
		if (lines->at == lines->end || lines->errors >= ERRORS_MAX)
			return false;
		newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
		lines->line = lines->at;
		lines->length = (size_t)((newline ? newline : lines->end) - lines->at);
		lines->at = newline ? newline + 1 : lines->end;
		lines->number++;
		if (lines->length > SPW_LIST_LINE_BYTES_MAX)
			spw_lines_error(lines, SPW_LIST_LINE_BYTES_MAX, "the line is longer than %d bytes",
					SPW_LIST_LINE_BYTES_MAX);
	} while (lines->length > SPW_LIST_LINE_BYTES_MAX);
	if (lines->length && lines->line[lines->length - 1] == '\r')
		lines->length--;
	return true;
}

void spw_lines_error(struct spw_lines *lines, size_t at, const char *format, ...)
{
	struct spw_place place = {lines->file, lines->number, (u32)at + 1};
	char text[512];
	va_list args;

	if (++lines->errors > SPW_LIST_ERRORS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	spw_error(lines->diagnostics, place, "%s", text);
}

int spw_lines_finish(struct spw_lines *lines)
{
	struct spw_place place = {lines->file, 0, 0};

	if (lines->errors >= ERRORS_MAX)
		spw_error(lines->diagnostics, place, "and %u more errors up to line %u, where reading ended",
			  lines->errors - SPW_LIST_ERRORS_MAX, lines->number);
	else if (lines->errors > SPW_LIST_ERRORS_MAX)
		spw_error(lines->diagnostics, place, "and %u more errors", lines->errors - SPW_LIST_ERRORS_MAX);
	return lines->errors ? -EINVAL : 0;
}
