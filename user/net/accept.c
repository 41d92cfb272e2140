/* SPDX-License-Identifier: GPL-2.0-only */
/* See accept.h. RFC 9110, 12.5.1: media ranges separated by commas, each with parameters; q from 0 to 1, in thousandths. */
#include "accept.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define QUALITY_ONE 1000

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* The next @c, or @end. */
static const char *find(const char *at, const char *end, char c)
{
	while (at < end && *at != c)
		at++;
	return at;
}

static bool is_word(const char *at, const char *end, const char *word)
{
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (size_t)(end - at) == strlen(word) && !strncasecmp(at, word, (size_t)(end - at));
}

/* "0.75" -> 750; 0 for anything else. */
static int quality(const char *at, const char *end)
{
	int value, unit = QUALITY_ONE;

	if (at == end || (*at != '0' && *at != '1'))
		return 0;
	value = (*at++ - '0') * QUALITY_ONE;
	if (at < end && *at == '.')
		at++;
	while (at < end && isdigit((unsigned char)*at) && unit > 1) {
		unit /= 10;
		value += (*at++ - '0') * unit;
	}
	return value > QUALITY_ONE ? QUALITY_ONE : value;
}

/* Quality of one media range if its type is @type, and its version, if it names one, @version; else 0. */
static int quality_of(const char *range, const char *end, const char *type, const char *version)
{
	const char *stop = find(range, end, ';');
	int found = QUALITY_ONE;

	range = skip_space(range, end);
	if (!is_word(range, stop, type))
		return 0;
	while (stop < end) {
		const char *at = skip_space(stop + 1, end);

		stop = find(at, end, ';');
		if (end - at >= 2 && !strncasecmp(at, "q=", 2))
			found = quality(at + 2, stop);
		else if (version && end - at >= 8 && !strncasecmp(at, "version=", 8) && !is_word(at + 8, stop, version))
			return 0;
	}
	return found;
}

bool spw_accepts_open_metrics(const char *accept)
{
	int open = 0, text = 0;

	while (accept && *accept) {
		const char *end = strchrnul(accept, ',');
		int one = quality_of(accept, end, "application/openmetrics-text", "1.0.0");
		int other = quality_of(accept, end, "text/plain", NULL);

		open = one > open ? one : open;
		text = other > text ? other : text;
		accept = *end ? end + 1 : end;
	}
	return open && open >= text;
}
