/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a list of prefixes: what is taken are prefixes in canonical form that were written in some line. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "user/lists/lists.h"

static void check_entry(const struct spw_list_entry *entry, u32 lines)
{
	char text[SPW_PREFIX_TEXT];
	struct spw_prefix again;

	require(entry->line && entry->line <= lines && entry->column);
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
	int err = spw_list_parse_cidr((const char *)data, size, "f", &list, &diagnostics);

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	require(!err == !diagnostics.errors);
	require(diagnostics.errors <= SPW_LIST_ERRORS_MAX + 1);
	require(list.count == list.count4 + list.count6 && list.count <= list.capacity);
	for (size_t i = 0; i < list.count; i++)
		check_entry(&list.entries[i], lines);
	free(list.entries);
	spw_diagnostics_free(&diagnostics);
	return 0;
}
