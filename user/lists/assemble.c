/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration and lists -> the compiler's input. */
#include "assemble.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/ports.h"

static void fill_balancers(const struct spw_config *config, struct spw_balancers *balancers)
{
	for (size_t i = 0; i < config->balancers_count && i < SPW_BALANCERS_MAX; i++) {
		const struct spw_config_balancer *from = &config->balancers[i];
		struct spw_addr first = from->prefix.addr, last = spw_prefix_last(&from->prefix);

		balancers->all[i] = (struct spw_balancer){
			.mask_hi = ~(first.hi ^ last.hi),
			.mask_lo = ~(first.lo ^ last.lo),
			.hi = first.hi,
			.lo = first.lo,
			.family = from->prefix.family,
			.tunnels = from->tunnels,
		};
	}
}

static void fill_classes(const struct spw_config *config, const struct spw_identities *identities,
			 struct spw_assembly *assembly)
{
	for (size_t i = 0; i < config->classes_count; i++) {
		const struct spw_config_class *class = &config->classes[i];

		assembly->classes[i] = (struct spw_ruleset_class){
			.name = class->name,
			.id = identities->classes[i],
			.shed_from = class->shed_from,
			.cut_new_from = class->cut_from,
			.cut_all_from = class->cut_all ? class->cut_from : SPW_LEVEL_NEVER,
			.limited = spw_class_is_limited(&class->limits),
		};
	}
}

static u8 list_tier(const struct spw_config_list *list)
{
	if (list->countries_count)
		return SPW_TIER_COUNTRY;
	return list->asns_count ? SPW_TIER_ASN : SPW_TIER_WRITTEN;
}

/* By class, then by its list of lists: of equal prefixes in a class the first wins. */
static void fill_lists(const struct spw_config *config, const struct spw_lists *lists,
		       const struct spw_identities *identities, struct spw_assembly *assembly)
{
	size_t count = 0;

	for (size_t i = 0; i < config->classes_count; i++) {
		const struct spw_config_class *class = &config->classes[i];

		for (size_t j = 0; j < class->lists_count; j++) {
			size_t list = class->lists[j];

			assembly->config_lists[count] = list;
			assembly->lists[count++] = (struct spw_ruleset_list){
				.name = config->lists[list].name,
				.id = identities->lists[list],
				.class_index = (u16)i,
				.tier = list_tier(&config->lists[list]),
				.entries = lists->lists[list].entries,
				.count = lists->lists[list].count,
			};
		}
	}
	assembly->source.lists_count = count;
}

static int fill_ports(const struct spw_config *config, const struct spw_identities *identities,
		      struct spw_assembly *assembly)
{
	struct spw_port_rules rules = {0};

	for (size_t i = 0; i < config->services_count; i++) {
		const struct spw_config_service *service = &config->services[i];
		u8 id = identities->services[i];

		spw_port_rules_add(&rules, assembly->tcp_ports, service->tcp, service->tcp_count,
				   (struct spw_port){id, SPW_NEW_SYN});
		spw_port_rules_add(&rules, assembly->udp_ports, service->quic, service->quic_count,
				   (struct spw_port){id, SPW_NEW_QUIC});
		spw_port_rules_add(&rules, assembly->udp_ports, service->udp, service->udp_count,
				   (struct spw_port){id, SPW_NEW_FLOW});
		spw_port_rules_add(&rules, assembly->udp_ports, service->udp_each, service->udp_each_count,
				   (struct spw_port){id, SPW_NEW_EACH});
	}
	return spw_port_rules_fill(&rules, config, assembly->locals);
}

/* In the sequence of the configuration; list and service 0 stay "none". */
static void number_identities(const struct spw_config *config, struct spw_identities *identities)
{
	for (size_t i = 0; i < config->lists_count && i < SPW_LISTS_MAX - 1; i++)
		identities->lists[i] = (u16)(i + 1);
	for (size_t i = 0; i < config->classes_count && i < SPW_CLASSES_MAX; i++)
		identities->classes[i] = (u8)i;
	for (size_t i = 0; i < config->services_count && i < SPW_SERVICES_MAX; i++)
		identities->services[i] = (u8)(i + 1);
}

/* Upper bound of list uses, even if two classes use one. */
static size_t count_uses(const struct spw_config *config)
{
	size_t uses = 1;

	for (size_t i = 0; i < config->classes_count; i++)
		uses += config->classes[i].lists_count;
	return uses;
}

int spw_assemble(const struct spw_config *config, const struct spw_lists *lists,
		 const struct spw_identities *identities, struct spw_assembly *assembly)
{
	struct spw_identities numbered;
	size_t uses = count_uses(config);
	int err;

	*assembly = (struct spw_assembly){0};
	if (config->lists_count >= SPW_LISTS_MAX || config->classes_count > SPW_CLASSES_MAX || uses > SPW_LISTS_MAX ||
	    config->services_count > SPW_SERVICES_MAX)
		return -E2BIG;
	if (!identities) {
		number_identities(config, &numbered);
		identities = &numbered;
	}
	assembly->lists = calloc(uses, sizeof(*assembly->lists));
	assembly->config_lists = calloc(uses, sizeof(*assembly->config_lists));
	assembly->classes = calloc(config->classes_count + 1, sizeof(*assembly->classes));
	assembly->management = calloc(config->management_prefixes_count + 1, sizeof(*assembly->management));
	assembly->tcp_ports = calloc(65536, sizeof(*assembly->tcp_ports));
	assembly->udp_ports = calloc(65536, sizeof(*assembly->udp_ports));
	assembly->locals = calloc(1, sizeof(*assembly->locals));
	assembly->balancers = calloc(1, sizeof(*assembly->balancers));
	if (!assembly->lists || !assembly->config_lists || !assembly->classes || !assembly->management ||
	    !assembly->tcp_ports || !assembly->udp_ports || !assembly->locals || !assembly->balancers) {
		spw_assembly_free(assembly);
		return -ENOMEM;
	}
	err = fill_ports(config, identities, assembly);
	if (err) {
		spw_assembly_free(assembly);
		return err;
	}
	fill_balancers(config, assembly->balancers);
	fill_classes(config, identities, assembly);
	fill_lists(config, lists, identities, assembly);
	for (size_t i = 0; i < config->management_prefixes_count; i++)
		assembly->management[i] = config->management_prefixes[i].prefix;
	assembly->source = (struct spw_ruleset_source){
		.lists = assembly->lists,
		.lists_count = assembly->source.lists_count,
		.classes = assembly->classes,
		.classes_count = config->classes_count,
		.management = assembly->management,
		.management_count = config->management_prefixes_count,
		.management_ports = config->management_ports,
		.management_ports_count = config->management_ports_count,
		.tcp_ports = assembly->tcp_ports,
		.udp_ports = assembly->udp_ports,
		.locals = config->locals_count ? assembly->locals : NULL,
		.malformed_drop = config->malformed_drop,
		.judge_others = config->forwarded == SPW_FORWARDED_JUDGE,
		.balancers = config->balancers_count ? assembly->balancers : NULL,
		.overlap_higher = config->overlap_higher,
	};
	return 0;
}

void spw_assembly_free(struct spw_assembly *assembly)
{
	free(assembly->lists);
	free(assembly->config_lists);
	free(assembly->classes);
	free(assembly->management);
	free(assembly->tcp_ports);
	free(assembly->udp_ports);
	free(assembly->locals);
	free(assembly->balancers);
	*assembly = (struct spw_assembly){0};
}

static struct spw_place entry_place(const struct spw_config *config, const struct spw_lists *lists, size_t list,
				    size_t entry)
{
	const struct spw_list_entry *named = &lists->lists[list].entries[entry];

	struct spw_place place = spw_list_place(&lists->lists[list], named);

	return place.file && place.line ? place : config->lists[list].place;
}

void spw_report_ruleset_error(const struct spw_config *config, const struct spw_lists *lists,
			      const struct spw_assembly *assembly, const struct spw_ruleset_error *error,
			      struct spw_diagnostics *diagnostics)
{
	struct spw_place file = {config->path, 0, 0};

	if (error->kind == SPW_RULESET_CONFLICT) {
		size_t first = assembly->config_lists[error->list[0]], second = assembly->config_lists[error->list[1]];
		struct spw_place other = entry_place(config, lists, first, error->entry[0]);
		char text[SPW_PREFIX_TEXT];

		spw_error(
			diagnostics, entry_place(config, lists, second, error->entry[1]),
			"%s is in list '%s' of class '%s', and in list '%s' of class '%s' (%s:%u:%u); a prefix can be in "
			"one class only: take it out of one of them, or write overlap: higher",
			spw_prefix_format(&error->prefix, text), config->lists[second].name,
			assembly->classes[assembly->lists[error->list[1]].class_index].name, config->lists[first].name,
			assembly->classes[assembly->lists[error->list[0]].class_index].name,
			other.file ? other.file : "?", other.line, other.column);
		return;
	}
	if (error->kind == SPW_RULESET_TOO_LARGE)
		spw_error(diagnostics, file, "the lists come to more than %u MiB of table; name fewer prefixes",
			  SPW_UNITS_LIMIT / (1u << 20) * 64);
	else if (error->kind == SPW_RULESET_TOO_MANY_SLOTS)
		spw_error(diagnostics, file, "more than %u lists, counted twice where management prefixes lie in them",
			  SPW_SLOTS_MAX);
	else
		spw_error(diagnostics, file, "out of memory while the ruleset was compiled");
}

/* The location of @prefix in a list; only for messages. */
static struct spw_place find_place(const struct spw_config *config, const struct spw_lists *lists, size_t list,
				   const struct spw_prefix *prefix)
{
	const struct spw_list *searched = &lists->lists[list];
	size_t i = 0;

	while (i < searched->count && (searched->entries[i].prefix.family != prefix->family ||
				       searched->entries[i].prefix.len != prefix->len ||
				       spw_addr_compare(&searched->entries[i].prefix.addr, &prefix->addr)))
		i++;
	return i < searched->count ? entry_place(config, lists, list, i) : config->lists[list].place;
}

void spw_report_overlaps(const struct spw_config *config, const struct spw_lists *lists,
			 const struct spw_assembly *assembly, const struct spw_ruleset_image *image,
			 struct spw_diagnostics *diagnostics)
{
	const size_t *at = image->overlap_lists;
	struct spw_place lower, higher;
	char text[SPW_PREFIX_TEXT], more[64] = "";
	size_t first, second;

	if (!image->overlaps)
		return;
	first = assembly->config_lists[at[0]];
	second = assembly->config_lists[at[1]];
	higher = find_place(config, lists, first, &image->overlap);
	lower = find_place(config, lists, second, &image->overlap);
	if (image->overlaps > 1)
		snprintf(more, sizeof(more), "; %u more like it", image->overlaps - 1);
	spw_warning(diagnostics, lower,
		    "%s is in list '%s' of class '%s', and in list '%s' of the higher class '%s' (%s:%u:%u), which "
		    "wins (overlap: higher)%s",
		    spw_prefix_format(&image->overlap, text), config->lists[second].name,
		    assembly->classes[assembly->lists[at[1]].class_index].name, config->lists[first].name,
		    assembly->classes[assembly->lists[at[0]].class_index].name, higher.file ? higher.file : "?",
		    higher.line, higher.column, more);
}

void spw_report_overruling(const struct spw_config *config, const struct spw_assembly *assembly,
			   const struct spw_ruleset_image *image, struct spw_diagnostics *diagnostics)
{
	const struct spw_config_list *list;
	char text[SPW_PREFIX_TEXT];

	if (!image->overruling)
		return;
	list = &config->lists[assembly->config_lists[image->overruled_list]];
	spw_warning(
		diagnostics, list->place,
		"%u prefixes of country tables lie in prefixes that a list names, such as %s of '%s', and win there, as the most "
		"specific does; name the narrower prefixes to keep them in their class",
		image->overruling, spw_prefix_format(&image->overruled, text), list->name);
}

/* The widest prefix within @prefix in lists of other classes than @class; false: none. */
static bool find_cover(const struct spw_ruleset_source *source, const struct spw_prefix *prefix, size_t class,
		       size_t *list, size_t *entry)
{
	int len = 129;

	for (size_t i = 0; i < source->lists_count; i++) {
		const struct spw_ruleset_list *other = &source->lists[i];

		for (size_t j = 0; other->class_index != class && j < other->count; j++) {
			const struct spw_prefix *inner = &other->entries[j].prefix;

			if (inner->len >= len || !spw_prefix_contains(prefix, inner))
				continue;
			len = inner->len;
			*list = i;
			*entry = j;
		}
	}
	return len <= 128;
}

static void report_unmatched_list(const struct spw_config *config, const struct spw_lists *lists,
				  const struct spw_assembly *assembly, size_t at, struct spw_diagnostics *diagnostics)
{
	const struct spw_ruleset_source *source = &assembly->source;
	const struct spw_ruleset_list *list = &source->lists[at], *other;
	char text[SPW_PREFIX_TEXT], other_text[SPW_PREFIX_TEXT];
	struct spw_place place;
	size_t cover, entry;

	if (!find_cover(source, &list->entries[0].prefix, list->class_index, &cover, &entry))
		return;
	other = &source->lists[cover];
	place = entry_place(config, lists, assembly->config_lists[cover], entry);
	spw_warning(
		diagnostics, config->lists[assembly->config_lists[at]].place,
		"list '%s' of class '%s' can never match: other lists cover all that it names, as the most specific "
		"prefix wins; %s of '%s' (class '%s', %s:%u:%u) lies in %s; remove the list, or take these prefixes "
		"out of the others",
		list->name, source->classes[list->class_index].name,
		spw_prefix_format(&other->entries[entry].prefix, other_text), other->name,
		source->classes[other->class_index].name, place.file ? place.file : "?", place.line, place.column,
		spw_prefix_format(&list->entries[0].prefix, text));
}

/* All addresses of both families are in lists. */
static void report_unmatched_rest(const struct spw_config *config, const struct spw_lists *lists,
				  const struct spw_assembly *assembly, struct spw_diagnostics *diagnostics)
{
	static const struct spw_prefix all = {.family = 4};
	const struct spw_config_class *rest = &config->classes[config->classes_count - 1];
	struct spw_place place;
	size_t list, entry;

	if (!find_cover(&assembly->source, &all, config->classes_count - 1, &list, &entry))
		return;
	place = entry_place(config, lists, assembly->config_lists[list], entry);
	spw_warning(
		diagnostics, rest->place,
		"class '%s' can never match: lists of the classes above it name every address, such as list '%s' of "
		"class '%s' (%s:%u:%u); remove what stands for all addresses there, or let that class be the last",
		rest->name, assembly->source.lists[list].name,
		assembly->source.classes[assembly->source.lists[list].class_index].name, place.file ? place.file : "?",
		place.line, place.column);
}

void spw_report_unmatched(const struct spw_config *config, const struct spw_lists *lists,
			  const struct spw_assembly *assembly, const struct spw_ruleset_image *image,
			  struct spw_diagnostics *diagnostics)
{
	size_t count = assembly->source.lists_count, told = 0;

	for (size_t i = 0; i < count && told < SPW_LIST_ERRORS_MAX; i++) {
		if (image->matches[i] || !assembly->source.lists[i].count)
			continue;
		report_unmatched_list(config, lists, assembly, i, diagnostics);
		told++;
	}
	if (!image->matches[count])
		report_unmatched_rest(config, lists, assembly, diagnostics);
}
