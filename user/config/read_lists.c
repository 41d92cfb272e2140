/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lists: { NAME: { file: PATH, strict: true, on_error: skip, on_shrink: take } | { files: [PATTERN] } | { geo: FOLDER, countries: [US, "!DE"] } | { mmdb: PATH, countries: [US] } |
 *                { mmdb: PATH, asns: [64500] } | { url: "https://...", every: 1h } (read_url.c) | { inline: [192.0.2.0/24] } | {} }
 */
#include "reader.h"

#include <limits.h>
#include <string.h>

#include "base/units.h"

enum {
	KEY_STRICT, /* before the sources it applies to */
	KEY_ON_ERROR,
	KEY_ON_SHRINK,
	KEY_FILE, /* the first source */
	KEY_FILES,
	KEY_GEO,
	KEY_MMDB,
	KEY_URL,
	KEY_INLINE,
	KEY_PREFIXES, /* another source, the last one */
	KEY_COUNTRIES,
	KEY_ASNS,
	KEY_EVERY, /* the first that goes with a URL */
	KEY_MIN,
	KEY_MAX_AGE,
	KEY_TIMEOUT,
	KEY_SHA256_URL,
	KEY_CA, /* the last one */
	KEYS,
};

/* Relative paths begin at the folder of the configuration. */
static bool read_path(struct spw_reader *reader, const struct spw_node *value, char **path)
{
	const char *text = spw_read_text(reader, value, "a path"), *slash = strrchr(reader->config->path, '/');
	char folder[PATH_MAX] = "";

	if (!text)
		return false;
	if (*text != '/' && slash && (size_t)(slash - reader->config->path) < sizeof(folder) - 1)
		memcpy(folder, reader->config->path, (size_t)(slash - reader->config->path) + 1);
	if (strlen(folder) + strlen(text) < PATH_MAX)
		return spw_replace_text(reader, path, folder, text);
	spw_error(reader->diagnostics, value->place, "the path is longer than %d bytes", PATH_MAX - 1);
	return false;
}

static void append_path(struct spw_reader *reader, const struct spw_node *value, struct spw_config_list *list)
{
	struct spw_config_path *grown = spw_grow(reader, list->paths, list->paths_count, sizeof(*grown));

	if (!grown)
		return;
	list->paths = grown;
	grown += list->paths_count;
	*grown = (struct spw_config_path){.place = value->place};
	if (read_path(reader, value, &grown->text))
		list->paths_count++;
}

static void read_file(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	((struct spw_config_list *)into)->kind = SPW_LIST_FILE;
	append_path(reader, value, into);
}

static void read_files(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	((struct spw_config_list *)into)->kind = SPW_LIST_FILE;
	if (!spw_read_sequence(reader, value, "a list of files such as [a.txt, lists/*.netset]"))
		return;
	if (!value->child)
		spw_error(reader->diagnostics, value->place, "no file; write at least one, such as [partners.txt]");
	for (const struct spw_node *item = value->child; item; item = item->next)
		append_path(reader, item, into);
}

static void read_table(struct spw_reader *reader, const struct spw_node *value, struct spw_config_list *list)
{
	list->path_place = value->place;
	read_path(reader, value, &list->path);
}

static void read_strict(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"false", "true"};
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "true or false", &index))
		((struct spw_config_list *)into)->strict = index;
}

static void read_on_error(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"keep", "skip"};
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "keep or skip", &index))
		((struct spw_config_list *)into)->skip = index;
}

static void read_on_shrink(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"keep", "take"};
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "keep or take", &index))
		((struct spw_config_list *)into)->may_shrink = index;
}

static void read_geo(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	((struct spw_config_list *)into)->kind = SPW_LIST_GEO;
	read_table(reader, value, into);
}

static void read_mmdb(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	((struct spw_config_list *)into)->kind = SPW_LIST_MMDB;
	read_table(reader, value, into);
}

_Static_assert(SPW_INLINE_PREFIXES_MAX == 262144, "as the message below says");

static void read_inline(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_list *list = into;
	struct spw_prefixes_bound bound = {
		SPW_INLINE_PREFIXES_MAX - reader->inline_prefixes,
		"more than 262144 inline prefixes in the configuration; put long lists into files",
		list->strict,
	};

	list->kind = SPW_LIST_INLINE;
	spw_read_prefixes(reader, value, &bound, &list->prefixes, &list->prefixes_count);
	reader->inline_prefixes += list->prefixes_count;
}

/*
 * The code probably meant by one that ISO 3166 has not assigned; NULL: unknown. Real tables have ranges under some of
 * them (UK, SU), so they are accepted with a warning; a code missing from a table is refused when that is read.
 */
static const char *country_meant(const char *code)
{
	static const char mistakes[][2][3] = {
		/* ISO 3166-1: reserved for the United Kingdom; the European Union's code of Greece. */
		{"UK", "GB"},
		{"EL", "GR"},
		/* ISO 3166-3: withdrawn, with one country to follow. */
		{"BU", "MM"},
		{"DD", "DE"},
		{"FX", "FR"},
		{"SU", "RU"},
		{"TP", "TL"},
		{"ZR", "CD"},
		/* ISO 639-1: languages. */
		{"CS", "CZ"},
		{"DA", "DK"},
		{"EN", "GB"},
		{"JA", "JP"},
		{"KO", "KR"},
		{"UR", "PK"},
		/* The first letters of a name. */
		{"PO", "PL"},
		{"SP", "ES"},
		{"SW", "SE"},
		{"TU", "TR"},
	};

	for (size_t i = 0; i < COUNT_OF(mistakes); i++)
		if (!memcmp(mistakes[i][0], code, 2))
			return mistakes[i][1];
	return NULL;
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool parse_country(struct spw_reader *reader, const struct spw_node *node, struct spw_config_country *country)
{
	const char *text = spw_read_text(reader, node, "a country such as US"), *code = text, *meant;
	char upper[3] = "";

	if (!text)
		return false;
	*country = (struct spw_config_country){.negated = *text == '!', .place = node->place};
	code += country->negated;
	if (strcmp(code, "??") && !(is_letter(code[0]) && is_letter(code[1]) && !code[2])) {
		spw_error(
			reader->diagnostics, node->place,
			"'%.64s' is not a country; write two letters such as US, or ?? for addresses without a country",
			text);
		return false;
	}
	memcpy(country->code, code, 2);
	for (int i = 0; i < 2 && is_letter(code[i]); i++)
		upper[i] = (char)(code[i] & ~0x20);
	meant = country_meant(upper);
	if (*upper && memcmp(upper, code, 2)) {
		spw_error(reader->diagnostics, node->place, "'%s' is not a country; did you mean '%s%s'?", text,
			  country->negated ? "!" : "", meant ? meant : upper);
		return false;
	}
	if (meant)
		spw_warning(reader->diagnostics, node->place,
			    "'%s' is not an assigned country code, so few addresses are listed under it; did you mean "
			    "'%s%s'?",
			    text, country->negated ? "!" : "", meant);
	return true;
}

static bool is_new_country(struct spw_reader *reader, const struct spw_config_list *list,
			   const struct spw_config_country *country)
{
	for (size_t i = 0; i < list->countries_count; i++) {
		const struct spw_config_country *other = &list->countries[i];

		if (memcmp(other->code, country->code, 2))
			continue;
		spw_error(reader->diagnostics, country->place, "country %s is given twice, first at line %u",
			  country->code, other->place.line);
		return false;
	}
	return true;
}

static void read_countries(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_list *list = into;

	if (!spw_read_sequence(reader, value, "a list of countries such as [US, CA] or [\"!US\"]"))
		return;
	if (!value->child)
		spw_error(reader->diagnostics, value->place, "no country; write at least one, such as [US]");
	for (const struct spw_node *item = value->child; item; item = item->next) {
		struct spw_config_country country, *grown;

		if (!parse_country(reader, item, &country) || !is_new_country(reader, list, &country))
			continue;
		grown = spw_grow(reader, list->countries, list->countries_count, sizeof(*grown));
		if (!grown)
			return;
		list->countries = grown;
		grown[list->countries_count++] = country;
	}
}

static bool parse_asn(struct spw_reader *reader, const struct spw_node *node, u32 *number)
{
	const char *text = spw_read_text(reader, node, "an AS number such as 64500"), *problem;
	u64 count = 0;

	if (!text)
		return false;
	problem = spw_units_count(!strncmp(text, "AS", 2) ? text + 2 : text, &count);
	if (problem || count > UINT32_MAX) {
		spw_error(reader->diagnostics, node->place, "'%.64s' is not an AS number; write 64500 or AS64500",
			  text);
		return false;
	}
	*number = (u32)count;
	return true;
}

static bool is_new_asn(struct spw_reader *reader, const struct spw_config_list *list, const struct spw_node *node,
		       u32 number)
{
	for (size_t i = 0; i < list->asns_count; i++) {
		if (list->asns[i].number != number)
			continue;
		spw_error(reader->diagnostics, node->place, "AS%u is given twice, first at line %u", number,
			  list->asns[i].place.line);
		return false;
	}
	return true;
}

static void read_asns(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_list *list = into;

	if (!spw_read_sequence(reader, value, "a list of AS numbers such as [64500, 64501]"))
		return;
	if (!value->child)
		spw_error(reader->diagnostics, value->place, "no AS number; write at least one, such as [64500]");
	for (const struct spw_node *item = value->child; item; item = item->next) {
		struct spw_config_asn *grown;
		u32 number;

		if (!parse_asn(reader, item, &number) || !is_new_asn(reader, list, item, number))
			continue;
		if (list->asns_count == SPW_LIST_ASNS_MAX) {
			spw_error(reader->diagnostics, item->place, "more than %u AS numbers", SPW_LIST_ASNS_MAX);
			return;
		}
		grown = spw_grow(reader, list->asns, list->asns_count, sizeof(*grown));
		if (!grown)
			return;
		list->asns = grown;
		grown[list->asns_count++] = (struct spw_config_asn){number, item->place};
	}
}

/* Excluding countries has no effect if others are named: only those are taken. */
static void warn_idle_exclusions(struct spw_reader *reader, const struct spw_config_list *list)
{
	bool named = false;

	for (size_t i = 0; i < list->countries_count; i++)
		named = named || !list->countries[i].negated;
	for (size_t i = 0; named && i < list->countries_count; i++)
		if (list->countries[i].negated)
			spw_warning(reader->diagnostics, list->countries[i].place,
				    "'!%s' has no effect, as other countries are named", list->countries[i].code);
}

/* Keys that need another one beside them. */
static void check_company(struct spw_reader *reader, const struct spw_key *keys, const struct spw_node *const *found)
{
	bool files = found[KEY_FILE] || found[KEY_FILES] || found[KEY_URL];

	if (found[KEY_ON_ERROR] && !files)
		spw_error(reader->diagnostics, found[KEY_ON_ERROR]->place,
			  "'on_error' needs 'file', 'files' or 'url' beside it");
	if (found[KEY_ON_SHRINK] && !files && !found[KEY_GEO] && !found[KEY_MMDB])
		spw_error(reader->diagnostics, found[KEY_ON_SHRINK]->place,
			  "'on_shrink' needs 'file', 'files', 'url', 'geo' or 'mmdb' beside it");
	for (int i = KEY_EVERY; i <= KEY_CA; i++)
		if (found[i] && !found[KEY_URL])
			spw_error(reader->diagnostics, found[i]->place, "'%s' needs '%s' beside it", keys[i].name,
				  keys[KEY_URL].name);
}

/* A list has one source. */
static void check_source(struct spw_reader *reader, const struct spw_node *name, const struct spw_key *keys,
			 const struct spw_node *const *found)
{
	const struct spw_node *source = NULL;

	for (int i = KEY_FILE; i <= KEY_PREFIXES; i++) {
		if (source && found[i])
			spw_error(reader->diagnostics, found[i]->place,
				  "list '%s' already has '%s'; a list has one source", name->text, source->text);
		else if (found[i])
			source = found[i];
	}
	if (!source && name->next->child)
		spw_error(reader->diagnostics, name->place,
			  "list '%s' has no source; write file, url, geo, mmdb or inline", name->text);
	check_company(reader, keys, found);
	if (found[KEY_STRICT] && (found[KEY_GEO] || found[KEY_MMDB]))
		spw_warning(reader->diagnostics, found[KEY_STRICT]->place, "'strict' has no effect on tables");
	if (found[KEY_GEO] && !found[KEY_COUNTRIES])
		spw_error(reader->diagnostics, found[KEY_GEO]->place,
			  "list '%s' has no countries; write countries: [US] beside geo", name->text);
	if (found[KEY_MMDB] && !found[KEY_COUNTRIES] == !found[KEY_ASNS])
		spw_error(reader->diagnostics, found[KEY_MMDB]->place,
			  "list '%s' takes countries or AS numbers of the database; write one of countries: [US] and "
			  "asns: [64500] beside mmdb",
			  name->text);
	if (!found[KEY_GEO] && !found[KEY_MMDB] && found[KEY_COUNTRIES])
		spw_error(reader->diagnostics, found[KEY_COUNTRIES]->place, "'%s' needs '%s' or '%s' beside it",
			  keys[KEY_COUNTRIES].name, keys[KEY_GEO].name, keys[KEY_MMDB].name);
	if (!found[KEY_MMDB] && found[KEY_ASNS])
		spw_error(reader->diagnostics, found[KEY_ASNS]->place, "'%s' needs '%s' beside it", keys[KEY_ASNS].name,
			  keys[KEY_MMDB].name);
}

static void read_list(struct spw_reader *reader, const struct spw_node *name)
{
	static const struct spw_key keys[KEYS] = {
		[KEY_STRICT] = {"strict", read_strict},
		[KEY_ON_ERROR] = {"on_error", read_on_error},
		[KEY_ON_SHRINK] = {"on_shrink", read_on_shrink},
		[KEY_FILE] = {"file", read_file},
		[KEY_FILES] = {"files", read_files},
		[KEY_GEO] = {"geo", read_geo},
		[KEY_MMDB] = {"mmdb", read_mmdb},
		[KEY_URL] = {"url", spw_read_list_url},
		[KEY_INLINE] = {"inline", read_inline},
		[KEY_PREFIXES] = {"prefixes", read_inline},
		[KEY_COUNTRIES] = {"countries", read_countries},
		[KEY_ASNS] = {"asns", read_asns},
		[KEY_EVERY] = {"every", spw_read_every},
		[KEY_MIN] = {"min", spw_read_min},
		[KEY_MAX_AGE] = {"max_age", spw_read_max_age},
		[KEY_TIMEOUT] = {"timeout", spw_read_url_timeout},
		[KEY_SHA256_URL] = {"sha256_url", spw_read_sha256_url},
		[KEY_CA] = {"ca", spw_read_ca},
	};
	const struct spw_node *found[KEYS];
	struct spw_config *config = reader->config;
	struct spw_config_list *list;

	if (!spw_check_reserved(reader, name, "list")) {
		reader->lists_incomplete = true;
		return;
	}
	list = spw_grow(reader, config->lists, config->lists_count, sizeof(*list));
	if (!list)
		return;
	config->lists = list;
	list += config->lists_count++;
	*list = (struct spw_config_list){.place = name->place, .kind = SPW_LIST_ENTRIES};
	if (!spw_replace_text(reader, &list->name, NULL, name->text) ||
	    !spw_find_keys(reader, name->next, "a list such as { file: partners.txt }", keys, KEYS, found))
		return;
	check_source(reader, name, keys, found);
	spw_read_found(reader, keys, KEYS, found, list);
	warn_idle_exclusions(reader, list);
}

void spw_read_lists(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	(void)config;
	if (!spw_read_names(reader, value, "list", SPW_LISTS_MAX - 1, read_list))
		reader->lists_incomplete = true;
}
