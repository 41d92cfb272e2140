/* SPDX-License-Identifier: GPL-2.0-only */
/* What a probe's target says. */
#include "answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LABELS_MAX 64u

/* ---- HTTP ---- */

struct framing {
	bool chunked;
	bool sized;
	size_t bytes;
};

/* Behind "name:" and blanks, if the line is of that field; else NULL. */
static const char *field(const char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncasecmp(line, name, length) || line[length] != ':')
		return NULL;
	line += length + 1;
	return line + strspn(line, " \t");
}

/* @end: of the header; both ends of lines are taken. */
static struct framing read_framing(const char *header, const char *end)
{
	struct framing framing = {0};

	for (const char *line = memchr(header, '\n', (size_t)(end - header)); line && ++line < end;
	     line = memchr(line, '\n', (size_t)(end - line))) {
		const char *length = field(line, "content-length"), *coding = field(line, "transfer-encoding");

		if (length && *length >= '0' && *length <= '9') {
			framing.sized = true;
			framing.bytes = strtoul(length, NULL, 10);
		}
		if (coding && !strncasecmp(coding, "chunked", 7))
			framing.chunked = true;
	}
	return framing;
}

/* Put the chunks together at @body. False: the last one is not there yet. @bad: they make no sense. */
static bool join_chunks(char *body, size_t length, bool join, size_t *bytes, bool *bad)
{
	const char *at = body, *end = body + length;

	for (*bytes = 0;;) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		char *digits_end;
		size_t size;

		if (!line)
			return false;
		size = strtoul(at, &digits_end, 16);
		*bad = digits_end == at || size > length;
		if (*bad || !size)
			return !*bad;
		at = line + 1;
		if ((size_t)(end - at) < size + 1)
			return false;
		if (join)
			memmove(body + *bytes, at, size);
		*bytes += size;
		at += size;
		at += *at == '\r';
		*bad = at >= end ? false : *at != '\n';
		if (at >= end || *bad)
			return false;
		at++;
	}
}

/* The first empty line; NULL: it has not come yet. */
static char *header_end(char *text, size_t *blank)
{
	char *crlf = strstr(text, "\r\n\r\n"), *lf = strstr(text, "\n\n");

	*blank = crlf && (!lf || crlf < lf) ? 4 : 2;
	return *blank == 4 ? crlf : lf;
}

static struct spw_answer read_body(struct spw_answer answer, struct framing framing, char *body, size_t length,
				   bool closed)
{
	bool bad = false;

	answer.bytes = length;
	if (framing.chunked) {
		if (!join_chunks(body, length, false, &answer.bytes, &bad)) {
			answer.state = bad || closed ? SPW_ANSWER_BAD : SPW_ANSWER_PART;
			return answer;
		}
		join_chunks(body, length, true, &answer.bytes, &bad);
	} else if (framing.sized) {
		if (length < framing.bytes) {
			answer.state = closed ? SPW_ANSWER_BAD : SPW_ANSWER_PART;
			return answer;
		}
		answer.bytes = framing.bytes;
	} else if (!closed) {
		return answer;
	}
	answer.state = SPW_ANSWER_WHOLE;
	answer.body = body;
	body[answer.bytes] = '\0';
	return answer;
}

struct spw_answer spw_answer_read(char *text, size_t length, bool closed)
{
	static const char head[] = "HTTP/1.";
	struct spw_answer answer = {.state = closed ? SPW_ANSWER_BAD : SPW_ANSWER_PART};
	size_t known = length < strlen(head) ? length : strlen(head), blank;
	char *end;

	text[length] = '\0';
	if (memcmp(text, head, known)) {
		answer.state = SPW_ANSWER_BAD;
		return answer;
	}
	end = header_end(text, &blank);
	if (!end)
		return answer;
	/* "HTTP/1.1 200 OK" */
	if (end - text < 12 || text[8] != ' ' || strspn(text + 9, "0123456789") != 3) {
		answer.state = SPW_ANSWER_BAD;
		return answer;
	}
	answer.status = (u32)strtoul(text + 9, NULL, 10);
	return read_body(answer, read_framing(text, end + 1), end + blank, length - (size_t)(end + blank - text),
			 closed);
}

/* ---- numbers ---- */

bool spw_answer_number(const char *text, double *number)
{
	char *end;

	*number = strtod(text, &end);
	return end != text && isfinite(*number) && !end[strspn(end, " \t\r\n")];
}

/* ---- Prometheus ---- */

struct span {
	const char *start;
	size_t length;
};

struct label {
	struct span name, value; /* the value as it is written, with its escapes */
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

/* name="value" */
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

/* {name="value",...} or nothing. Returns how many, or -1: they make no sense, or are too many. */
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

/* Whether each of the labels wanted is among those there. */
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

/* The value that stands in front of the time, if there is one, and of the end of the line. */
static bool take_value(const char *text, double *number)
{
	size_t length = strcspn(text, " \t\r\n");
	char word[64];

	if (!length || length >= sizeof(word))
		return false;
	memcpy(word, text, length);
	word[length] = '\0';
	return spw_answer_number(word, number);
}

u32 spw_answer_sample(const char *page, const char *wanted, double *number)
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
