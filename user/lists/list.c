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

void spw_list_free(struct spw_list *list)
{
	for (size_t i = 0; i < list->files_count; i++)
		free(list->files[i].name);
	free(list->files);
	free(list->entries);
	*list = (struct spw_list){0};
}

struct spw_place spw_list_place(const struct spw_list *list, const struct spw_list_entry *entry)
{
	size_t index = (size_t)(entry - list->entries);
	const char *file = list->file;

	for (size_t i = 0; i < list->files_count && list->files[i].first <= index; i++)
		file = list->files[i].name;
	return (struct spw_place){file, entry->line, entry->column};
}
