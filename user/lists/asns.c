/* SPDX-License-Identifier: GPL-2.0-only */
/* AS numbers of a MaxMind database: index which lists take which, then pass each range to them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "countries.h"
#include "mmdb.h"

/* One AS number of one list. */
struct taker {
	u32 asn;
	size_t list;
	size_t index; /* in the list's asns */
	bool found;
};

struct takers {
	struct spw_lists *lists;
	struct taker *items; /* by AS number */
	size_t count;
	size_t full; /* after an error of append: the list that was full */
	bool failed;
};

static bool is_of_source(const struct spw_config_list *list, const struct spw_config_list *source)
{
	return list->kind == SPW_LIST_MMDB && list->asns_count && !strcmp(list->path, source->path);
}

static int by_number(const void *left, const void *right)
{
	const struct taker *one = left, *other = right;

	if (one->asn != other->asn)
		return one->asn < other->asn ? -1 : 1;
	return one->list < other->list ? -1 : one->list > other->list;
}

static int find_takers(const struct spw_config *config, const struct spw_config_list *source, struct takers *takers)
{
	size_t count = 0;

	for (size_t i = 0; i < config->lists_count; i++)
		if (is_of_source(&config->lists[i], source))
			count += config->lists[i].asns_count;
	takers->items = calloc(count ? count : 1, sizeof(*takers->items));
	if (!takers->items)
		return -ENOMEM;
	for (size_t i = 0; i < config->lists_count; i++)
		for (size_t j = 0; is_of_source(&config->lists[i], source) && j < config->lists[i].asns_count; j++)
			takers->items[takers->count++] = (struct taker){config->lists[i].asns[j].number, i, j, false};
	qsort(takers->items, takers->count, sizeof(*takers->items), by_number);
	return 0;
}

/* The first taker of @asn, or where it would be. */
static size_t first_taker(const struct takers *takers, u32 asn)
{
	size_t low = 0, high = takers->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (takers->items[middle].asn < asn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int append_range(struct takers *takers, size_t list, u8 family, const struct spw_addr *first,
			const struct spw_addr *last)
{
	struct spw_addr from = *first;
	struct spw_prefix prefix;
	bool ended = false;
	int err = 0;

	while (!err && spw_range_next(&from, last, family, &ended, &prefix))
		err = spw_list_append(&takers->lists->lists[list], &prefix, 0, 0);
	if (err) {
		takers->full = list;
		takers->failed = true;
	}
	return err;
}

static int take_network(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
			const struct spw_mmdb_record *record)
{
	struct takers *takers = context;
	int err = 0;

	for (size_t i = first_taker(takers, record->asn);
	     record->asn && !err && i < takers->count && takers->items[i].asn == record->asn; i++) {
		takers->items[i].found = true;
		err = append_range(takers, takers->items[i].list, family, first, last);
	}
	return err;
}

/* Networks appear and disappear between versions of a database, so a missing one is only a warning. */
static void warn_missing(const struct spw_config *config, const struct takers *takers,
			 struct spw_diagnostics *diagnostics)
{
	for (size_t i = 0; i < takers->count; i++) {
		const struct spw_config_list *list = &config->lists[takers->items[i].list];

		if (!takers->items[i].found)
			spw_warning(diagnostics, list->asns[takers->items[i].index].place, "AS%u has no prefix in '%s'",
				    takers->items[i].asn, list->path);
	}
}

static int load(const struct spw_config *config, const struct spw_config_list *source, struct takers *takers,
		struct spw_diagnostics *diagnostics)
{
	const struct spw_config_list *named;
	struct spw_mmdb mmdb;
	int err = spw_mmdb_read(source, take_network, takers, &mmdb, diagnostics);

	if (!err && !mmdb.asns) {
		spw_error(diagnostics, source->path_place, "there are no AS numbers in '%s', a database of type '%s'",
			  source->path, mmdb.type);
		return -EINVAL;
	}
	named = &config->lists[takers->full];
	if (!err)
		warn_missing(config, takers, diagnostics);
	else if (takers->failed && err == -E2BIG)
		spw_error(diagnostics, named->place, "list '%s' has more than %u prefixes", named->name,
			  SPW_LIST_ENTRIES_MAX);
	else if (takers->failed)
		spw_error(diagnostics, named->place, "out of memory");
	return err;
}

int spw_asns_load(const struct spw_config *config, const struct spw_config_list *source, struct spw_lists *lists,
		  struct spw_diagnostics *diagnostics)
{
	struct takers takers = {.lists = lists};
	int err = find_takers(config, source, &takers);

	if (err)
		spw_error(diagnostics, source->place, "out of memory");
	else
		err = load(config, source, &takers, diagnostics);
	free(takers.items);
	return err;
}
