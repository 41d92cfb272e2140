/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges that providers publish as JSON. The top-level keys tell the kind; unknown ones are refused rather than
 * searched for anything like an address.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/table/prefix.h"
#include "format.h"

struct reading {
	struct spw_lines *lines;
	const char *text; /* whole text */
	const char *cursor;
	const char *line; /* the line of the cursor */
	int err;
};

/*
 * jansson keeps no locations. Strings are visited in file sequence, so the next one is found after the last. From the
 * first that is not found (because of escapes, say) lines are 0: searching each from the start would take too long.
 */
static size_t find_place(struct reading *reading, const char *text)
{
	struct spw_lines *lines = reading->lines;
	size_t length = strlen(text);
	const char *at = reading->cursor, *newline;

	while (lines->number && (at = memmem(at, (size_t)(lines->end - at), text, length)) &&
	       (at == reading->text || at[-1] != '"' || at + length == lines->end || at[length] != '"'))
		at++;
	if (!lines->number || !at) {
		lines->number = 0;
		return 0;
	}
	while ((newline = memchr(reading->line, '\n', (size_t)(at - reading->line)))) {
		reading->line = newline + 1;
		lines->number++;
	}
	reading->cursor = at + length;
	return (size_t)(at - reading->line);
}

/* Take @value, which must be a string. */
static void take(struct reading *reading, const json_t *value, const char *shown)
{
	const char *text = json_string_value(value);
	size_t at;

	if (reading->err)
		return;
	if (!text || !*text || strlen(text) != json_string_length(value)) {
		spw_lines_error(reading->lines, 0, "an entry has no text '%s'", shown);
		return;
	}
	at = find_place(reading, text);
	reading->err = spw_lines_take_text(reading->lines, text, strlen(text), at);
}

static void take_texts(struct reading *reading, const json_t *array, const char *shown)
{
	const json_t *value;
	size_t i;

	json_array_foreach((json_t *)array, i, value) take(reading, value, shown);
}

/* The first of @keys that an object has, for each object of the array; @keys ends with NULL. */
static void take_members(struct reading *reading, const json_t *array, const char *const *keys)
{
	const json_t *object;
	size_t i;

	json_array_foreach((json_t *)array, i, object)
	{
		const json_t *value = NULL;

		for (size_t key = 0; keys[key] && !value; key++)
			value = json_object_get(object, keys[key]);
		take(reading, value, keys[0]);
	}
}

static void read_prefixes(struct reading *reading, const json_t *root)
{
	static const char *const keys[] = {"ip_prefix", "ipv6_prefix", "ipv4Prefix", "ipv6Prefix", NULL};

	take_members(reading, json_object_get(root, "prefixes"), keys);
	take_members(reading, json_object_get(root, "ipv6_prefixes"), keys + 1);
}

static void read_azure(struct reading *reading, const json_t *root)
{
	const json_t *tag;
	size_t i;

	json_array_foreach(json_object_get(root, "values"), i, tag)
	{
		const json_t *prefixes = json_object_get(json_object_get(tag, "properties"), "addressPrefixes");

		if (json_is_array(prefixes))
			take_texts(reading, prefixes, "addressPrefixes");
		else
			spw_lines_error(reading->lines, 0, "a service tag has no addressPrefixes");
	}
}

static void read_cloudflare(struct reading *reading, const json_t *root)
{
	const json_t *result = json_object_get(root, "result");

	take_texts(reading, json_object_get(result, "ipv4_cidrs"), "ipv4_cidrs");
	take_texts(reading, json_object_get(result, "ipv6_cidrs"), "ipv6_cidrs");
}

static void read_fastly(struct reading *reading, const json_t *root)
{
	take_texts(reading, json_object_get(root, "addresses"), "addresses");
	take_texts(reading, json_object_get(root, "ipv6_addresses"), "ipv6_addresses");
}

/* An element of a set: "192.0.2.7", {"prefix": {"addr", "len"}}, {"range": [FIRST, LAST]}, {"elem": {"val": ...}}. */
static void take_element(struct reading *reading, const json_t *element)
{
	const json_t *elem = json_object_get(element, "elem"), *value = elem ? json_object_get(elem, "val") : element;
	const json_t *prefix = json_object_get(value, "prefix"), *range = json_object_get(value, "range");
	const char *first = json_string_value(prefix ? json_object_get(prefix, "addr") : json_array_get(range, 0));
	const char *last = json_string_value(json_array_get(range, 1));
	char text[2 * SPW_PREFIX_TEXT];
	size_t at;

	if (!prefix && !range) {
		take(reading, value, "elem");
		return;
	}
	if (!first || (range && !last)) {
		spw_lines_error(reading->lines, 0, "an element is not an address, prefix or range");
		return;
	}
	if (prefix)
		snprintf(text, sizeof(text), "%.64s/%lld", first,
			 (long long)json_integer_value(json_object_get(prefix, "len")));
	else
		snprintf(text, sizeof(text), "%.60s-%.60s", first, last);
	at = find_place(reading, first);
	reading->err = spw_lines_take_text(reading->lines, text, strlen(text), at);
}

static void read_nft(struct reading *reading, const json_t *root)
{
	const json_t *item, *element;
	size_t i, j;

	json_array_foreach(json_object_get(root, "nftables"), i, item)
	{
		const json_t *set = json_object_get(item, "set");

		json_array_foreach(json_object_get(set, "elem"), j, element)
		{
			if (!reading->err)
				take_element(reading, element);
		}
	}
}

static void read_array(struct reading *reading, const json_t *root)
{
	static const char *const keys[] = {"cidr", "prefix", "ip_prefix", "network", "ip", NULL};

	if (json_is_object(json_array_get(root, 0)))
		take_members(reading, root, keys);
	else
		take_texts(reading, root, "in the array");
}

static bool has_array(const json_t *object, const char *key)
{
	return json_is_array(json_object_get(object, key));
}

static bool read_root(struct reading *reading, const json_t *root)
{
	enum spw_list_format *format = &reading->lines->list->format;

	if (json_is_array(root)) {
		*format = SPW_FORMAT_JSON_ARRAY;
		read_array(reading, root);
	} else if (has_array(root, "prefixes")) {
		*format = has_array(root, "ipv6_prefixes") ? SPW_FORMAT_AWS : SPW_FORMAT_GOOGLE;
		read_prefixes(reading, root);
	} else if (has_array(root, "values")) {
		*format = SPW_FORMAT_AZURE;
		read_azure(reading, root);
	} else if (has_array(json_object_get(root, "result"), "ipv4_cidrs")) {
		*format = SPW_FORMAT_CLOUDFLARE;
		read_cloudflare(reading, root);
	} else if (has_array(root, "addresses")) {
		*format = SPW_FORMAT_FASTLY;
		read_fastly(reading, root);
	} else if (has_array(root, "nftables")) {
		*format = SPW_FORMAT_NFT_JSON;
		read_nft(reading, root);
	} else {
		return false;
	}
	return true;
}

/* One object per line; the last one describes the whole. */
static int read_spamhaus(struct spw_lines *lines)
{
	int err = 0;

	lines->list->format = SPW_FORMAT_SPAMHAUS_JSON;
	while (!err && spw_lines_next(lines)) {
		size_t start = 0, end = lines->length;
		json_error_t error;
		json_t *object;
		const char *cidr, *found;

		if (!spw_lines_trim(lines, &start, &end))
			continue;
		object = json_loadb(lines->line + start, end - start, 0, &error);
		cidr = json_string_value(json_object_get(object, "cidr"));
		found = cidr ? memmem(lines->line, lines->length, cidr, strlen(cidr)) : NULL;
		if (!object)
			spw_lines_error(lines, start, "%s", error.text);
		else if (cidr)
			err = spw_lines_take_text(lines, cidr, strlen(cidr), found ? (size_t)(found - lines->line) : 0);
		else if (!json_object_get(object, "type"))
			spw_lines_error(lines, start, "the object has no 'cidr'");
		json_decref(object);
	}
	return err;
}

/* Whether the first line is an object with a prefix: then each line is one. */
static bool is_spamhaus(const char *text, const char *end)
{
	const char *newline = memchr(text, '\n', (size_t)(end - text));
	json_t *object = json_loadb(text, (size_t)((newline ? newline : end) - text), 0, NULL);
	bool has_cidr = json_is_string(json_object_get(object, "cidr"));

	json_decref(object);
	return has_cidr;
}

int spw_read_json(struct spw_lines *lines)
{
	struct reading reading = {lines, lines->at, lines->at, lines->at, 0};
	size_t length = (size_t)(lines->end - lines->at);
	json_error_t error;
	json_t *root;

	if (is_spamhaus(lines->at, lines->end))
		return read_spamhaus(lines);
	lines->options.skip = false; /* there are no lines to skip */
	lines->number = 1;
	if (length > SPW_LIST_JSON_BYTES_MAX) {
		spw_lines_error(lines, 0, "it has %zu bytes; JSON has at most %u", length, SPW_LIST_JSON_BYTES_MAX);
		return 0;
	}
	root = json_loadb(lines->at, length, 0, &error);
	if (!root) {
		lines->number = error.line > 0 ? (u32)error.line : 1;
		spw_lines_error(lines, error.column > 0 ? (size_t)error.column - 1 : 0, "this is not valid JSON: %s",
				error.text);
	} else if (!read_root(&reading, root)) {
		spw_lines_error(lines, 0,
				"JSON of an unknown kind; known are the ranges of AWS, Google, Azure, "
				"Cloudflare and Fastly, Spamhaus DROP, sets of nft, and an array of prefixes");
	}
	json_decref(root);
	lines->at = lines->end;
	return reading.err;
}
