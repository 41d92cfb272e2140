/* SPDX-License-Identifier: GPL-2.0-only */
/* One list in memory. */
#include <errno.h>
#include <stdlib.h>

#include "lists.h"

#define FIRST_CAPACITY 16

static int grow(struct spw_list *list)
{
	size_t capacity = list->capacity ? list->capacity + list->capacity / 2 : FIRST_CAPACITY;
	struct spw_list_entry *entries;

	if (capacity > SPW_LIST_ENTRIES_MAX)
		capacity = SPW_LIST_ENTRIES_MAX;
	if (list->count >= capacity)
		return -E2BIG;
	entries = reallocarray(list->entries, capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	list->entries = entries;
	list->capacity = capacity;
	return 0;
}

int spw_list_append(struct spw_list *list, const struct spw_prefix *prefix, u32 line, u32 column)
{
	if (list->count == list->capacity) {
		int err = grow(list);

		if (err)
			return err;
	}
	list->entries[list->count++] = (struct spw_list_entry){*prefix, line, column};
	if (prefix->family == 4)
		list->count4++;
	else
		list->count6++;
	return 0;
}
