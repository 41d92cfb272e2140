/* SPDX-License-Identifier: GPL-2.0-only */
/* Nodes -> checked values. */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/units.h"
#include "core/words.h"

static bool is_empty(const struct spw_node *node)
{
	return node->kind == SPW_NODE_SCALAR && !*node->text;
}

static bool expected(struct spw_reader *reader, const struct spw_node *node, const char *what)
{
	static const char *const kinds[] = {
		[SPW_NODE_SCALAR] = "text",
		[SPW_NODE_SEQUENCE] = "a list",
		[SPW_NODE_MAPPING] = "a mapping",
	};

	spw_error(reader->diagnostics, node->place, "expected %s, found %s", what,
		  is_empty(node) ? "nothing" : kinds[node->kind]);
	return false;
}

void *spw_grow(struct spw_reader *reader, void *items, size_t count, size_t size)
{
	void *grown = items;

	/* The capacity is always a power of two, so the count tells when it is exhausted. */
	if ((count & (count - 1)) == 0)
		grown = reallocarray(items, count ? 2 * count : 1, size);
	if (!grown)
		reader->no_memory = true;
	return grown;
}

bool spw_replace_text(struct spw_reader *reader, char **into, const char *folder, const char *text)
{
	char *copy;

	if (asprintf(&copy, "%s%s", folder ? folder : "", text) < 0) {
		reader->no_memory = true;
		return false;
	}
	free(*into);
	*into = copy;
	return true;
}

/* An unknown key: suggest the nearest, or list all. */
static void report_unknown_key(struct spw_reader *reader, const struct spw_node *key, const struct spw_key *keys,
			       size_t count)
{
	struct spw_nearest nearest = {.word = key->text};
	char known[256];
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		spw_nearest_offer(&nearest, keys[i].name);
	if (spw_nearest_take(&nearest)) {
		spw_error(reader->diagnostics, key->place, "unknown key '%.64s'; did you mean '%s'?", key->text,
			  spw_nearest_take(&nearest));
		return;
	}
	known[0] = 0;
	for (size_t i = 0; i < count && length < sizeof(known); i++)
		length += (size_t)snprintf(known + length, sizeof(known) - length, "%s%s", i ? ", " : "", keys[i].name);
	spw_error(reader->diagnostics, key->place, "unknown key '%.64s'; keys here are: %s", key->text, known);
}

bool spw_find_keys(struct spw_reader *reader, const struct spw_node *node, const char *what, const struct spw_key *keys,
		   size_t count, const struct spw_node **found)
{
	memset(found, 0, count * sizeof(*found));
	if (node->kind != SPW_NODE_MAPPING)
		return expected(reader, node, what);
	for (const struct spw_node *key = node->child; key; key = key->next->next) {
		size_t i = 0;

		while (i < count && strcmp(keys[i].name, key->text))
			i++;
		if (i == count)
			report_unknown_key(reader, key, keys, count);
		else if (found[i])
			spw_error(reader->diagnostics, key->place, "duplicate key '%s', first given at line %u",
				  key->text, found[i]->place.line);
		else
			found[i] = key;
	}
	return true;
}

void spw_read_found(struct spw_reader *reader, const struct spw_key *keys, size_t count,
		    const struct spw_node *const *found, void *into)
{
	for (size_t i = 0; i < count; i++)
		if (found[i])
			keys[i].read(reader, found[i]->next, into);
}

_Static_assert(SPW_NAME_MAX == 64, "as the message below says");

bool spw_check_name(struct spw_reader *reader, const struct spw_node *node, const char *what)
{
	const char *text = node->text;
	size_t length = strlen(text);
	const char *problem = NULL;

	if (!length)
		problem = "it is empty";
	else if (length >= SPW_NAME_MAX)
		problem = "it is longer than 63 bytes";
	else if (strpbrk(text, "\t\n"))
		problem = "it contains a tab or a line break";
	else if (text[0] == ' ' || text[length - 1] == ' ')
		problem = "it begins or ends with a space";
	if (problem)
		spw_error(reader->diagnostics, node->place, "'%.64s' cannot be the name of a %s: %s", text, what,
			  problem);
	return !problem;
}

bool spw_check_reserved(struct spw_reader *reader, const struct spw_node *node, const char *what)
{
	if (strcmp(node->text, "none"))
		return true;
	spw_error(reader->diagnostics, node->place,
		  "'none' cannot be the name of a %s: it stands for what no list names", what);
	return false;
}

/* Whether an earlier key of the mapping has this name. */
static bool is_repeated(struct spw_reader *reader, const struct spw_node *mapping, const struct spw_node *name,
			const char *what)
{
	const struct spw_node *earlier = mapping->child;

	while (earlier != name && strcmp(earlier->text, name->text))
		earlier = earlier->next->next;
	if (earlier == name)
		return false;
	spw_error(reader->diagnostics, name->place, "duplicate %s '%.64s', first given at line %u", what, name->text,
		  earlier->place.line);
	return true;
}

bool spw_read_names(struct spw_reader *reader, const struct spw_node *node, const char *what, size_t max,
		    void (*read)(struct spw_reader *reader, const struct spw_node *name))
{
	char expectation[64];
	bool complete = true;
	size_t count = 0;

	snprintf(expectation, sizeof(expectation), "a mapping of %s names", what);
	if (node->kind != SPW_NODE_MAPPING)
		return expected(reader, node, expectation);
	for (const struct spw_node *name = node->child; name; name = name->next->next) {
		if (++count > max) {
			spw_error(reader->diagnostics, name->place, "more than %zu %ss", max, what);
			return false;
		}
		if (!spw_check_name(reader, name, what))
			complete = false;
		else if (!is_repeated(reader, node, name, what))
			read(reader, name);
		if (reader->no_memory)
			return false;
	}
	return complete;
}

const char *spw_read_text(struct spw_reader *reader, const struct spw_node *node, const char *what)
{
	if (node->kind == SPW_NODE_SCALAR && !is_empty(node))
		return node->text;
	expected(reader, node, what);
	return NULL;
}

bool spw_read_sequence(struct spw_reader *reader, const struct spw_node *node, const char *what)
{
	return node->kind == SPW_NODE_SEQUENCE || expected(reader, node, what);
}

bool spw_read_word(struct spw_reader *reader, const struct spw_node *node, const char *const *words, size_t count,
		   const char *words_text, u32 *index)
{
	const char *text = spw_read_text(reader, node, words_text);

	if (!text)
		return false;
	for (u32 i = 0; i < count; i++) {
		if (strcmp(words[i], text))
			continue;
		*index = i;
		return true;
	}
	spw_error(reader->diagnostics, node->place, "'%.64s' is not allowed here; write %s", text, words_text);
	return false;
}

bool spw_read_duration(struct spw_reader *reader, const struct spw_node *node, u64 min_ns, u64 max_ns,
		       const char *bounds, u64 *ns)
{
	const char *text = spw_read_text(reader, node, "a duration such as 20ms or 3s"), *problem;
	u64 read;

	if (!text)
		return false;
	problem = spw_units_duration(text, &read);
	if (problem) {
		spw_error(reader->diagnostics, node->place, "'%.64s' is not a duration: %s", text, problem);
		return false;
	}
	if (read < min_ns || read > max_ns) {
		spw_error(reader->diagnostics, node->place, "'%.64s' is out of bounds, which are %s", text, bounds);
		return false;
	}
	*ns = read;
	return true;
}

bool spw_read_percent(struct spw_reader *reader, const struct spw_node *node, double min, double max,
		      const char *bounds, double *share)
{
	const char *text = spw_read_text(reader, node, "a share such as 95%"), *problem;
	double read;

	if (!text)
		return false;
	problem = spw_units_percent(text, &read);
	if (problem) {
		spw_error(reader->diagnostics, node->place, "'%.64s' is not a share: %s", text, problem);
		return false;
	}
	if (read < min || read > max) {
		spw_error(reader->diagnostics, node->place, "'%.64s' is out of bounds, which are %s", text, bounds);
		return false;
	}
	*share = read;
	return true;
}

bool spw_read_path(struct spw_reader *reader, const struct spw_node *node, char **into)
{
	const char *text = spw_read_text(reader, node, "an absolute path");

	if (!text)
		return false;
	if (*text != '/' || strlen(text) >= PATH_MAX) {
		spw_error(reader->diagnostics, node->place, "'%.64s' is not an absolute path; it begins with /", text);
		return false;
	}
	return spw_replace_text(reader, into, NULL, text);
}

bool spw_read_ports(struct spw_reader *reader, const struct spw_node *node, u16 *first, u16 *last)
{
	const char *text = spw_read_text(reader, node, "a port"), *problem;

	if (!text)
		return false;
	problem = spw_units_ports(text, first, last);
	if (problem)
		spw_error(reader->diagnostics, node->place, "'%.64s' is not a port: %s", text, problem);
	return !problem;
}

void spw_read_level(struct spw_reader *reader, const struct spw_node *value, u8 *level)
{
	const char *text = spw_read_text(reader, value, "a level such as red");
	int number;

	if (!text)
		return;
	number = spw_level_parse(text);
	if (number < 0 && strcmp(text, "never"))
		spw_error(reader->diagnostics, value->place,
			  "'%.64s' is not a level: it is green, yellow, orange, red or never", text);
	else
		*level = number < 0 ? SPW_LEVEL_NEVER : (u8)number;
}

/* Append the prefixes of one item; false: stop reading. */
static bool append_item(struct spw_reader *reader, const struct spw_node *node, struct spw_item *item,
			const struct spw_prefixes_bound *bound, struct spw_config_prefix **prefixes, size_t *count)
{
	struct spw_prefix prefix;
	bool ended = false;

	while (spw_range_next(&item->first, &item->last, item->family, &ended, &prefix)) {
		struct spw_config_prefix *grown;

		if (*count >= bound->max) {
			spw_error(reader->diagnostics, node->place, "%s", bound->beyond);
			return false;
		}
		grown = spw_grow(reader, *prefixes, *count, sizeof(*grown));
		if (!grown)
			return false;
		*prefixes = grown;
		grown[(*count)++] = (struct spw_config_prefix){prefix, node->place};
	}
	return true;
}

/* False: do not take the item. */
static bool check_masked(struct spw_reader *reader, const struct spw_node *node, const struct spw_item *item,
			 const struct spw_prefixes_bound *bound)
{
	struct spw_item_error error;

	if (!item->masked)
		return true;
	spw_item_masked_text(node->text, strlen(node->text), item, &error);
	if (bound->strict)
		spw_error(reader->diagnostics, node->place, "%s", error.text);
	else
		spw_warning(reader->diagnostics, node->place, "%s; they were cleared", error.text);
	return !bound->strict;
}

void spw_read_prefixes(struct spw_reader *reader, const struct spw_node *node, const struct spw_prefixes_bound *bound,
		       struct spw_config_prefix **prefixes, size_t *count)
{
	if (!spw_read_sequence(reader, node, "a list of prefixes such as [192.0.2.0/24, \"2001:db8::/32\"]"))
		return;
	for (const struct spw_node *item = node->child; item; item = item->next) {
		const char *text = spw_read_text(reader, item, "a prefix, address or range");
		struct spw_item_error error;
		struct spw_item read;

		if (!text)
			continue;
		if (!spw_item_parse(text, strlen(text), &read, &error))
			spw_error(reader->diagnostics, item->place, "%s", error.text);
		else if (check_masked(reader, item, &read, bound) &&
			 !append_item(reader, item, &read, bound, prefixes, count))
			return;
	}
}
