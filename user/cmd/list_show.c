/* SPDX-License-Identifier: GPL-2.0-only */
/* list show: published and retired lists, or one list with its bans, from the pinned maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/ban_maps.h"
#include "base/clock.h"
#include "base/units.h"
#include "store/ban_label.h"
#include "view/downloads.h"
#include "view/view.h"
#include "view/text.h"
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
	struct spw_ban_label label;
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
	spw_ban_unpack_label(value->note, &label);
	memcpy(item->note, label.note, sizeof(item->note));
	memcpy(item->owner, label.owner, sizeof(item->owner));
	item->owners = label.owners;
	return 0;
}

static int compare_prefixes(const struct spw_prefix *left, const struct spw_prefix *right)
{
	int order = left->family - right->family;

	if (!order)
		order = spw_addr_compare(&left->addr, &right->addr);
	return order ? order : left->len - right->len;
}

static int compare(const void *left, const void *right)
{
	return compare_prefixes(&((const struct spw_ban_view *)left)->prefix,
				&((const struct spw_ban_view *)right)->prefix);
}

/* ---- pages ---- */

struct page {
	struct spw_prefix after; /* family 0: from the start */
	u64 limit;		 /* 0: all */
	size_t begin, count;
	bool more;
};

/* Returns enum spw_exit. */
static int read_page(const struct spw_call *call, const char *name, struct page *page)
{
	const char *limit = call->options[SPW_LIST_LIMIT], *after = call->options[SPW_LIST_AFTER];
	const char *wrong = limit ? spw_units_count(limit, &page->limit) : NULL;

	if ((limit || after) && !name)
		return spw_usage(&spw_verb_list, "--limit and --after are for 'show NAME'");
	if (wrong)
		return spw_usage(&spw_verb_list, "--limit '%s': %s", limit, wrong);
	if (after && spw_prefix_parse(after, strlen(after), &page->after) != SPW_PREFIX_OK)
		return spw_usage(&spw_verb_list, "--after '%s': a prefix, such as the 'next' of the page before",
				 after);
	return SPW_EXIT_DONE;
}

static void turn_to(struct page *page, const struct gathering *gathering)
{
	while (page->after.family && page->begin < gathering->count &&
	       compare_prefixes(&gathering->items[page->begin].prefix, &page->after) <= 0)
		page->begin++;
	page->count = gathering->count - page->begin;
	page->more = page->limit && page->count > page->limit;
	if (page->more)
		page->count = page->limit;
}

/* The value of --after for the next page; NULL: this is the last one. */
static const char *next_page(const struct page *page, const struct gathering *gathering, char text[SPW_PREFIX_TEXT])
{
	if (!page->more)
		return NULL;
	return spw_prefix_format(&gathering->items[page->begin + page->count - 1].prefix, text);
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

/* Read the bans of @list; errors are printed on stderr. */
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
	return err ? spw_fail("cannot read the bans: %s", strerror(-err)) : SPW_EXIT_DONE;
}

static const struct spw_list_snapshot *find(const struct spw_snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (!strcmp(snapshot->lists[i].record.name, name))
			return &snapshot->lists[i];
	return NULL;
}

/* What the agent says of lists by URL; NULL: nothing. */
static json_t *ask_fetches(const struct spw_call *call)
{
	struct spw_config config;
	json_t *fetches = NULL;

	if (spw_where(call, &config) == SPW_EXIT_DONE)
		fetches = spw_list_ask_fetches(config.run_dir);
	spw_config_free(&config);
	return fetches;
}

static void add_fetches(json_t *lists, json_t *fetches)
{
	json_t *list;
	size_t i;

	json_array_foreach(lists, i, list)
	{
		json_t *fetch = json_object_get(fetches, json_string_value(json_object_get(list, "name")));

		if (fetch)
			json_object_set(list, "fetch", fetch);
	}
}

static int print_json(const struct spw_snapshot *snapshot, const char *name, const struct page *page,
		      const struct gathering *gathering, json_t *fetches)
{
	json_t *lists = spw_view_lists_json(snapshot, name), *list = json_array_get(lists, 0);
	json_t *entries = name ? spw_view_bans_json(gathering->items + page->begin, page->count) : NULL;
	char text[SPW_PREFIX_TEXT];
	const char *next = next_page(page, gathering, text);

	if (name && (!entries || json_object_set_new(list, "entries", entries) ||
		     json_object_set_new(list, "entries_total", json_integer((json_int_t)gathering->count)) ||
		     json_object_set_new(list, "next", next ? json_string(next) : json_null()))) {
		json_decref(lists);
		lists = NULL;
	}
	add_fetches(lists, fetches);
	return spw_print_json(lists);
}

/* Below the table: a line for each list by URL. */
static void print_fetches(json_t *fetches)
{
	const char *list, *separator = "\n";
	char state[1024];
	json_t *fetch;

	json_object_foreach(fetches, list, fetch)
	{
		printf("%s", separator);
		spw_put_text(stdout, list, SPW_FOR_TERMINAL);
		printf(": ");
		spw_put_text(stdout, spw_view_download_state(fetch, state, sizeof(state)), SPW_FOR_TERMINAL);
		printf("\n");
		separator = "";
	}
}

static void print_text(const struct spw_snapshot *snapshot, const char *name, const struct page *page,
		       const struct gathering *gathering, json_t *fetches)
{
	json_t *fetch = name ? json_object_get(fetches, name) : NULL;
	char text[SPW_PREFIX_TEXT];
	const char *next = next_page(page, gathering, text);

	spw_view_lists(stdout, snapshot, name, (struct spw_style){spw_colour()});
	if (fetch)
		spw_view_download(stdout, fetch);
	else if (!name)
		print_fetches(fetches);
	if (name)
		spw_view_bans(stdout, gathering->items + page->begin, page->count, gathering->count);
	if (next)
		printf("\nmore: --after %s\n", next);
}

static void ask_owners(const struct spw_call *call, const char *name, struct page *page, struct gathering *gathering)
{
	struct spw_config config;

	if (spw_where(call, &config) == SPW_EXIT_DONE)
		spw_list_ask_owners(config.run_dir, name, gathering->items + page->begin, page->count);
	spw_config_free(&config);
}

static void release(struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->count; i++)
		free(gathering->items[i].others);
	free(gathering->items);
}

static int show(const struct spw_call *call, const struct spw_snapshot *snapshot, const char *name, struct page *page)
{
	const struct spw_list_snapshot *list = name ? find(snapshot, name) : NULL;
	struct gathering gathering = {0};
	int status = SPW_EXIT_DONE;
	json_t *fetches;

	if (name && !list)
		return spw_fail("there is no list '%s'; 'spillway list show' shows all", name);
	if (list)
		status = look_into_entries(call, list->id, &gathering);
	turn_to(page, &gathering);
	if (status == SPW_EXIT_DONE && page->count)
		ask_owners(call, name, page, &gathering);
	fetches = status == SPW_EXIT_DONE ? ask_fetches(call) : NULL;
	if (status == SPW_EXIT_DONE && call->json)
		status = print_json(snapshot, name, page, &gathering, fetches);
	else if (status == SPW_EXIT_DONE)
		print_text(snapshot, name, page, &gathering, fetches);
	json_decref(fetches);
	release(&gathering);
	return status;
}

int spw_list_show(const struct spw_call *call, int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	struct spw_snapshot snapshot;
	struct page page = {0};
	int status;

	if (argc > 2)
		return spw_usage(&spw_verb_list, "unexpected '%s'", argv[2]);
	status = read_page(call, name, &page);
	if (status == SPW_EXIT_DONE)
		status = spw_look(call, &snapshot);
	if (status != SPW_EXIT_DONE)
		return status;
	status = show(call, &snapshot, name, &page);
	spw_snapshot_free(&snapshot);
	return status;
}
