/* SPDX-License-Identifier: GPL-2.0-only */
/* expect: [{ at: "2026-11-27T12:00", for: 30m, demand: 5x, level: yellow }]: announced steps of demand. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(SPW_EXPECTATIONS_MAX == 32, "as a message says");

/* Local time of this host, or UTC with a Z; seconds are optional. */
static void read_at(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "a time such as \"2026-11-27T12:00\""), *end;
	struct tm parts = {.tm_isdst = -1};
	time_t seconds = -1;

	if (!text)
		return;
	end = strptime(text, "%Y-%m-%dT%H:%M", &parts);
	if (end && *end == ':')
		end = strptime(end, ":%S", &parts);
	if (end && !*end)
		seconds = mktime(&parts);
	else if (end && !strcmp(end, "Z"))
		seconds = timegm(&parts);
	if (seconds <= 0) {
		spw_error(reader->diagnostics, value->place,
			  "'%.64s' is not a time; write \"2026-11-27T12:00\" (local) or \"2026-11-27T12:00Z\" (UTC)",
			  text);
		return;
	}
	((struct spw_expectation *)into)->at_ns = (u64)seconds * SPW_SECOND_NS;
}

static void read_for(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, SPW_SECOND_NS, 7 * 24 * 3600 * SPW_SECOND_NS, "1s to 168h",
			  &((struct spw_expectation *)into)->for_ns);
}

static void read_demand(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "a multiple such as 5x");
	char *end;
	double times;

	if (!text)
		return;
	times = strtod(text, &end);
	if (end == text || strcmp(end, "x") || !(times > 1 && times <= 1000)) {
		spw_error(reader->diagnostics, value->place,
			  "'%.64s' is not a multiple above 1x and up to 1000x, such as 5x", text);
		return;
	}
	((struct spw_expectation *)into)->demand = times;
}

static void read_level(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	u8 level = SPW_LEVEL_NEVER;

	spw_read_level(reader, value, &level);
	if (level < SPW_LEVELS)
		((struct spw_expectation *)into)->level = level;
}

static const struct spw_key keys[] = {
	{"at", read_at}, {"for", read_for}, {"demand", read_demand}, {"level", read_level}};

static void read_one(struct spw_reader *reader, const struct spw_node *item)
{
	struct spw_config *config = reader->config;
	const struct spw_node *found[COUNT_OF(keys)];
	struct spw_expectation *grown;

	if (!spw_find_keys(reader, item, "{ at: \"2026-11-27T12:00\", for: 30m, demand: 5x }", keys, COUNT_OF(keys),
			   found))
		return;
	if (!found[0] || !found[1]) {
		spw_error(reader->diagnostics, item->place, "an expectation needs 'at' and 'for'");
		return;
	}
	if (config->expectations_count == SPW_EXPECTATIONS_MAX) {
		spw_error(reader->diagnostics, item->place, "more than 32 expectations");
		return;
	}
	grown = spw_grow(reader, config->expectations, config->expectations_count, sizeof(*config->expectations));
	if (!grown)
		return;
	config->expectations = grown;
	grown[config->expectations_count] = (struct spw_expectation){.demand = 1, .level = SPW_GREEN};
	spw_read_found(reader, keys, COUNT_OF(keys), found, &grown[config->expectations_count++]);
}

void spw_read_expect(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	(void)config;
	if (!spw_read_sequence(reader, value, "a list such as [{ at: \"2026-11-27T12:00\", for: 30m, demand: 5x }]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next)
		read_one(reader, item);
}
