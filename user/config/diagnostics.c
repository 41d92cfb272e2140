/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors and warnings, with their location. */
#include "diagnostics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

/* @text with unprintable bytes as \xNN, so that no input reaches a terminal or a log raw. */
static char *escape(const char *text)
{
	size_t length = strlen(text);
	char *escaped = malloc(4 * length + 1), *out = escaped;

	if (!escaped)
		return NULL;
	while (length) {
		u32 rune;
		size_t bytes = spw_utf8_next(text, length, &rune);

		if (bytes && spw_rune_printable(rune)) {
			memcpy(out, text, bytes);
			out += bytes;
		} else {
			bytes = bytes ? bytes : 1;
			for (size_t i = 0; i < bytes; i++)
				out += sprintf(out, "\\x%02x", (u8)text[i]);
		}
		text += bytes;
		length -= bytes;
	}
	*out = 0;
	return escaped;
}

__attribute__((format(printf, 2, 0))) static char *compose(struct spw_place place, const char *format, va_list args)
{
	char *message = NULL, *line = NULL, *escaped = NULL;
	int length;

	if (vasprintf(&message, format, args) < 0)
		return NULL;
	if (place.file && place.line && place.column)
		length = asprintf(&line, "%s:%u:%u: %s", place.file, place.line, place.column, message);
	else if (place.file && place.line)
		length = asprintf(&line, "%s:%u: %s", place.file, place.line, message);
	else
		length = asprintf(&line, "%s%s%s", place.file ? place.file : "", place.file ? ": " : "", message);
	free(message);
	if (length < 0)
		return NULL;
	escaped = escape(line);
	free(line);
	return escaped;
}

/* Make space for an error by dropping the last warning. False: there are only errors. */
static bool evict_warning(struct spw_diagnostics *diagnostics)
{
	for (size_t i = diagnostics->count; i-- > 0;) {
		struct spw_diagnostic *item = &diagnostics->items[i];

		if (item->severity != SPW_WARNING)
			continue;
		free(item->text);
		memmove(item, item + 1, (diagnostics->count - i - 1) * sizeof(*item));
		diagnostics->count--;
		return true;
	}
	return false;
}

__attribute__((format(printf, 4, 0))) static void add(struct spw_diagnostics *diagnostics, enum spw_severity severity,
						      struct spw_place place, const char *format, va_list args)
{
	char *text;

	if (severity == SPW_ERROR)
		diagnostics->errors++;
	else
		diagnostics->warnings++;
	if (diagnostics->count == SPW_DIAGNOSTICS_MAX && (severity != SPW_ERROR || !evict_warning(diagnostics)))
		return;
	text = compose(place, format, args);
	if (!text)
		return; /* out of memory: counted, which is what decides */
	diagnostics->items[diagnostics->count++] = (struct spw_diagnostic){
		.severity = severity,
		.text = text,
		.line = place.line,
		.column = place.column,
	};
}

void spw_error(struct spw_diagnostics *diagnostics, struct spw_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(diagnostics, SPW_ERROR, place, format, args);
	va_end(args);
}

void spw_warning(struct spw_diagnostics *diagnostics, struct spw_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(diagnostics, SPW_WARNING, place, format, args);
	va_end(args);
}

void spw_warning_standing(struct spw_diagnostics *diagnostics, struct spw_place place, const char *format, ...)
{
	size_t before = diagnostics->count;
	va_list args;

	va_start(args, format);
	add(diagnostics, SPW_WARNING, place, format, args);
	va_end(args);
	if (diagnostics->count > before)
		diagnostics->items[before].standing = true;
}

static bool is_behind(const struct spw_diagnostic *left, const struct spw_diagnostic *right)
{
	return left->line != right->line ? left->line > right->line : left->column > right->column;
}

/* Insertion sort: few items, and stable. */
void spw_diagnostics_sort(struct spw_diagnostics *diagnostics, size_t first)
{
	for (size_t i = first + 1; i < diagnostics->count; i++) {
		struct spw_diagnostic item = diagnostics->items[i];
		size_t j = i;

		for (; j > first && is_behind(&diagnostics->items[j - 1], &item); j--)
			diagnostics->items[j] = diagnostics->items[j - 1];
		diagnostics->items[j] = item;
	}
}

void spw_diagnostics_soften(struct spw_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		diagnostics->items[i].severity = SPW_WARNING;
	diagnostics->warnings += diagnostics->errors;
	diagnostics->errors = 0;
}

void spw_diagnostics_move(struct spw_diagnostics *from, struct spw_diagnostics *to)
{
	for (size_t i = 0; i < from->count; i++) {
		if (to->count < SPW_DIAGNOSTICS_MAX || (from->items[i].severity == SPW_ERROR && evict_warning(to)))
			to->items[to->count++] = from->items[i];
		else
			free(from->items[i].text);
	}
	to->errors += from->errors;
	to->warnings += from->warnings;
	*from = (struct spw_diagnostics){0};
}

void spw_diagnostics_free(struct spw_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		free(diagnostics->items[i].text);
	*diagnostics = (struct spw_diagnostics){0};
}

void spw_log_diagnostics(const struct spw_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		spw_log(diagnostics->items[i].severity == SPW_ERROR ? LOG_ERR : LOG_WARNING, "%s",
			diagnostics->items[i].text);
	if (diagnostics->errors + diagnostics->warnings > diagnostics->count)
		spw_log(LOG_WARNING, "and %zu more", diagnostics->errors + diagnostics->warnings - diagnostics->count);
}
