/* SPDX-License-Identifier: GPL-2.0-only */
/* Refuse prefixes that would cut everybody, or those who could repair it (fault 38). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/words.h"
#include "lists.h"

/* State of a check, for messages. */
struct check {
	const struct spw_config *config;
	const struct spw_config_class *class;
	const struct spw_list *list;
	bool force;
	u32 found;
	struct spw_diagnostics *diagnostics;
};

/* Past the bound only counted: a wrong list is wrong in thousands of lines. */
__attribute__((format(printf, 3, 4))) static void report(struct check *check, struct spw_place place,
							 const char *format, ...)
{
	char text[512];
	va_list args;

	if (++check->found > SPW_LIST_ERRORS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (check->force)
		spw_warning(check->diagnostics, place, "%s", text);
	else
		spw_error(check->diagnostics, place, "%s", text);
}

static const struct spw_config_prefix *find_management(const struct spw_config *config, const struct spw_prefix *prefix)
{
	for (size_t i = 0; i < config->management_prefixes_count; i++) {
		const struct spw_prefix *management = &config->management_prefixes[i].prefix;

		if (spw_prefix_contains(prefix, management) || spw_prefix_contains(management, prefix))
			return &config->management_prefixes[i];
	}
	return NULL;
}

static void check_entry(struct check *check, const struct spw_list_entry *entry)
{
	const struct spw_config_prefix *management;
	char text[SPW_PREFIX_TEXT], management_text[SPW_PREFIX_TEXT];
	struct spw_place place = spw_list_place(check->list, entry);
	const char *relation = "holds";

	if (!entry->prefix.len) {
		report(check, place, "%s in class '%s' would cut everything from level %s on",
		       spw_prefix_format(&entry->prefix, text), check->class->name,
		       spw_level_name(check->class->cut_from));
		return;
	}
	management = find_management(check->config, &entry->prefix);
	if (!management)
		return;
	if (entry->prefix.len >= management->prefix.len)
		relation = entry->prefix.len > management->prefix.len ? "lies in" : "is";
	report(check, place, "%s in class '%s', which is cut from level %s on, %s the management prefix %s (%s:%u:%u)",
	       spw_prefix_format(&entry->prefix, text), check->class->name, spw_level_name(check->class->cut_from),
	       relation, spw_prefix_format(&management->prefix, management_text), management->place.file,
	       management->place.line, management->place.column);
}

static bool check_list(struct check *check)
{
	u32 untold;

	check->found = 0;
	for (size_t i = 0; i < check->list->count; i++)
		check_entry(check, &check->list->entries[i]);
	if (!check->found)
		return true;
	if (check->found > SPW_LIST_ERRORS_MAX) {
		untold = check->found - SPW_LIST_ERRORS_MAX;
		check->found = 0;
		report(check, (struct spw_place){check->list->file, 0, 0}, "and %u more of the kind", untold);
	}
	return false;
}

int spw_list_check(const struct spw_config *config, size_t index, const struct spw_list *list, bool force,
		   struct spw_diagnostics *diagnostics)
{
	struct check check = {.config = config, .list = list, .force = force, .diagnostics = diagnostics};

	for (size_t i = 0; i < config->classes_count; i++) {
		check.class = &config->classes[i];
		if (check.class->cut_from == SPW_LEVEL_NEVER)
			continue;
		for (size_t j = 0; j < check.class->lists_count; j++)
			if (check.class->lists[j] == index && !check_list(&check) && !force)
				return -EINVAL;
	}
	return 0;
}

int spw_lists_check(const struct spw_config *config, const struct spw_lists *lists, bool force,
		    struct spw_diagnostics *diagnostics)
{
	struct check check = {.config = config, .force = force, .diagnostics = diagnostics};
	bool refused = false;

	for (size_t i = 0; i < config->classes_count; i++) {
		check.class = &config->classes[i];
		if (check.class->cut_from == SPW_LEVEL_NEVER)
			continue;
		for (size_t j = 0; j < check.class->lists_count; j++) {
			size_t list = check.class->lists[j];

			check.list = &lists->lists[list];
			if (!config->lists[list].countries_count && !config->lists[list].asns_count &&
			    !check_list(&check))
				refused = true;
		}
	}
	return refused && !force ? -EINVAL : 0;
}
