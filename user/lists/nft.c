/* SPDX-License-Identifier: GPL-2.0-only */
/* Elements of nft sets: output of `nft list set` or `nft list ruleset`, and nft scripts. */
#include <errno.h>
#include <string.h>

#include "format.h"

struct nft {
	struct spw_lines *lines;
	bool inside;	/* between the braces of elements */
	u32 opened;	/* line of the opening brace */
	bool announced; /* saw "elements =" or "add element ...", the brace is to follow */
};

static bool starts(const struct spw_lines *lines, size_t at, const char *word)
{
	size_t length = strlen(word);

	return lines->length - at >= length && !memcmp(lines->line + at, word, length);
}

/* End of the element at @at: its comma, a brace, or the end of the line, outside quotes. */
static size_t element_end(const struct spw_lines *lines, size_t at)
{
	bool quoted = false;

	for (; at < lines->length; at++) {
		if (lines->line[at] == '"')
			quoted = !quoted;
		else if (!quoted && (lines->line[at] == ',' || lines->line[at] == '}'))
			break;
	}
	return at;
}

/* The address is followed by its timeout, counter and comment. */
static int take_element(struct nft *nft, size_t start, size_t end)
{
	struct spw_lines *lines = nft->lines;
	size_t word = start, word_end, next, next_end;

	if (!spw_lines_trim(lines, &word, &end))
		return 0;
	for (word_end = word; word_end < end && lines->line[word_end] != ' ' && lines->line[word_end] != '\t';)
		word_end++;
	next = word_end;
	if (word_end < end && spw_lines_word(lines, &next, &next_end) && next < end &&
	    (lines->line[next] == '.' || lines->line[next] == ':')) {
		spw_lines_error(lines, word,
				"an element with more than an address; sets of type ipv4_addr and "
				"ipv6_addr can be read");
		return 0;
	}
	return spw_lines_take(lines, word, word_end);
}

/* Read up to the end of the line, or of the elements. */
static int read_elements(struct nft *nft, size_t *at)
{
	struct spw_lines *lines = nft->lines;
	int err = 0;

	while (!err && nft->inside && *at < lines->length) {
		size_t end = element_end(lines, *at);

		err = take_element(nft, *at, end);
		nft->inside = end == lines->length || lines->line[end] != '}';
		*at = end + 1;
	}
	return err;
}

/* "elements =", not a set of that name. */
static bool is_assignment(const struct spw_lines *lines, size_t at)
{
	if (!starts(lines, at, "elements"))
		return false;
	for (at += strlen("elements"); at < lines->length && lines->line[at] == ' ';)
		at++;
	return at < lines->length && lines->line[at] == '=';
}

/* Find the next elements of the line; false: none. */
static bool find_elements(struct nft *nft, size_t *at)
{
	struct spw_lines *lines = nft->lines;

	for (; *at < lines->length; ++*at) {
		if (is_assignment(lines, *at) || starts(lines, *at, "add element") || starts(lines, *at, "define "))
			nft->announced = true;
		if (!nft->announced || lines->line[*at] != '{')
			continue;
		nft->announced = false;
		nft->inside = true;
		nft->opened = lines->number;
		++*at;
		return true;
	}
	return false;
}

static void skip_comment(struct spw_lines *lines)
{
	const char *hash = lines->length ? memchr(lines->line, '#', lines->length) : NULL;

	if (hash && !memchr(lines->line, '"', (size_t)(hash - lines->line)))
		lines->length = (size_t)(hash - lines->line);
}

int spw_read_nft(struct spw_lines *lines)
{
	struct nft nft = {.lines = lines};
	int err = 0;

	lines->line_max = SPW_LIST_FILE_BYTES_MAX; /* scripts have all elements on one line */
	while (!err && spw_lines_next(lines)) {
		size_t at = 0;

		skip_comment(lines);
		while (!err && (nft.inside || find_elements(&nft, &at)) && at < lines->length)
			err = read_elements(&nft, &at);
	}
	if (!err && nft.inside) {
		lines->options.skip = false;
		spw_lines_error(lines, 0, "the elements that begin at line %u have no end; the file is incomplete",
				nft.opened);
	}
	return err;
}
