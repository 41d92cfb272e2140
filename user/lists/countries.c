/* SPDX-License-Identifier: GPL-2.0-only */
/* Which lists take which country is settled before the tables are read, so that each range is read only once. */
#include "countries.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/file.h"
#include "mmdb.h"

/* Codes are two characters from '0' to 'Z', which includes '?'. */
#define CODE_FIRST	'0'
#define CODE_CHARACTERS ('Z' - CODE_FIRST + 1)
#define CODES		(CODE_CHARACTERS * CODE_CHARACTERS)

struct takers {
	struct spw_lists *lists;
	u16 *members;		     /* owned; indices of lists, by code */
	u32 start[CODES + 1];	     /* into members: those of code c are start[c] .. start[c + 1] - 1 */
	bool known[CODES];	     /* the code occurs in the tables */
	const struct spw_list *full; /* after an error of append: the list that was full */
};

static u32 code_index(const char *code)
{
	return (u32)(code[0] - CODE_FIRST) * CODE_CHARACTERS + (u32)(code[1] - CODE_FIRST);
}

static bool is_of_source(const struct spw_config_list *list, const struct spw_config_list *source)
{
	return list->kind == source->kind && list->countries_count && !strcmp(list->path, source->path);
}

/* Whether @list takes each code. With only negated countries, a list takes all others. */
static void select_codes(const struct spw_config_list *list, bool takes[CODES])
{
	bool negative = true;

	for (size_t i = 0; i < list->countries_count; i++)
		negative = negative && list->countries[i].negated;
	memset(takes, negative, CODES);
	for (size_t i = 0; i < list->countries_count; i++)
		takes[code_index(list->countries[i].code)] = !list->countries[i].negated;
}

/* Two passes over the lists: count the members of each code, then store them. */
static int find_takers(const struct spw_config *config, const struct spw_config_list *source, struct takers *takers)
{
	u32 filled[CODES] = {0};
	bool takes[CODES];

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < config->lists_count; i++) {
			if (!is_of_source(&config->lists[i], source))
				continue;
			select_codes(&config->lists[i], takes);
			for (u32 code = 0; code < CODES; code++) {
				if (takes[code] && round == 0)
					takers->start[code + 1]++;
				else if (takes[code])
					takers->members[takers->start[code] + filled[code]++] = (u16)i;
			}
		}
		if (round == 1)
			break;
		for (u32 code = 0; code < CODES; code++)
			takers->start[code + 1] += takers->start[code];
		takers->members = calloc(takers->start[CODES] + 1, sizeof(*takers->members));
		if (!takers->members)
			return -ENOMEM;
	}
	return 0;
}

static int take_range(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		      const char code[3], u32 line)
{
	struct takers *takers = context;
	u32 index = code_index(code);
	struct spw_addr from = *first;
	struct spw_prefix prefix;
	bool ended = false;

	(void)line; /* of a generated table, not worth reporting */
	takers->known[index] = true;
	if (takers->start[index] == takers->start[index + 1])
		return 0;
	while (spw_range_next(&from, last, family, &ended, &prefix)) {
		for (u32 i = takers->start[index]; i < takers->start[index + 1]; i++) {
			struct spw_list *list = &takers->lists->lists[takers->members[i]];
			int err = spw_list_append(list, &prefix, 0, 0);

			if (err) {
				takers->full = list;
				return err;
			}
		}
	}
	return 0;
}

static int read_table(const struct spw_config_list *list, u8 family, struct takers *takers,
		      struct spw_diagnostics *diagnostics)
{
	struct spw_file file;
	char path[PATH_MAX];
	int err;

	if (snprintf(path, sizeof(path), "%s/%s", list->path, family == 4 ? "geoip" : "geoip6") >= (int)sizeof(path)) {
		spw_error(diagnostics, list->path_place, "the path is too long");
		return -ENAMETOOLONG;
	}
	err = spw_file_read(path, SPW_LIST_FILE_BYTES_MAX, true, &file);
	if (err)
		spw_error(diagnostics, list->path_place, "cannot read '%s': %s", path, file.problem);
	else
		err = spw_list_parse_geo(file.text, file.length, family, path, take_range, takers, diagnostics);
	spw_file_free(&file);
	return err;
}

/* A database has a record per network, in no meaningful sequence. */
static int take_network(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
			const struct spw_mmdb_record *record)
{
	return take_range(context, family, first, last, record->country, 0);
}

static int read_database(const struct spw_config_list *list, struct takers *takers, struct spw_diagnostics *diagnostics)
{
	struct spw_mmdb mmdb;
	int err = spw_mmdb_read(list, take_network, takers, &mmdb, diagnostics);

	if (err || mmdb.countries)
		return err;
	spw_error(diagnostics, list->path_place, "there are no countries in '%s', a database of type '%s'", list->path,
		  mmdb.type);
	return -EINVAL;
}

static void report_unknown(const struct takers *takers, const char *path, const struct spw_config_country *country,
			   struct spw_diagnostics *diagnostics)
{
	char swapped[3] = {country->code[1], country->code[0], 0};
	u32 known = 0;

	if (takers->known[code_index(swapped)]) {
		spw_error(diagnostics, country->place, "country '%s' is not in '%s'; did you mean '%s%s'?",
			  country->code, path, country->negated ? "!" : "", swapped);
		return;
	}
	for (u32 i = 0; i < CODES; i++)
		known += takers->known[i];
	spw_error(diagnostics, country->place, "country '%s' is not in '%s', which knows %u codes", country->code, path,
		  known);
}

/* A code that occurs nowhere would be an empty list, or an exclusion without effect. */
static int check_codes(const struct spw_config *config, const struct spw_config_list *source,
		       const struct takers *takers, struct spw_diagnostics *diagnostics)
{
	int err = 0;

	for (size_t i = 0; i < config->lists_count; i++) {
		const struct spw_config_list *list = &config->lists[i];

		if (!is_of_source(list, source))
			continue;
		for (size_t j = 0; j < list->countries_count; j++) {
			if (takers->known[code_index(list->countries[j].code)])
				continue;
			report_unknown(takers, list->path, &list->countries[j], diagnostics);
			err = -EINVAL;
		}
	}
	return err;
}

static int read_source(const struct spw_config_list *source, struct takers *takers, struct spw_diagnostics *diagnostics)
{
	int err;

	if (source->kind == SPW_LIST_MMDB)
		return read_database(source, takers, diagnostics);
	err = read_table(source, 4, takers, diagnostics);
	return err ? err : read_table(source, 6, takers, diagnostics);
}

int spw_countries_load(const struct spw_config *config, const struct spw_config_list *source, struct spw_lists *lists,
		       struct spw_diagnostics *diagnostics)
{
	struct takers takers = {.lists = lists};
	const struct spw_config_list *named = source;
	int err = find_takers(config, source, &takers);

	if (!err)
		err = read_source(source, &takers, diagnostics);
	if (!err)
		err = check_codes(config, source, &takers, diagnostics);
	if (takers.full)
		named = &config->lists[takers.full - lists->lists];
	if (takers.full && err == -E2BIG)
		spw_error(diagnostics, named->place, "list '%s' has more than %u prefixes", named->name,
			  SPW_LIST_ENTRIES_MAX);
	else if (err == -ENOMEM && (takers.full || !takers.members))
		spw_error(diagnostics, named->place, "out of memory");
	free(takers.members);
	return err;
}
