/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines, one by one. */
#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/item.h"

/* Stop after this many errors: it is another format or no list at all. */
#define ERRORS_MAX 10000

/* Make the line that contains @at the current one. */
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

	*lines = (struct spw_lines){.file = file,
				    .diagnostics = diagnostics,
				    .line_max = SPW_LIST_LINE_BYTES_MAX,
				    .at = text,
				    .end = text + length};
	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		lines->at += 3; /* a byte order mark, as some editors write */
	if (!nul)
		return;
	seek(lines, nul);
	spw_lines_error(lines, (size_t)(nul - lines->line), "a NUL byte; this is not text");
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
		if (lines->length > lines->line_max)
			spw_lines_error(lines, lines->line_max, "the line is longer than %zu bytes", lines->line_max);
	} while (lines->length > lines->line_max);
	if (lines->length && lines->line[lines->length - 1] == '\r')
		lines->length--;
	return true;
}

__attribute__((format(printf, 3, 0))) static void note(struct spw_lines_note *note, struct spw_place place,
						       const char *format, va_list args)
{
	if (note->count++)
		return;
	note->place = place;
	vsnprintf(note->text, sizeof(note->text), format, args);
}

void spw_lines_error(struct spw_lines *lines, size_t at, const char *format, ...)
{
	struct spw_place place = {lines->file, lines->number, (u32)at + 1};
	char text[512];
	va_list args;

	va_start(args, format);
	if (lines->options.skip) {
		note(&lines->skipped, place, format, args);
	} else if (++lines->errors <= SPW_LIST_ERRORS_MAX) {
		vsnprintf(text, sizeof(text), format, args);
		spw_error(lines->diagnostics, place, "%s", text);
	}
	va_end(args);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void spw_lines_skip_comment(struct spw_lines *lines)
{
	for (size_t i = 0; i < lines->length; i++) {
		const char *at = lines->line + i;
		bool slashes = *at == '/' && i + 1 < lines->length && at[1] == '/' && (!i || is_blank(at[-1]));

		if (*at != '#' && *at != ';' && !slashes)
			continue;
		lines->length = i;
		return;
	}
}

bool spw_lines_trim(const struct spw_lines *lines, size_t *start, size_t *end)
{
	while (*start < *end && is_blank(lines->line[*start]))
		++*start;
	while (*end > *start && is_blank(lines->line[*end - 1]))
		--*end;
	return *start < *end;
}

bool spw_lines_word(const struct spw_lines *lines, size_t *start, size_t *end)
{
	while (*start < lines->length && is_blank(lines->line[*start]))
		++*start;
	for (*end = *start; *end < lines->length && !is_blank(lines->line[*end]);)
		++*end;
	return *start < *end;
}

__attribute__((format(printf, 3, 4))) static void note_masked(struct spw_lines *lines, struct spw_place place,
							      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(&lines->masked, place, format, args);
	va_end(args);
}

/* False: do not take the item. */
static bool check_masked(struct spw_lines *lines, const char *text, size_t length, const struct spw_item *item,
			 size_t at)
{
	struct spw_item_error error;

	if (!item->masked)
		return true;
	spw_item_masked_text(text, length, item, &error);
	if (lines->options.strict)
		spw_lines_error(lines, at, "%s", error.text);
	else
		note_masked(lines, (struct spw_place){lines->file, lines->number, (u32)at + 1}, "%s", error.text);
	return !lines->options.strict;
}

int spw_lines_take_text(struct spw_lines *lines, const char *text, size_t length, size_t at)
{
	struct spw_item_error error;
	struct spw_prefix prefix;
	struct spw_item item;
	bool ended = false;
	int err = 0;

	if (!spw_item_parse(text, length, &item, &error)) {
		spw_lines_error(lines, at + error.at, "%s", error.text);
		return 0;
	}
	if (!check_masked(lines, text, length, &item, at))
		return 0;
	while (!err && spw_range_next(&item.first, &item.last, item.family, &ended, &prefix))
		err = spw_list_append(lines->list, &prefix, lines->number, (u32)at + 1);
	if (err) {
		lines->options.skip = false;
		spw_lines_error(lines, at, err == -E2BIG ? "more than %u prefixes" : "out of memory",
				SPW_LIST_ENTRIES_MAX);
	}
	return err;
}

int spw_lines_take(struct spw_lines *lines, size_t start, size_t end)
{
	return spw_lines_take_text(lines, lines->line + start, end - start, start);
}

static void warn_note(struct spw_lines *lines, const struct spw_lines_note *note, const char *done, const char *more)
{
	if (note->count == 1)
		spw_warning(lines->diagnostics, note->place, "%s; %s", note->text, done);
	else if (note->count)
		spw_warning(lines->diagnostics, note->place, "%s; %s, and %u more %s", note->text, done,
			    note->count - 1, more);
}

int spw_lines_finish(struct spw_lines *lines)
{
	struct spw_place place = {lines->file, 0, 0};

	warn_note(lines, &lines->masked, "they were cleared", "like it");
	warn_note(lines, &lines->skipped, "this was skipped", "lines with errors");
	if (lines->list)
		lines->list->skipped += lines->skipped.count;
	if (lines->errors >= ERRORS_MAX)
		spw_error(lines->diagnostics, place, "and %u more errors up to line %u, where reading ended",
			  lines->errors - SPW_LIST_ERRORS_MAX, lines->number);
	else if (lines->errors > SPW_LIST_ERRORS_MAX)
		spw_error(lines->diagnostics, place, "and %u more errors", lines->errors - SPW_LIST_ERRORS_MAX);
	return lines->errors ? -EINVAL : 0;
}
