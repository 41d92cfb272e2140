/* SPDX-License-Identifier: GPL-2.0-only */
/* Bans and holes in a packed array, an open-addressed index of it, and the filter made from both. */
#include "ban_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/ban_filter.h"
#include "bpf/mix.h"

#define INDEX_SLOTS    (2 * SPW_BANS_MAX)
#define FIRST_CAPACITY 256
#define LENGTHS6       (SPW_BAN_LENGTHS4 + 1)

int spw_ban_set_init(struct spw_ban_set *set, u64 seed)
{
	*set = (struct spw_ban_set){.seed = seed, .index_mask = INDEX_SLOTS - 1};
	set->index = calloc(INDEX_SLOTS, sizeof(*set->index));
	set->counters = calloc(SPW_BAN_COUNTS, sizeof(*set->counters));
	if (set->index && set->counters && !spw_ban_set_take_counters(set))
		return 0;
	spw_ban_set_free(set);
	return -ENOMEM;
}

void spw_ban_set_free(struct spw_ban_set *set)
{
	free(set->items);
	free(set->index);
	free(set->counters);
	*set = (struct spw_ban_set){0};
}

static u32 first_slot(const struct spw_ban_set *set, const struct spw_addr *addr, u8 family, u8 len)
{
	u64 state = spw_mix_in(set->seed, addr->hi);

	state = spw_mix_in(state, addr->lo);
	return (u32)spw_mix(state ^ ((u64)family << 8 | len)) & set->index_mask;
}

static bool is_at(const struct spw_ban *ban, const struct spw_prefix *prefix)
{
	return ban->len == prefix->len && ban->family == prefix->family && !spw_addr_compare(&ban->addr, &prefix->addr);
}

/* The slot that holds the item of @prefix, or the free one where it belongs. */
static u32 find_slot(const struct spw_ban_set *set, const struct spw_prefix *prefix)
{
	u32 slot = first_slot(set, &prefix->addr, prefix->family, prefix->len);

	while (set->index[slot] && !is_at(&set->items[set->index[slot] - 1], prefix))
		slot = (slot + 1) & set->index_mask;
	return slot;
}

struct spw_prefix spw_ban_prefix(const struct spw_ban *ban)
{
	return (struct spw_prefix){ban->addr, ban->family, ban->len};
}

struct spw_ban *spw_ban_set_find(const struct spw_ban_set *set, const struct spw_prefix *prefix)
{
	u32 number = set->index[find_slot(set, prefix)];

	return number ? &set->items[number - 1] : NULL;
}

static u32 *length_count(struct spw_ban_set *set, u8 family, u8 len)
{
	return family == 4 ? &set->by_length4[len] : &set->by_length6[len];
}

static bool grow(struct spw_ban_set *set)
{
	u32 capacity = set->capacity ? set->capacity * 2 : FIRST_CAPACITY;
	struct spw_ban *items;

	if (set->count < set->capacity)
		return true;
	if (set->count == SPW_BANS_MAX)
		return false;
	if (capacity > SPW_BANS_MAX)
		capacity = SPW_BANS_MAX;
	items = realloc(set->items, capacity * sizeof(*items));
	if (!items)
		return false;
	set->items = items;
	set->capacity = capacity;
	return true;
}

struct spw_ban *spw_ban_set_put(struct spw_ban_set *set, const struct spw_prefix *prefix)
{
	u32 slot = find_slot(set, prefix);

	if (set->index[slot])
		return &set->items[set->index[slot] - 1];
	if (!grow(set))
		return NULL;
	set->items[set->count++] = (struct spw_ban){
		.addr = prefix->addr,
		.family = prefix->family,
		.len = prefix->len,
		.counter = SPW_BAN_NO_COUNTER,
	};
	set->index[slot] = set->count;
	++*length_count(set, prefix->family, prefix->len);
	return &set->items[set->count - 1];
}

/*
 * Close the gap at @slot, so that no search ends too early: later items move up, unless that would put one before its
 * home slot (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
 */
static void close_gap(struct spw_ban_set *set, u32 slot)
{
	u32 next = slot;

	for (;;) {
		const struct spw_ban *ban;
		u32 home;

		set->index[slot] = 0;
		do {
			next = (next + 1) & set->index_mask;
			if (!set->index[next])
				return;
			ban = &set->items[set->index[next] - 1];
			home = first_slot(set, &ban->addr, ban->family, ban->len);
		} while (((next - home) & set->index_mask) < ((next - slot) & set->index_mask));
		set->index[slot] = set->index[next];
		slot = next;
	}
}

static void give_back(struct spw_ban_set *set, u32 counter)
{
	set->counters[(set->counters_head + set->counters_free++) % SPW_BAN_COUNTS] = counter;
}

static u32 take_counter(struct spw_ban_set *set)
{
	u32 counter = set->counters[set->counters_head];

	set->counters_head = (set->counters_head + 1) % SPW_BAN_COUNTS;
	set->counters_free--;
	return counter;
}

void spw_ban_set_name(struct spw_ban_set *set, struct spw_ban *ban, u16 list)
{
	if (list && ban->counter == SPW_BAN_NO_COUNTER) {
		ban->counter = take_counter(set);
		set->entries++;
	} else if (!list && ban->counter != SPW_BAN_NO_COUNTER) {
		give_back(set, ban->counter);
		ban->counter = SPW_BAN_NO_COUNTER;
		set->entries--;
	}
	ban->list = list;
}

void spw_ban_set_drop(struct spw_ban_set *set, struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban), last_prefix;
	u32 number = (u32)(ban - set->items), last = set->count - 1;

	spw_ban_set_name(set, ban, 0);
	--*length_count(set, ban->family, ban->len);
	close_gap(set, find_slot(set, &prefix));
	if (number != last) {
		last_prefix = spw_ban_prefix(&set->items[last]);
		set->index[find_slot(set, &last_prefix)] = number + 1;
		set->items[number] = set->items[last];
	}
	set->count--;
}

int spw_ban_set_take_counters(struct spw_ban_set *set)
{
	bool *taken = calloc(SPW_BAN_COUNTS, sizeof(*taken));

	if (!taken)
		return -ENOMEM;
	set->entries = 0;
	for (u32 i = 0; i < set->count; i++) {
		if (set->items[i].counter == SPW_BAN_NO_COUNTER)
			continue;
		taken[set->items[i].counter] = true;
		set->entries++;
	}
	set->counters_head = set->counters_free = 0;
	for (u32 counter = 0; counter < SPW_BAN_COUNTS; counter++)
		if (!taken[counter])
			give_back(set, counter);
	free(taken);
	return 0;
}

u64 spw_ban_jiffies(const struct spw_ban_clock *clock, u64 until_ns)
{
	u64 left = until_ns > clock->now_ns ? until_ns - clock->now_ns : 0;

	if (until_ns == SPW_BAN_FOREVER)
		return SPW_BAN_FOREVER;
	/* Whole seconds first, so that years of nanoseconds times jiffies do not overflow. */
	return clock->now_jiffies + left / 1000000000 * clock->jiffies_per_second +
	       (left % 1000000000 * clock->jiffies_per_second + 999999999) / 1000000000;
}

struct spw_ban_key spw_ban_key(const struct spw_prefix *prefix)
{
	return (struct spw_ban_key){prefix->addr.hi, prefix->addr.lo, prefix->len, prefix->family};
}

/* ---- the filter ---- */

static u64 upper_bits(u32 bits)
{
	return bits ? ~0ull << (64 - bits) : 0;
}

static void add(const struct spw_ban_filter *filter, u64 *words, u64 hi, u64 lo, u64 tag)
{
	u64 hash = spw_ban_hash(filter, hi, lo, tag);

	/* Atomic: the datapath reads the word on other CPUs. */
	__atomic_fetch_or(&words[spw_ban_word(hash)], spw_ban_bloom(hash), __ATOMIC_RELEASE);
}

static u32 block_bits(const struct spw_ban_part *part, u8 family)
{
	u64 mask = part->block_masks[family == 6];
	u32 bits = 0;

	for (; mask; mask <<= 1)
		bits++;
	return bits;
}

/* How many blocks of @bits bits a prefix covers; capped above SPW_BAN_BLOCKS_MAX. */
static u64 blocks_of(u32 len, u32 bits)
{
	if (len >= bits)
		return 1;
	return bits - len < 32 ? 1ull << (bits - len) : SPW_BAN_BLOCKS_MAX + 1;
}

/* Add all blocks of a prefix; false: too many. */
static bool add_blocks(const struct spw_ban_filter *filter, struct spw_ban_part *part, const struct spw_addr *addr,
		       u8 family, u32 len, u64 most)
{
	u32 bits = block_bits(part, family);
	u64 count = blocks_of(len, bits), hi = addr->hi & part->block_masks[family == 6];

	if (count > most)
		return false;
	for (u64 i = 0; i < count; i++)
		add(filter, part->blocks, bits ? hi + (i << (64 - bits)) : 0, 0, part->block_tags[family == 6]);
	return true;
}

/*
 * The longest blocks that are not too many: a short prefix covers many blocks, while shorter blocks let more neighbours
 * of a ban pass the filter.
 */
static u32 choose_block_bits(const u32 *by_length, u32 lengths, u32 most)
{
	u32 bits = most;

	for (; bits; bits--) {
		u64 blocks = 0;

		for (u32 len = 0; len < lengths && blocks <= SPW_BAN_BLOCKS_MAX; len++)
			blocks += by_length[len] * blocks_of(len, bits);
		if (blocks <= SPW_BAN_BLOCKS_MAX)
			break;
	}
	return bits;
}

static u64 make_tag(const struct spw_ban_filter *filter, u32 kind, u8 family, u32 len)
{
	return spw_mix(filter->seed[0] ^ ((u64)kind << 16 | (u64)family << 8 | len));
}

static struct spw_ban_length make_length(const struct spw_ban_filter *filter, u8 family, u32 len)
{
	return (struct spw_ban_length){
		.mask_hi = upper_bits(len < 64 ? len : 64),
		.mask_lo = len > 64 ? upper_bits(len - 64) : 0,
		.tag = make_tag(filter, 0, family, len),
		.length = len,
		.used = 1,
	};
}

bool spw_ban_filter_add(struct spw_ban_filter *filter, const struct spw_prefix *prefix)
{
	enum { AT_ONCE = 256 };
	struct spw_ban_part *part = &filter->parts[(filter->active - 1) & 1];
	const struct spw_ban_length *in_use = &part->lengths[prefix->family == 4 ? 0 : LENGTHS6];

	if (!filter->active)
		return false;
	while (in_use->used && in_use->length != prefix->len)
		in_use++;
	if (!in_use->used || !add_blocks(filter, part, &prefix->addr, prefix->family, prefix->len, AT_ONCE))
		return false;
	add(filter, part->keys, prefix->addr.hi, prefix->addr.lo, in_use->tag);
	return true;
}

static void make_lengths(const struct spw_ban_filter *filter, const struct spw_ban_set *set, struct spw_ban_part *part)
{
	struct spw_ban_length *length4 = part->lengths, *length6 = &part->lengths[LENGTHS6];

	part->block_masks[0] = upper_bits(choose_block_bits(set->by_length4, SPW_BAN_LENGTHS4, SPW_BAN_BLOCK_BITS4));
	part->block_masks[1] = upper_bits(choose_block_bits(set->by_length6, SPW_BAN_LENGTHS6, SPW_BAN_BLOCK_BITS6));
	part->block_tags[0] = make_tag(filter, 1, 4, 0);
	part->block_tags[1] = make_tag(filter, 1, 6, 0);
	for (u32 len = SPW_BAN_LENGTHS6; len--;) {
		if (len < SPW_BAN_LENGTHS4 && set->by_length4[len])
			*length4++ = make_length(filter, 4, len);
		if (set->by_length6[len])
			*length6++ = make_length(filter, 6, len);
	}
}

u32 spw_ban_filter_make(struct spw_ban_filter *filter, const struct spw_ban_set *set)
{
	u32 next = filter->active == 1 ? 2 : 1;
	struct spw_ban_part *part = &filter->parts[next - 1];
	u64 tags[2][SPW_BAN_LENGTHS6];

	if (!set->count)
		return 0;
	memset(part, 0, sizeof(*part));
	make_lengths(filter, set, part);
	for (u32 len = 0; len < SPW_BAN_LENGTHS6; len++) {
		tags[0][len] = make_tag(filter, 0, 4, len);
		tags[1][len] = make_tag(filter, 0, 6, len);
	}
	for (u32 i = 0; i < set->count; i++) {
		const struct spw_ban *ban = &set->items[i];

		add(filter, part->keys, ban->addr.hi, ban->addr.lo, tags[ban->family == 6][ban->len]);
		add_blocks(filter, part, &ban->addr, ban->family, ban->len, SPW_BAN_BLOCKS_MAX);
	}
	return next;
}
