/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers and pages of the Prometheus text format. */
#include "metrics_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 64u

bool spw_metrics_number(const char *text, double *number)
{
	char *end;

	*number = strtod(text, &end);
	return end != text && isfinite(*number) && !end[strspn(end, " \t\r\n")];
}

struct span {
	const char *start;
	size_t length;
};

struct label {
	struct span name, value; /* the value as written, with escapes */
};

static bool same(struct span left, struct span right)
{
	return left.length == right.length && !memcmp(left.start, right.start, left.length);
}

static bool is_name(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
	       (letter >= '0' && letter <= '9') || letter == '_' || letter == ':';
}

static struct span take_name(const char **text)
{
	struct span name = {.start = *text};

	while (is_name(**text))
		++*text;
	name.length = (size_t)(*text - name.start);
	return name;
}

static void skip_blanks(const char **text)
{
	*text += strspn(*text, " \t");
}

/* Parses name="value" */
static bool take_label(const char **text, struct label *label)
{
	label->name = take_name(text);
	skip_blanks(text);
	if (!label->name.length || **text != '=')
		return false;
	++*text;
	skip_blanks(text);
	if (**text != '"')
		return false;
	label->value.start = ++*text;
	while (**text && **text != '"' && **text != '\n')
		*text += **text == '\\' && (*text)[1] && (*text)[1] != '\n' ? 2 : 1;
	label->value.length = (size_t)(*text - label->value.start);
	if (**text != '"')
		return false;
	++*text;
	return true;
}

/* Parses {name="value",...} or nothing. Returns how many, or -1: malformed, or more than LABELS_MAX. */
static int take_labels(const char **text, struct label labels[LABELS_MAX])
{
	u32 count = 0;

	if (**text != '{')
		return 0;
	++*text;
	for (;;) {
		skip_blanks(text);
		if (**text == '}')
			break;
		if (count == LABELS_MAX || !take_label(text, &labels[count++]))
			return -1;
		skip_blanks(text);
		if (**text == ',')
			++*text;
		else if (**text != '}')
			return -1;
	}
	++*text;
	return (int)count;
}

/* Whether all wanted labels are present. */
static bool has_labels(const struct label *there, int there_count, const struct label *wanted, int wanted_count)
{
	for (int i = 0; i < wanted_count; i++) {
		bool found = false;

		for (int j = 0; j < there_count && !found; j++)
			found = same(there[j].name, wanted[i].name) && same(there[j].value, wanted[i].value);
		if (!found)
			return false;
	}
	return true;
}

/* The value; an optional timestamp follows. */
static bool take_value(const char *text, double *number)
{
	size_t length = strcspn(text, " \t\r\n");
	char word[64];

	if (!length || length >= sizeof(word))
		return false;
	memcpy(word, text, length);
	word[length] = '\0';
	return spw_metrics_number(word, number);
}

u32 spw_metrics_find(const char *page, const char *wanted, double *number)
{
	struct label wanted_labels[LABELS_MAX], labels[LABELS_MAX];
	struct span wanted_name = take_name(&wanted);
	int wanted_count = take_labels(&wanted, wanted_labels);
	u32 found = 0;

	if (!wanted_name.length || wanted_count < 0)
		return 0;
	for (const char *line = page; line; line = strchr(line, '\n')) {
		const char *at = line + (*line == '\n');
		struct span name;
		double value;
		int count;

		line = at;
		name = take_name(&at);
		if (!same(name, wanted_name))
			continue;
		skip_blanks(&at);
		count = take_labels(&at, labels);
		skip_blanks(&at);
		if (count < 0 || !has_labels(labels, count, wanted_labels, wanted_count) || !take_value(at, &value))
			continue;
		*number = value;
		found++;
	}
	return found;
}
