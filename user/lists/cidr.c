/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of prefixes: one CIDR prefix, address or start-end range a line; # begins a comment anywhere; blank lines,
 * carriage returns and a byte order mark do no harm.
 */
#include <errno.h>
#include <string.h>

#include "config/item.h"
#include "lines.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What the line says without comment and blanks around; false: nothing. */
static bool find_item(const struct spw_lines *lines, size_t *start, size_t *end)
{
	const char *comment = lines->length ? memchr(lines->line, '#', lines->length) : NULL;

	*start = 0;
	*end = comment ? (size_t)(comment - lines->line) : lines->length;
	while (*start < *end && is_blank(lines->line[*start]))
		++*start;
	while (*end > *start && is_blank(lines->line[*end - 1]))
		--*end;
	return *start < *end;
}

static int append_item(struct spw_lines *lines, struct spw_item *item, size_t at, struct spw_list *list)
{
	struct spw_prefix prefix;
	bool ended = false;
	int err = 0;

	while (!err && spw_range_next(&item->first, &item->last, item->family, &ended, &prefix))
		err = spw_list_append(list, &prefix, lines->number, (u32)at + 1);
	if (err == -E2BIG)
		spw_lines_error(lines, at, "more than %u prefixes", SPW_LIST_ENTRIES_MAX);
	else if (err)
		spw_lines_error(lines, at, "out of memory");
	return err;
}

int spw_list_parse_cidr(const char *text, size_t length, const char *file, struct spw_list *list,
			struct spw_diagnostics *diagnostics)
{
	struct spw_lines lines;
	int err = 0, wrong;

	list->file = file;
	spw_lines_start(&lines, text, length, file, diagnostics);
	while (!err && spw_lines_next(&lines)) {
		struct spw_item_error error;
		struct spw_item item;
		size_t start, end;

		if (!find_item(&lines, &start, &end))
			continue;
		if (spw_item_parse(lines.line + start, end - start, &item, &error))
			err = append_item(&lines, &item, start, list);
		else
			spw_lines_error(&lines, start + error.at, "%s", error.text);
	}
	wrong = spw_lines_finish(&lines);
	return err ? err : wrong;
}
