/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formats of one prefix or range a line:
 *   plain    192.0.2.0/24 ; SBL1          comments by #, ; and //
 *   DShield  192.0.2.0 <tab> 192.0.2.255 <tab> 24 <tab> ...
 *   P2P      Some name:192.0.2.0-192.0.2.255
 *   ipset    create NAME TYPE ... / add NAME 192.0.2.0/24 ...
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/item.h"
#include "format.h"

int spw_read_plain(struct spw_lines *lines)
{
	int err = 0;

	while (!err && spw_lines_next(lines)) {
		size_t start = 0, end;

		spw_lines_skip_comment(lines);
		end = lines->length;
		if (spw_lines_trim(lines, &start, &end))
			err = spw_lines_take(lines, start, end);
	}
	return err;
}

static bool is_word(const struct spw_lines *lines, size_t start, size_t end, const char *word)
{
	return end - start == strlen(word) && !memcmp(lines->line + start, word, end - start);
}

/* The first two columns; the heading line is not a comment. */
int spw_read_dshield(struct spw_lines *lines)
{
	char range[2 * SPW_PREFIX_TEXT];
	int err = 0;

	while (!err && spw_lines_next(lines)) {
		size_t first = 0, first_end, last, last_end;
		int length;

		spw_lines_skip_comment(lines);
		if (!spw_lines_word(lines, &first, &first_end) || is_word(lines, first, first_end, "Start"))
			continue;
		last = first_end;
		if (!spw_lines_word(lines, &last, &last_end)) {
			spw_lines_error(lines, first, "a line of a DShield list has a first and a last address");
			continue;
		}
		length = snprintf(range, sizeof(range), "%.*s-%.*s", (int)(first_end - first), lines->line + first,
				  (int)(last_end - last), lines->line + last);
		if (length < (int)sizeof(range))
			err = spw_lines_take_text(lines, range, (size_t)length, first);
		else
			spw_lines_error(lines, first, "these are not addresses");
	}
	return err;
}

size_t spw_p2p_range(const char *line, size_t length)
{
	size_t at = length;
	struct spw_item_error error;
	struct spw_item item;

	while (at && line[at - 1] != ':')
		at--;
	if (!at || !memchr(line + at, '-', length - at) || !spw_item_parse(line + at, length - at, &item, &error))
		return 0;
	return item.family == 4 ? at : 0;
}

int spw_read_p2p(struct spw_lines *lines)
{
	int err = 0;

	while (!err && spw_lines_next(lines)) {
		size_t start = 0, end = lines->length, colon;

		if (!spw_lines_trim(lines, &start, &end) || lines->line[start] == '#')
			continue;
		for (colon = end; colon > start && lines->line[colon - 1] != ':';)
			colon--;
		if (colon > start)
			err = spw_lines_take(lines, colon, end);
		else
			spw_lines_error(lines, start, "a line of a P2P list is NAME:FIRST-LAST");
	}
	return err;
}

/* Skip the options after the entry. @at moves past them. */
static bool check_ipset_options(struct spw_lines *lines, size_t at)
{
	size_t end;

	for (; spw_lines_word(lines, &at, &end); at = end) {
		if (is_word(lines, at, end, "comment"))
			break; /* quoted, to the end of the line */
		if (!is_word(lines, at, end, "nomatch"))
			continue;
		spw_lines_error(lines, at, "'nomatch' is an exception, which a list cannot have");
		return false;
	}
	return true;
}

static int take_ipset_entry(struct spw_lines *lines, size_t at)
{
	size_t name_end, start, end;
	const char *comma;

	if (!spw_lines_word(lines, &at, &name_end))
		return 0;
	start = name_end;
	if (!spw_lines_word(lines, &start, &end)) {
		spw_lines_error(lines, at, "an entry is missing; a line is: add SET ENTRY");
		return 0;
	}
	comma = memchr(lines->line + start, ',', end - start);
	if (comma) {
		spw_lines_error(lines, (size_t)(comma - lines->line),
				"an entry with more than an address; sets of type hash:ip and hash:net can be read");
		return 0;
	}
	return check_ipset_options(lines, end) ? spw_lines_take(lines, start, end) : 0;
}

int spw_read_ipset(struct spw_lines *lines)
{
	static const char *const others[] = {"create", "-N", "flush", "-F", "COMMIT", "destroy", "-X", "swap", "-W"};
	int err = 0;

	while (!err && spw_lines_next(lines)) {
		size_t start = 0, end;
		bool other = false;

		if (!spw_lines_word(lines, &start, &end) || lines->line[start] == '#')
			continue;
		for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
			other = other || is_word(lines, start, end, others[i]);
		if (is_word(lines, start, end, "add") || is_word(lines, start, end, "-A"))
			err = take_ipset_entry(lines, end);
		else if (!other)
			spw_lines_error(lines, start, "this is not a line of ipset save");
	}
	return err;
}
