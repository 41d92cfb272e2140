/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tor's country tables, a range per line: START,END,CC. Addresses are decimal numbers in geoip (16777216,16777471,AU)
 * and text in geoip6 (2001:200::,2001:200:134:ffff:ffff:ffff:ffff:ffff,JP). Comment lines begin with #.
 */
#include <errno.h>
#include <string.h>

#include "lines.h"

#define SHOWN_MAX 60

struct geo_line {
	struct spw_addr first;
	struct spw_addr last;
	char code[3];
};

static int shown(const char *at, const char *end)
{
	return (int)(end - at < SHOWN_MAX ? end - at : SHOWN_MAX);
}

static bool parse_number(const char *at, const char *end, struct spw_addr *addr)
{
	u64 number = 0;

	if (at == end || end - at > 10)
		return false;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		number = number * 10 + (u64)(*at - '0');
	}
	*addr = (struct spw_addr){number << 32, 0};
	return number <= UINT32_MAX;
}

/* The address before the next comma; @at moves past that. */
static bool parse_addr(struct spw_lines *lines, const char **at, u8 family, struct spw_addr *addr)
{
	const char *end = lines->line + lines->length, *comma = memchr(*at, ',', (size_t)(end - *at));
	size_t offset = (size_t)(*at - lines->line);
	u8 found = 4;

	if (!comma) {
		spw_lines_error(lines, offset, "not a range; a line is START,END,COUNTRY");
		return false;
	}
	if (family == 4 ? !parse_number(*at, comma, addr)
			: !spw_addr_parse(*at, (size_t)(comma - *at), addr, &found) || found != 6) {
		spw_lines_error(lines, offset, "'%.*s' is not %s", shown(*at, comma), *at,
				family == 4 ? "an IPv4 address as a decimal number" : "an IPv6 address");
		return false;
	}
	*at = comma + 1;
	return true;
}

static bool is_code_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); /* old tables have A1 */
}

static bool parse_line(struct spw_lines *lines, u8 family, struct geo_line *line)
{
	const char *at = lines->line, *end = at + lines->length;

	if (!parse_addr(lines, &at, family, &line->first) || !parse_addr(lines, &at, family, &line->last))
		return false;
	if (end - at != 2 || !((is_code_letter(at[0]) && is_code_letter(at[1])) || !memcmp(at, "??", 2))) {
		spw_lines_error(lines, (size_t)(at - lines->line), "'%.*s' is not the code of a country",
				shown(at, end), at);
		return false;
	}
	if (spw_addr_compare(&line->first, &line->last) > 0) {
		spw_lines_error(lines, 0, "the range ends before it begins");
		return false;
	}
	memcpy(line->code, at, 2);
	line->code[2] = 0;
	return true;
}

int spw_list_parse_geo(const char *text, size_t length, u8 family, const char *file, spw_geo_visit *visit,
		       void *context, struct spw_diagnostics *diagnostics)
{
	struct spw_lines lines;
	int err = 0, wrong;

	spw_lines_start(&lines, text, length, file, diagnostics);
	while (!err && spw_lines_next(&lines)) {
		struct geo_line line;

		if (!lines.length || *lines.line == '#')
			continue;
		if (parse_line(&lines, family, &line))
			err = visit(context, family, &line.first, &line.last, line.code, lines.number);
	}
	wrong = spw_lines_finish(&lines);
	return err ? err : wrong;
}
