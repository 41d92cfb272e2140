/* SPDX-License-Identifier: GPL-2.0-only */
/* Arbitrary bytes as a last good ruleset whose checksum is right: what is accepted has valid prefixes in every list. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fuzz.h"
#include "user/lists/last_good.h"

#define CHECK_AT 12 /* the checksum in the header */

static void check_lists(const struct spw_last_good *good)
{
	struct spw_lists lists;

	if (spw_last_good_restore(good, &good->config, &lists))
		return;
	require(lists.count == good->config.lists_count);
	for (size_t i = 0; i < lists.count; i++) {
		const struct spw_list *list = &lists.lists[i];

		require(list->count == list->count4 + list->count6);
		for (size_t j = 0; j < list->count; j++)
			require(list->entries[j].prefix.len <= (list->entries[j].prefix.family == 4 ? 32 : 128));
	}
	spw_lists_free(&lists);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_file file = {.text = malloc(size + 1), .length = size};
	char problem[SPW_MESSAGE_MAX] = "";
	struct spw_last_good good;
	u32 check = 0;

	require(file.text);
	memcpy(file.text, data, size);
	if (size >= CHECK_AT + sizeof(check)) {
		memset(file.text + CHECK_AT, 0, sizeof(check));
		check = (u32)crc32_z(0, (const u8 *)file.text, size);
		memcpy(file.text + CHECK_AT, &check, sizeof(check));
	}
	if (!spw_last_good_parse(&file, &good, problem))
		check_lists(&good);
	else
		require(*problem);
	spw_last_good_free(&good);
	return 0;
}
