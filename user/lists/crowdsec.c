/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The answer is split into its decisions, which are parsed one by one, and a frame in which 0 replaces each of them:
 * {"new":[0,0,0],"deleted":null}. The frame is parsed at the end, so that all of the answer is checked.
 */
#include "crowdsec.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "maps/ban.h"

enum { DEPTH_MAX = 64, KEY_BYTES = 16 };

enum section { OTHER, FRESH, DELETED, SECTIONS };

static const char *const section_keys[] = {[FRESH] = "new", [DELETED] = "deleted"};

struct text {
	char *bytes; /* owned */
	size_t length;
	size_t capacity;
	size_t max;
};

struct spw_crowdsec_reader {
	struct spw_crowdsec_answer answer;
	struct text frame, decision;
	u32 depth;
	bool in_string, escaped;
	bool inside;	     /* inside a decision */
	bool in_array;	     /* at depth 2 or below: in the array of a section */
	char key[KEY_BYTES]; /* the last string at depth 1; longer ones are truncated, and match no key */
	size_t key_length;
	enum section section;
	u32 objects[SECTIONS];
};

static int refuse(struct spw_crowdsec_reader *reader, int err, const char *why)
{
	if (!*reader->answer.error)
		snprintf(reader->answer.error, sizeof(reader->answer.error), "%s", why);
	return err;
}

/* ---- one decision ---- */

/* Seconds per unit; NULL in @end: none. */
static double read_unit(const char *text, const char **end)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {
		{"ns", 1e-9},	     {"us", 1e-6}, {"\xc2\xb5s", 1e-6}, /* micro sign */
		{"\xce\xbcs", 1e-6},					/* Greek mu */
		{"ms", 1e-3},	     {"s", 1},	   {"m", 60},		{"h", 3600},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(text, units[i].name, length))
			continue;
		*end = text + length;
		return units[i].seconds;
	}
	*end = NULL;
	return 0;
}

/* Decimal digits with a fraction; NULL in @end: none. strtod() would accept "inf", "0x1p3" and commas. */
static double read_number(const char *text, const char **end)
{
	double number = 0, place = 1;
	size_t digits = 0;

	for (; *text >= '0' && *text <= '9'; text++, digits++)
		number = number * 10 + (*text - '0');
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, digits++)
			number += (place /= 10) * (*text - '0');
	*end = digits ? text : NULL;
	return number;
}

/*
 * Parse a duration of Go: "3h59m50.2s", "-1.5s", "1m0s", "100ms", "0".
 * @seconds: rounded up; 0: zero or negative
 */
static bool read_duration(const char *text, u32 *seconds)
{
	bool negative = *text == '-';
	double sum = 0;

	text += negative || *text == '+';
	*seconds = 0;
	if (!strcmp(text, "0"))
		return true;
	do {
		const char *unit, *next;
		double number = read_number(text, &unit);

		if (!unit)
			return false;
		sum += number * read_unit(unit, &next);
		if (!next)
			return false;
		text = next;
	} while (*text);
	if (negative || !(sum > 0))
		return true;
	*seconds = sum < SPW_BAN_SECONDS_MAX ? (u32)sum : SPW_BAN_SECONDS_MAX;
	*seconds += *seconds < sum && *seconds < SPW_BAN_SECONDS_MAX;
	return true;
}

int spw_crowdsec_append(struct spw_crowdsec_bans *bans, const struct spw_crowdsec_ban *ban)
{
	if (bans->count == bans->capacity) {
		size_t capacity = bans->capacity ? bans->capacity * 2 : 256;
		struct spw_crowdsec_ban *items = realloc(bans->items, capacity * sizeof(*items));

		if (!items)
			return -ENOMEM;
		bans->items = items;
		bans->capacity = capacity;
	}
	bans->items[bans->count++] = *ban;
	return 0;
}

static int skip(struct spw_crowdsec_reader *reader, enum spw_crowdsec_skip why, const char *scope, const char *value,
		const char *detail)
{
	char *example = reader->answer.example[why];

	if (reader->answer.skipped[why]++ == 0) {
		snprintf(example, sizeof(reader->answer.example[why]), "%.20s %.40s: %.20s", scope ? scope : "?",
			 value ? value : "?", detail ? detail : "?");
		if (!spw_text_printable(example))
			snprintf(example, sizeof(reader->answer.example[why]), "a value that cannot be shown");
	}
	return 0;
}

static const char *string_in(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool read_prefix(const char *value, bool whole, struct spw_prefix *prefix)
{
	enum spw_prefix_error error = spw_prefix_parse(value, strlen(value), prefix);

	return (error == SPW_PREFIX_OK || error == SPW_PREFIX_HOST_BITS) &&
	       (!whole || prefix->len == (prefix->family == 4 ? 32 : 128));
}

static int take_decision(struct spw_crowdsec_reader *reader, const json_t *object)
{
	const char *scope = string_in(object, "scope"), *value = string_in(object, "value");
	const char *type = string_in(object, "type"), *duration = string_in(object, "duration");
	struct spw_crowdsec_answer *answer = &reader->answer;
	struct spw_crowdsec_ban decision = {0};
	bool fresh = reader->section == FRESH;
	struct spw_crowdsec_bans *decisions = fresh ? &answer->fresh : &answer->deleted;

	if (!scope || !value || !type)
		return skip(reader, SPW_CROWDSEC_DAMAGED, scope, value, "scope, value or type is missing");
	if (strcasecmp(scope, "ip") && strcasecmp(scope, "range"))
		return skip(reader, SPW_CROWDSEC_SCOPE, scope, value, type);
	if (strcasecmp(type, "ban") || json_is_true(json_object_get(object, "simulated")))
		return skip(reader, SPW_CROWDSEC_TYPE, scope, value, strcasecmp(type, "ban") ? type : "simulated");
	if (!read_prefix(value, !strcasecmp(scope, "ip"), &decision.prefix))
		return skip(reader, SPW_CROWDSEC_DAMAGED, scope, value, type);
	if (fresh && (!duration || !read_duration(duration, &decision.for_s)))
		return skip(reader, SPW_CROWDSEC_DAMAGED, scope, value, duration);
	if (fresh && !decision.for_s)
		return skip(reader, SPW_CROWDSEC_ENDED, scope, value, duration);
	if (decisions->count == SPW_BANS_MAX)
		return skip(reader, SPW_CROWDSEC_TOO_MANY, scope, value, type);
	return spw_crowdsec_append(decisions, &decision) ? refuse(reader, -ENOMEM, "out of memory") : 0;
}

static int end_decision(struct spw_crowdsec_reader *reader)
{
	json_error_t error;
	json_t *object = json_loadb(reader->decision.bytes, reader->decision.length, JSON_REJECT_DUPLICATES, &error);
	int err;

	reader->decision.length = 0;
	reader->objects[reader->section]++;
	if (!object)
		return refuse(reader, -EINVAL, "a decision in it is not JSON");
	err = reader->section == OTHER ? 0 : take_decision(reader, object);
	json_decref(object);
	return err;
}

/* ---- the frame ---- */

static int put(struct spw_crowdsec_reader *reader, char byte)
{
	struct text *text = reader->inside ? &reader->decision : &reader->frame;

	if (text->length == text->capacity) {
		size_t capacity = text->capacity ? text->capacity * 2 : 1024;
		char *bytes;

		if (text->capacity >= text->max)
			return refuse(reader, -E2BIG,
				      reader->inside ? "a decision in it is longer than 64 KiB" : "it is too large");
		bytes = realloc(text->bytes, capacity);
		if (!bytes)
			return refuse(reader, -ENOMEM, "out of memory");
		text->bytes = bytes;
		text->capacity = capacity;
	}
	text->bytes[text->length++] = byte;
	return 0;
}

static int take_string_byte(struct spw_crowdsec_reader *reader, char byte)
{
	bool ends = !reader->escaped && byte == '"';

	reader->escaped = !reader->escaped && byte == '\\';
	if (ends)
		reader->in_string = false;
	else if (reader->depth == 1 && reader->key_length < KEY_BYTES)
		reader->key[reader->key_length++] = byte;
	return put(reader, byte);
}

static bool has_key(const struct spw_crowdsec_reader *reader, const char *key)
{
	return reader->key_length == strlen(key) && !memcmp(reader->key, key, reader->key_length);
}

static int open_bracket(struct spw_crowdsec_reader *reader, char byte)
{
	if (++reader->depth > DEPTH_MAX)
		return refuse(reader, -EINVAL, "it is nested too deeply");
	if (reader->depth == 2) {
		reader->in_array = byte == '[';
		reader->section = has_key(reader, section_keys[FRESH])	   ? FRESH
				  : has_key(reader, section_keys[DELETED]) ? DELETED
									   : OTHER;
	}
	if (reader->depth == 3 && byte == '{' && reader->in_array)
		reader->inside = true;
	return put(reader, byte);
}

static int close_bracket(struct spw_crowdsec_reader *reader, char byte)
{
	int err = put(reader, byte);

	if (err)
		return err;
	if (!reader->depth)
		return refuse(reader, -EINVAL, "it is not JSON");
	if (--reader->depth != 2 || !reader->inside)
		return 0;
	err = end_decision(reader);
	reader->inside = false;
	return err ? err : put(reader, '0');
}

static int take_byte(struct spw_crowdsec_reader *reader, char byte)
{
	if (reader->in_string)
		return take_string_byte(reader, byte);
	switch (byte) {
	case '"':
		reader->in_string = true;
		if (reader->depth == 1)
			reader->key_length = 0;
		return put(reader, byte);
	case '{':
	case '[':
		return open_bracket(reader, byte);
	case '}':
	case ']':
		return close_bracket(reader, byte);
	default:
		return put(reader, byte);
	}
}

int spw_crowdsec_feed(struct spw_crowdsec_reader *reader, const char *bytes, size_t length)
{
	int err = *reader->answer.error ? -EINVAL : 0;

	for (size_t i = 0; i < length && !err; i++)
		err = take_byte(reader, bytes[i]);
	return err;
}

/* A section is null, absent, or an array of decisions. */
static bool is_section(const struct spw_crowdsec_reader *reader, const json_t *frame, enum section section)
{
	const json_t *value = json_object_get(frame, section_keys[section]);

	if (json_is_array(value))
		return json_array_size(value) == reader->objects[section];
	return (!value || json_is_null(value)) && !reader->objects[section];
}

static void check_frame(struct spw_crowdsec_reader *reader)
{
	json_error_t error = {0};
	json_t *frame = json_loadb(reader->frame.bytes, reader->frame.length, JSON_REJECT_DUPLICATES, &error);

	if (!frame)
		refuse(reader, -EINVAL, reader->frame.length ? "it is not JSON, or cut off" : "it is empty");
	else if (!json_object_get(frame, section_keys[FRESH]) && !json_object_get(frame, section_keys[DELETED]))
		refuse(reader, -EINVAL, "it has neither \"new\" nor \"deleted\"; is this CrowdSec's local API?");
	else if (!is_section(reader, frame, FRESH) || !is_section(reader, frame, DELETED))
		refuse(reader, -EINVAL, "\"new\" and \"deleted\" must be arrays of decisions, or null");
	json_decref(frame);
}

/* ---- the end ---- */

static int compare_prefixes(const struct spw_prefix *left, const struct spw_prefix *right)
{
	int order = left->family - right->family;

	if (!order)
		order = spw_addr_compare(&left->addr, &right->addr);
	return order ? order : left->len - right->len;
}

/* By prefix, longest time first. */
static int compare(const void *left_item, const void *right_item)
{
	const struct spw_crowdsec_ban *left = left_item, *right = right_item;
	int order = compare_prefixes(&left->prefix, &right->prefix);

	return order ? order : (left->for_s < right->for_s) - (left->for_s > right->for_s);
}

bool spw_crowdsec_have(const struct spw_crowdsec_bans *decisions, const struct spw_prefix *prefix)
{
	size_t low = 0, high = decisions->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_prefixes(prefix, &decisions->items[middle].prefix);

		if (!order)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static void sort(struct spw_crowdsec_bans *decisions)
{
	size_t kept = 0;

	if (!decisions->count)
		return;
	qsort(decisions->items, decisions->count, sizeof(*decisions->items), compare);
	for (size_t i = 0; i < decisions->count; i++)
		if (!kept || compare_prefixes(&decisions->items[kept - 1].prefix, &decisions->items[i].prefix))
			decisions->items[kept++] = decisions->items[i];
	decisions->count = kept;
}

const struct spw_crowdsec_answer *spw_crowdsec_end(struct spw_crowdsec_reader *reader)
{
	struct spw_crowdsec_answer *answer = &reader->answer;

	if (!*answer->error)
		check_frame(reader);
	if (*answer->error)
		answer->fresh.count = answer->deleted.count = 0;
	sort(&answer->fresh);
	sort(&answer->deleted);
	return answer;
}

struct spw_crowdsec_reader *spw_crowdsec_open(void)
{
	struct spw_crowdsec_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->frame.max = SPW_CROWDSEC_FRAME_BYTES;
	reader->decision.max = SPW_CROWDSEC_DECISION_BYTES;
	return reader;
}

void spw_crowdsec_close(struct spw_crowdsec_reader *reader)
{
	if (!reader)
		return;
	free(reader->answer.fresh.items);
	free(reader->answer.deleted.items);
	free(reader->frame.bytes);
	free(reader->decision.bytes);
	free(reader);
}
