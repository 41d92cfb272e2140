/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as a list of any format, the first bits as options: accepted items are prefixes in canonical form,
 * from an existing line. Formats are detected by content, so the corpus has seeds of each.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "user/lists/lists.h"

static void check_entry(const struct spw_list_entry *entry, u32 lines)
{
	char text[SPW_PREFIX_TEXT];
	struct spw_prefix again;

	require(entry->line <= lines && entry->column); /* in JSON a line may be unknown: 0 */
	spw_prefix_format(&entry->prefix, text);
	require(spw_prefix_parse(text, strlen(text), &again) == SPW_PREFIX_OK);
	require(again.family == entry->prefix.family && again.len == entry->prefix.len);
	require(!spw_addr_compare(&again.addr, &entry->prefix.addr));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_list list = {0};
	u32 lines = 1;
	struct spw_list_options options;
	int err;

	if (!size)
		return 0;
	options = (struct spw_list_options){.strict = *data & 1, .skip = *data & 2};
	data++;
	size--;
	err = spw_list_parse((const char *)data, size, "f", &options, &list, &diagnostics);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	require(!err == !diagnostics.errors);
	require(diagnostics.errors <= SPW_LIST_ERRORS_MAX + 1 && list.format < SPW_FORMATS);
	require(options.skip || !list.skipped);
	require(list.count == list.count4 + list.count6 && list.count <= list.capacity);
	for (size_t i = 0; i < list.count; i++)
		check_entry(&list.entries[i], lines);
	spw_list_free(&list);
	spw_diagnostics_free(&diagnostics);
	return 0;
}
