/* SPDX-License-Identifier: GPL-2.0-only */
/* Space-Saving over decaying counts; see talkers.h. A hash finds a key, a heap the lightest one. */
#include "talkers.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/mix.h"

#define NOBODY	 UINT32_MAX
#define GONE	 1e-9 /* a count decayed this far is zero; avoids denormals */
#define MARGIN_2 4.0  /* two standard deviations, squared */

struct entry {
	u64 key;
	u8 family;
	u8 class_id;
	u16 list;
	u32 next;  /* in the same bucket; NOBODY: the last */
	u32 place; /* index in the heap */
	double count, error;
	double bytes, fresh, dropped; /* since it entered the table */
	double variance;	      /* of the count, from sampling */
};

struct table {
	u8 length4, length6; /* of prefixes */
	u32 room, used;
	u32 buckets; /* a power of two */
	struct entry *entries;
	u32 *heap; /* indices of entries, lightest first */
	u32 *first;
};

struct spw_talkers {
	struct table tables[SPW_TALKER_KINDS];
	double seconds;	 /* decaying, like the counts */
	double constant; /* time constant of the decay, seconds */
};

static void empty(struct table *table)
{
	table->used = 0;
	memset(table->first, 0xff, table->buckets * sizeof(*table->first));
}

static bool make_table(struct table *table, u32 room, u8 length4, u8 length6)
{
	table->room = room ? room : 1;
	table->length4 = length4;
	table->length6 = length6;
	for (table->buckets = 2; table->buckets < table->room;)
		table->buckets *= 2;
	table->entries = calloc(table->room, sizeof(*table->entries));
	table->heap = calloc(table->room, sizeof(*table->heap));
	table->first = calloc(table->buckets, sizeof(*table->first));
	if (!table->entries || !table->heap || !table->first)
		return false;
	empty(table);
	return true;
}

struct spw_talkers *spw_talkers_new(u32 sources, u32 prefixes)
{
	struct spw_talkers *talkers = calloc(1, sizeof(*talkers));

	if (!talkers)
		return NULL;
	talkers->constant = SPW_TALKERS_SECONDS;
	if (make_table(&talkers->tables[SPW_TALKER_SOURCE], sources, 32, 64) &&
	    make_table(&talkers->tables[SPW_TALKER_PREFIX], prefixes, 24, 48))
		return talkers;
	spw_talkers_free(talkers);
	return NULL;
}

void spw_talkers_free(struct spw_talkers *talkers)
{
	if (!talkers)
		return;
	for (u32 kind = 0; kind < SPW_TALKER_KINDS; kind++) {
		free(talkers->tables[kind].entries);
		free(talkers->tables[kind].heap);
		free(talkers->tables[kind].first);
	}
	free(talkers);
}

void spw_talkers_masks(struct spw_talkers *talkers, u8 prefix4, u8 prefix6)
{
	struct table *table = &talkers->tables[SPW_TALKER_PREFIX];

	prefix4 = prefix4 < 1 ? 1 : prefix4 > 32 ? 32 : prefix4;
	prefix6 = prefix6 < 1 ? 1 : prefix6 > 64 ? 64 : prefix6;
	if (prefix4 == table->length4 && prefix6 == table->length6)
		return;
	table->length4 = prefix4;
	table->length6 = prefix6;
	empty(table);
}

void spw_talkers_remember(struct spw_talkers *talkers, double seconds)
{
	talkers->constant = seconds;
}

static u64 masked(const struct table *table, u8 family, u64 source_hi)
{
	u32 length = family == 4 ? table->length4 : table->length6;

	return source_hi & ~0ull << (64 - length);
}

static u32 *bucket_of(const struct table *table, u8 family, u64 key)
{
	return &table->first[spw_mix(key + family) & (table->buckets - 1)];
}

static u32 find(const struct table *table, u8 family, u64 key)
{
	u32 index = *bucket_of(table, family, key);

	while (index != NOBODY && (table->entries[index].key != key || table->entries[index].family != family))
		index = table->entries[index].next;
	return index;
}

static double count_at(const struct table *table, u32 place)
{
	return table->entries[table->heap[place]].count;
}

static void exchange(struct table *table, u32 one, u32 other)
{
	u32 kept = table->heap[one];

	table->heap[one] = table->heap[other];
	table->heap[other] = kept;
	table->entries[table->heap[one]].place = one;
	table->entries[table->heap[other]].place = other;
}

/* Restore the heap after an entry has become heavier. */
static void sink(struct table *table, u32 place)
{
	for (;;) {
		u32 child = place * 2 + 1;

		if (child + 1 < table->used && count_at(table, child + 1) < count_at(table, child))
			child++;
		if (child >= table->used || count_at(table, child) >= count_at(table, place))
			return;
		exchange(table, place, child);
		place = child;
	}
}

static void rise(struct table *table, u32 place)
{
	while (place && count_at(table, place) < count_at(table, (place - 1) / 2)) {
		exchange(table, place, (place - 1) / 2);
		place = (place - 1) / 2;
	}
}

static void unlink_entry(struct table *table, u32 index)
{
	u32 *at = bucket_of(table, table->entries[index].family, table->entries[index].key);

	while (*at != index)
		at = &table->entries[*at].next;
	*at = table->entries[index].next;
}

/* An entry for a new key: a free one, or the lightest one's, whose count becomes its error. */
static u32 take_entry(struct table *table, u8 family, u64 key)
{
	bool full = table->used == table->room;
	u32 index = full ? table->heap[0] : table->used, *bucket = bucket_of(table, family, key);
	double inherited = full ? table->entries[index].count : 0;
	u32 place = full ? table->entries[index].place : index;

	if (full)
		unlink_entry(table, index);
	else
		table->used++;
	table->entries[index] = (struct entry){
		.key = key,
		.family = family,
		.next = *bucket,
		.place = place,
		.count = inherited,
		.error = inherited,
	};
	*bucket = index;
	table->heap[place] = index;
	if (!full)
		rise(table, place);
	return index;
}

static void offer_to(struct table *table, const struct spw_offer *offer)
{
	u64 key = masked(table, offer->family, offer->source_hi);
	u32 index = find(table, offer->family, key);
	double weight = offer->weight;
	struct entry *entry;

	if (index == NOBODY)
		index = take_entry(table, offer->family, key);
	entry = &table->entries[index];
	entry->class_id = offer->class_id;
	entry->list = offer->list;
	entry->count += weight;
	entry->bytes += weight * offer->length;
	entry->fresh += offer->new_work ? weight : 0;
	entry->dropped += offer->dropped ? weight : 0;
	/* Variance of a sum of independent draws with probability 1 / weight, estimated from those drawn. */
	entry->variance += weight * (weight - 1);
	sink(table, entry->place);
}

void spw_talkers_offer(struct spw_talkers *talkers, const struct spw_offer *offer)
{
	if ((offer->family != 4 && offer->family != 6) || !offer->weight)
		return;
	for (u32 kind = 0; kind < SPW_TALKER_KINDS; kind++)
		offer_to(&talkers->tables[kind], offer);
}

/* One factor for all keeps the heap valid. */
static void fade(struct table *table, double factor)
{
	for (u32 i = 0; i < table->used; i++) {
		struct entry *entry = &table->entries[i];

		if (entry->count < GONE) {
			entry->count = entry->error = entry->bytes = entry->fresh = entry->dropped = 0;
			entry->variance = 0;
			continue;
		}
		entry->count *= factor;
		entry->error *= factor;
		entry->bytes *= factor;
		entry->fresh *= factor;
		entry->dropped *= factor;
		entry->variance *= factor * factor;
	}
}

void spw_talkers_tick(struct spw_talkers *talkers, double seconds)
{
	double factor;

	if (!(seconds > 0) || seconds > 1e6)
		return;
	factor = talkers->constant / (talkers->constant + seconds);
	talkers->seconds = (talkers->seconds + seconds) * factor;
	for (u32 kind = 0; kind < SPW_TALKER_KINDS; kind++)
		fade(&talkers->tables[kind], factor);
}

u32 spw_talkers_count(const struct spw_talkers *talkers, enum spw_talker_kind kind)
{
	return talkers->tables[kind].used;
}

/* Newton's method from above, at most twice the root: it never overshoots. The core uses no libm. */
static double square_root(double square)
{
	double root = square > 1 ? square : 1;

	if (!(square > 0))
		return 0;
	for (u32 i = 0; i < 1024 && root * root > square * 4; i++)
		root /= 2;
	for (u32 i = 0; i < 8; i++)
		root = (root + square / root) / 2;
	return root;
}

void spw_talkers_get(const struct spw_talkers *talkers, enum spw_talker_kind kind, u32 index, struct spw_talker *talker)
{
	const struct table *table = &talkers->tables[kind];
	const struct entry *entry = &table->entries[index];
	double share = talkers->seconds > 0 ? 1 / talkers->seconds : 0;

	*talker = (struct spw_talker){
		.source_hi = entry->key,
		.family = entry->family,
		.length = entry->family == 4 ? table->length4 : table->length6,
		.class_id = entry->class_id,
		.list = entry->list,
		.packets_per_s = (entry->count - entry->error) * share,
		.bytes_per_s = entry->bytes * share,
		.new_per_s = entry->fresh * share,
		.dropped_per_s = entry->dropped * share,
		.error_per_s = entry->error * share,
		.margin_per_s = square_root(MARGIN_2 * entry->variance) * share,
	};
}

double spw_talkers_bound(const struct spw_talkers *talkers, enum spw_talker_kind kind)
{
	const struct table *table = &talkers->tables[kind];

	if (table->used < table->room || !(talkers->seconds > 0))
		return 0;
	return count_at(table, 0) / talkers->seconds;
}

static double measure(const struct spw_talker *talker, enum spw_talker_order order)
{
	switch (order) {
	case SPW_BY_BYTES:
		return talker->bytes_per_s;
	case SPW_BY_NEW:
		return talker->new_per_s;
	case SPW_BY_DROPPED:
		return talker->dropped_per_s;
	default:
		return talker->packets_per_s;
	}
}

u32 spw_talkers_top(const struct spw_talkers *talkers, enum spw_talker_kind kind, enum spw_talker_order order, u32 most,
		    struct spw_talker *top)
{
	u32 count = 0;

	for (u32 i = 0; most && i < talkers->tables[kind].used; i++) {
		struct spw_talker talker;
		u32 at;

		spw_talkers_get(talkers, kind, i, &talker);
		if (!(measure(&talker, order) > 0) ||
		    (count == most && measure(&talker, order) <= measure(&top[count - 1], order)))
			continue;
		if (count < most)
			count++;
		for (at = count - 1; at && measure(&top[at - 1], order) < measure(&talker, order); at--)
			top[at] = top[at - 1];
		top[at] = talker;
	}
	return count;
}

/* A new key inherits the count of the one that it replaces, so the sum of a table's counts is all that was offered. */
static double offered(const struct spw_talkers *talkers, enum spw_talker_kind kind)
{
	const struct table *table = &talkers->tables[kind];
	double sum = 0;

	for (u32 i = 0; i < table->used; i++)
		sum += table->entries[i].count;
	return sum;
}

double spw_talkers_total(const struct spw_talkers *talkers)
{
	return talkers->seconds > 0 ? offered(talkers, SPW_TALKER_SOURCE) / talkers->seconds : 0;
}

double spw_talkers_few(const struct spw_talkers *talkers, enum spw_talker_kind kind)
{
	double all = offered(talkers, kind), share = 0;
	struct spw_talker top[SPW_FEW];
	u32 count;

	if (all < SPW_FEW_OFFERS || !(talkers->seconds > 0))
		return 0;
	count = spw_talkers_top(talkers, kind, SPW_BY_PACKETS, SPW_FEW, top);
	for (u32 i = 0; i < count; i++)
		share += top[i].packets_per_s * talkers->seconds / all;
	return share < 1 ? share : 1;
}
