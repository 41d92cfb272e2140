/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks across keys: lists in two classes, countries in two classes, lists without a class. Checks that need the
 * lists' contents are in spw_lists_check().
 */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/words.h"
#include "maps/light.h"

/* Use of a list: the class, and where in it. */
struct use {
	const struct spw_config_class *class;
	struct spw_place place;
};

static const char *name_of(const struct spw_config_class *class)
{
	return class->name ? class->name : "?";
}

/* Every list belongs to one class; @uses is indexed by list. */
static void check_uses(const struct spw_config *config, struct use *uses, struct spw_diagnostics *diagnostics)
{
	for (size_t i = 0; i < config->classes_count; i++) {
		const struct spw_config_class *class = &config->classes[i];

		for (size_t j = 0; j < class->lists_count; j++) {
			struct use *use = &uses[class->lists[j]];
			const char *name = config->lists[class->lists[j]].name;

			if (!use->class)
				*use = (struct use){class, class->list_places[j]};
			else if (use->class == class)
				spw_error(diagnostics, class->list_places[j],
					  "list '%s' is named twice, first at line %u", name, use->place.line);
			else
				spw_error(diagnostics, class->list_places[j],
					  "list '%s' is in class '%s' already (%s:%u:%u); a list can be in one class "
					  "only",
					  name, name_of(use->class), use->place.file, use->place.line,
					  use->place.column);
		}
	}
	for (size_t i = 0; i < config->lists_count; i++)
		if (!uses[i].class)
			spw_warning(
				diagnostics, config->lists[i].place,
				"list '%s' is in no class, so it has no effect; name it in the lists of a class, or "
				"remove it",
				config->lists[i].name);
}

/* Countries of a list: a bit per pair of letters, and one for "??". */
#define COUNTRY_BITS  (26 * 26 + 1)
#define COUNTRY_WORDS ((COUNTRY_BITS + 63) / 64)

struct countries {
	u64 words[COUNTRY_WORDS];
	bool negative; /* all except these */
};

static u32 country_bit(const char *code)
{
	return code[0] == '?' ? COUNTRY_BITS - 1 : (u32)(code[0] - 'A') * 26 + (u32)(code[1] - 'A');
}

static bool has_country(const struct countries *set, const char *code)
{
	u32 bit = country_bit(code);

	return set->words[bit / 64] >> (bit % 64) & 1;
}

static void fill_countries(const struct spw_config_list *list, struct countries *set)
{
	set->negative = true;
	for (size_t i = 0; i < list->countries_count; i++)
		set->negative = set->negative && list->countries[i].negated;
	if (set->negative)
		memset(set->words, 0xff, sizeof(set->words));
	for (size_t i = 0; i < list->countries_count; i++) {
		u32 bit = country_bit(list->countries[i].code);

		if (list->countries[i].negated)
			set->words[bit / 64] &= ~(1ULL << bit % 64);
		else
			set->words[bit / 64] |= 1ULL << bit % 64;
	}
}

static bool overlap(const struct countries *left, const struct countries *right)
{
	u64 common = 0;

	for (u32 i = 0; i < COUNTRY_WORDS; i++)
		common |= left->words[i] & right->words[i];
	return common;
}

/* @second comes later in the file; at least one of them names the country, as not both are negative. */
static void report_country(const struct spw_config_list *first, const struct spw_config_list *second,
			   const struct countries *first_set, const struct countries *second_set,
			   struct spw_diagnostics *diagnostics)
{
	const struct spw_config_list *named = second_set->negative ? first : second;
	const struct countries *other_set = second_set->negative ? second_set : first_set;

	for (size_t i = 0; i < named->countries_count; i++) {
		const struct spw_config_country *country = &named->countries[i];

		if (country->negated || !has_country(other_set, country->code))
			continue;
		spw_error(diagnostics, country->place,
			  "country %s is in list '%s' (line %u) and in list '%s' (line %u), "
			  "which are in different classes",
			  country->code, first->name, first->place.line, second->name, second->place.line);
		return;
	}
}

/* Do two lists take countries from the same source, in different classes? */
static bool may_collide(const struct spw_config_list *first, const struct use *first_use,
			const struct spw_config_list *second, const struct use *second_use)
{
	return first->countries_count && second->countries_count && first->path && second->path && first_use->class &&
	       second_use->class && first_use->class != second_use->class && !strcmp(first->path, second->path);
}

static void check_countries(const struct spw_config *config, const struct use *uses, const struct countries *sets,
			    struct spw_diagnostics *diagnostics)
{
	const struct spw_config_list *lists = config->lists;

	for (size_t i = 0; i < config->lists_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!may_collide(&lists[j], &uses[j], &lists[i], &uses[i]) || !overlap(&sets[j], &sets[i]))
				continue;
			if (sets[i].negative && sets[j].negative)
				spw_error(diagnostics, lists[i].place,
					  "lists '%s' (line %u) and '%s' are in different "
					  "classes and both take all countries that they do not exclude",
					  lists[j].name, lists[j].place.line, lists[i].name);
			else
				report_country(&lists[j], &lists[i], &sets[j], &sets[i], diagnostics);
		}
	}
}

/*
 * Priority holds by construction only if no class sheds later than one above it: then at every level the classes under
 * the budget are the lowest ones. A class that is cut by then has nothing left to shed.
 */
static void check_shedding(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	const struct spw_config_class *above = NULL;

	for (size_t i = 0; i < config->classes_count; i++) {
		const struct spw_config_class *class = &config->classes[i];

		if (above && class->shed_from > above->shed_from && class->cut_from > above->shed_from)
			spw_error(
				diagnostics, class->shed_place,
				"class '%s' stands below '%s', which sheds from %s on, and would shed %s%s; write shed_from: %s, "
				"or an earlier level",
				name_of(class), name_of(above), spw_level_name(above->shed_from),
				class->shed_from == SPW_LEVEL_NEVER ? "never" : "only from ",
				class->shed_from == SPW_LEVEL_NEVER ? "" : spw_level_name(class->shed_from),
				spw_level_name(above->shed_from));
		if (class->shed_from != SPW_LEVEL_NEVER)
			above = class;
	}
}

bool spw_config_may_lock_out(const struct spw_config *config)
{
	bool cuts = false;

	for (size_t i = 0; i < config->classes_count; i++)
		cuts |= config->classes[i].cut_from != SPW_LEVEL_NEVER;
	return cuts && !config->management_prefixes_count && !config->management_ports_count;
}

/* Warn if the administrator can be cut off. */
static void check_management(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	if (config->management_prefixes_count || config->management_ports_count)
		return;
	for (size_t i = 0; i < config->classes_count; i++) {
		if (config->classes[i].cut_from == SPW_LEVEL_NEVER || !config->classes[i].place.line)
			continue;
		spw_warning_standing(
			diagnostics, config->classes[i].place,
			"class '%s' can be cut and there is no management prefix or port: you may cut yourself off; write "
			"management: { prefixes: [...], ports: [22] }",
			name_of(&config->classes[i]));
		return;
	}
}

static void check_forwarded(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	if (config->forwarded == SPW_FORWARDED_HOST && config->also_mine_count)
		spw_warning(
			diagnostics, config->also_mine[0].place,
			"also_mine has no effect with forwarded: host, which counts every address as this host's own; "
			"remove one of them");
}

/* The service that has a TCP port, whatever its address; NULL: none. */
static const struct spw_config_service *tcp_service(const struct spw_config *config, u16 port)
{
	for (size_t i = 0; i < config->services_count; i++)
		for (size_t j = 0; j < config->services[i].tcp_count; j++)
			if (config->services[i].tcp[j].port == port)
				return &config->services[i];
	return NULL;
}

static void check_light_service(const struct spw_config *config, const struct spw_config_service *service,
				struct spw_diagnostics *diagnostics)
{
	const struct spw_config_service *other;

	if (service->light_ports_count != service->tcp_count)
		spw_error(diagnostics, service->light_place,
			  "service '%s' has %zu TCP ports and %zu of light listeners; write one for each, in the same "
			  "sequence",
			  service->name, service->tcp_count, service->light_ports_count);
	for (size_t i = 0; i < service->light_ports_count; i++) {
		other = tcp_service(config, service->light_ports[i]);
		if (other)
			spw_error(diagnostics, service->light_place,
				  "port %u of a light listener belongs to service '%s'; write a port of its own",
				  service->light_ports[i], other->name);
	}
}

/* `refuse: light` needs both a class and a service. */
static void check_light(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	const struct spw_config_class *class = NULL;
	size_t ports = 0;
	bool any = false;

	for (size_t i = 0; i < config->classes_count && !class; i++)
		class = config->classes[i].light ? &config->classes[i] : NULL;
	for (size_t i = 0; i < config->services_count; i++) {
		const struct spw_config_service *service = &config->services[i];

		any |= service->light_place.line != 0;
		if (!service->light_ports_count)
			continue;
		check_light_service(config, service, diagnostics);
		if (!class)
			spw_warning(diagnostics, service->light_place,
				    "'light' has no effect: no class has 'refuse: light'");
		if (ports <= SPW_LIGHT_PORTS_MAX && ports + service->light_ports_count > SPW_LIGHT_PORTS_MAX)
			spw_error(diagnostics, service->light_place, "more than %d ports of light listeners",
				  SPW_LIGHT_PORTS_MAX);
		ports += service->light_ports_count;
	}
	if (class && !any)
		spw_error(diagnostics, class->refuse_place,
			  "class '%s' has 'refuse: light', but no service has a light listener; write services: { "
			  "NAME: { tcp: [443], light: { tcp: [8443], rate: 2k/s } } }",
			  name_of(class));
}

int spw_check_meaning(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	struct use *uses = calloc(config->lists_count + 1, sizeof(*uses));
	struct countries *sets = calloc(config->lists_count + 1, sizeof(*sets));
	int err = uses && sets ? 0 : -ENOMEM;

	if (!err) {
		check_uses(config, uses, diagnostics);
		for (size_t i = 0; i < config->lists_count; i++)
			fill_countries(&config->lists[i], &sets[i]);
		check_countries(config, uses, sets, diagnostics);
		check_shedding(config, diagnostics);
		check_management(config, diagnostics);
		check_forwarded(config, diagnostics);
		check_light(config, diagnostics);
	}
	free(uses);
	free(sets);
	return err;
}
