/* SPDX-License-Identifier: GPL-2.0-only */
/* list show: the lists of the published ruleset and the retired ones, or one with its entries, from the pinned maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/ban_maps.h"
#include "base/clock.h"
#include "view/view.h"
#include "list.h"
#include "look.h"

struct gathering {
	const struct spw_ban_maps *maps;
	u16 list;
	u64 now_ns;
	struct spw_ban_view *items;
	size_t count, capacity;
};

static int gather(void *context, const struct spw_ban_key *key, const struct spw_ban_value *value)
{
	struct gathering *gathering = context;
	struct spw_ban_view *item;

	if (value->list != gathering->list || value->until_ns <= gathering->now_ns)
		return 0;
	if (gathering->count == gathering->capacity) {
		size_t capacity = gathering->capacity ? gathering->capacity * 2 : 256;
		struct spw_ban_view *items = reallocarray(gathering->items, capacity, sizeof(*items));

		if (!items)
			return -ENOMEM;
		gathering->items = items;
		gathering->capacity = capacity;
	}
	item = &gathering->items[gathering->count++];
	*item = (struct spw_ban_view){
		.prefix = {{key->source_hi, key->source_lo}, (u8)key->family, (u8)key->length},
		.left_ns = value->until_ns == SPW_BAN_FOREVER ? SPW_BAN_FOREVER : value->until_ns - gathering->now_ns,
		.counted = spw_ban_counted(gathering->maps, value),
	};
	memcpy(item->note, value->note, sizeof(item->note));
	item->note[sizeof(item->note) - 1] = '\0';
	return 0;
}

static int compare(const void *left_item, const void *right_item)
{
	const struct spw_prefix *left = &((const struct spw_ban_view *)left_item)->prefix;
	const struct spw_prefix *right = &((const struct spw_ban_view *)right_item)->prefix;
	int order = left->family - right->family;

	if (!order)
		order = spw_addr_compare(&left->addr, &right->addr);
	return order ? order : left->len - right->len;
}

static int read_entries(const struct spw_pins *pins, struct gathering *gathering)
{
	struct spw_ban_maps maps;
	int err = spw_ban_maps_open(pins, false, &maps);

	if (err)
		return err;
	gathering->maps = &maps;
	gathering->now_ns = spw_monotonic_ns();
	err = spw_ban_maps_read(&maps, gather, gathering);
	spw_ban_maps_close(&maps);
	if (gathering->count)
		qsort(gathering->items, gathering->count, sizeof(*gathering->items), compare);
	return err;
}

/* The entries of list @list; said on stderr if they cannot be read. */
static int look_into_entries(const struct spw_call *call, u16 list, struct gathering *gathering)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	struct spw_pins pins;
	int err, status = spw_where(call, &config);

	gathering->list = list;
	if (status == SPW_EXIT_DONE && spw_pins_open(config.pin_dir, false, false, &pins, message))
		status = spw_fail("%s", message);
	spw_config_free(&config);
	if (status != SPW_EXIT_DONE)
		return status;
	err = read_entries(&pins, gathering);
	spw_pins_close(&pins);
	return err ? spw_fail("cannot read the entries: %s", strerror(-err)) : SPW_EXIT_DONE;
}

static const struct spw_list_snapshot *find(const struct spw_snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (!strcmp(snapshot->lists[i].record.name, name))
			return &snapshot->lists[i];
	return NULL;
}

static int print_json(const struct spw_snapshot *snapshot, const char *name, const struct gathering *gathering)
{
	json_t *lists = spw_view_lists_json(snapshot, name);
	json_t *entries = name ? spw_view_bans_json(gathering->items, gathering->count) : NULL;

	if (name && (!entries || json_object_set_new(json_array_get(lists, 0), "entries", entries))) {
		json_decref(lists);
		lists = NULL;
	}
	return spw_print_json(lists);
}

static int show(const struct spw_call *call, const struct spw_snapshot *snapshot, const char *name)
{
	const struct spw_list_snapshot *list = name ? find(snapshot, name) : NULL;
	struct gathering gathering = {0};
	int status = SPW_EXIT_DONE;

	if (name && !list)
		return spw_fail("no list '%s'; 'spillway list show' names those that are there", name);
	if (list)
		status = look_into_entries(call, list->id, &gathering);
	if (status == SPW_EXIT_DONE && call->json) {
		status = print_json(snapshot, name, &gathering);
	} else if (status == SPW_EXIT_DONE) {
		spw_view_lists(stdout, snapshot, name, (struct spw_style){spw_colour()});
		if (list)
			spw_view_bans(stdout, gathering.items, gathering.count);
	}
	free(gathering.items);
	return status;
}

int spw_list_show(const struct spw_call *call, const char *name)
{
	struct spw_snapshot snapshot;
	int status = spw_look(call, &snapshot);

	if (status != SPW_EXIT_DONE)
		return status;
	status = show(call, &snapshot, name);
	spw_snapshot_free(&snapshot);
	return status;
}
