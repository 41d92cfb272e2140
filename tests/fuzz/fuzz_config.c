/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as a configuration: accepted, or refused with errors that have a location and are one printable line.
 * Accepted ones continue to their lists and the checks, as far as no files are needed.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "user/lists/lists.h"

static void check_diagnostics(const struct spw_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		const char *text = diagnostics->items[i].text;
		u32 line, column;
		int length = 0;

		require(sscanf(text, "f:%u:%u: %n", &line, &column, &length) == 2 && length && line && column);
		for (const char *at = text; *at; at++)
			require((u8)*at >= ' ' && *at != 0x7f);
	}
}

static bool needs_files(const struct spw_config *config)
{
	for (size_t i = 0; i < config->lists_count; i++)
		if (config->lists[i].kind != SPW_LIST_INLINE && config->lists[i].kind != SPW_LIST_ENTRIES)
			return true;
	return false;
}

static void load_lists(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	struct spw_lists lists;

	require(!spw_lists_load(config, &lists, diagnostics));
	require(lists.count == config->lists_count);
	spw_lists_check(config, &lists, false, diagnostics);
	spw_lists_free(&lists);
}

/* Guarantees of an accepted configuration. */
static void check_config(const struct spw_config *config)
{
	require(config->interfaces_count && config->interfaces_count <= SPW_INTERFACES_MAX);
	require(config->classes_count && config->classes_count <= SPW_CLASSES_MAX);
	require(config->lists_count < SPW_LISTS_MAX && config->services_count <= SPW_SERVICES_MAX);
	require(!config->classes[config->classes_count - 1].lists_count);
	for (size_t i = 0; i < config->classes_count; i++) {
		require(config->classes[i].name && strlen(config->classes[i].name) < SPW_NAME_MAX);
		for (size_t j = 0; j < config->classes[i].lists_count; j++)
			require(config->classes[i].lists[j] < config->lists_count);
	}
	for (size_t i = 0; i < config->lists_count; i++)
		switch (config->lists[i].kind) {
		case SPW_LIST_FILE:
			require(config->lists[i].paths_count && config->lists[i].paths[0].text);
			break;
		case SPW_LIST_URL:
			require(config->lists[i].url.text && config->lists[i].url.every_ns);
			break;
		case SPW_LIST_GEO:
		case SPW_LIST_MMDB:
			require(config->lists[i].path &&
				(config->lists[i].countries_count || config->lists[i].asns_count));
			break;
		default:
			break;
		}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config;
	int err = spw_config_parse((const char *)data, size, "f", &config, &diagnostics);

	require(!err == !diagnostics.errors);
	if (!err) {
		check_config(&config);
		if (!needs_files(&config))
			load_lists(&config, &diagnostics);
	}
	check_diagnostics(&diagnostics);
	spw_config_free(&config);
	spw_diagnostics_free(&diagnostics);
	return 0;
}
