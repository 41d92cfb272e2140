/* SPDX-License-Identifier: GPL-2.0-only */
#include "own_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/own.h"

void spw_own_set_clear(struct spw_own_set *set)
{
	set->prefixes_count = set->macs_count = 0;
	memset(set->bridge_ports, 0, sizeof(set->bridge_ports));
	set->overflown = false;
}

void spw_own_set_prefix(struct spw_own_set *set, const struct spw_prefix *prefix)
{
	if (spw_own_always(prefix->family, prefix->addr.hi) && prefix->len >= (prefix->family == 4 ? 4 : 10))
		return;
	if (set->prefixes_count == SPW_OWN_RAW_MAX)
		set->overflown = true;
	else
		set->prefixes[set->prefixes_count++] = *prefix;
}

void spw_own_set_mac(struct spw_own_set *set, u64 mac)
{
	if (mac & SPW_MAC_GROUP)
		return;
	if (set->macs_count == SPW_OWN_RAW_MAX)
		set->overflown = true;
	else
		set->macs[set->macs_count++] = mac;
}

/* Without room it counts as overheard instead of bridged. */
void spw_own_set_port(struct spw_own_set *set, u32 interface)
{
	for (u32 i = 0; i < SPW_OWN_PORTS_MAX; i++) {
		if (set->bridge_ports[i] == interface)
			return;
		if (!set->bridge_ports[i]) {
			set->bridge_ports[i] = interface;
			return;
		}
	}
}

/* Whole addresses last, then by length, so that lengths are together. */
static int compare_prefixes(const void *left_item, const void *right_item)
{
	const struct spw_prefix *left = left_item, *right = right_item;

	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	if (left->len != right->len)
		return left->len < right->len ? -1 : 1;
	return spw_addr_compare(&left->addr, &right->addr);
}

static int compare_macs(const void *left_item, const void *right_item)
{
	u64 left = *(const u64 *)left_item, right = *(const u64 *)right_item;

	return left < right ? -1 : left > right;
}

static bool same_prefix(const struct spw_prefix *one, const struct spw_prefix *other)
{
	return compare_prefixes(one, other) == 0;
}

int spw_own_set_finish(struct spw_own_set *set, u32 *count)
{
	u32 kept = 0;

	*count = 0;
	if (set->overflown)
		return -E2BIG;
	qsort(set->prefixes, set->prefixes_count, sizeof(*set->prefixes), compare_prefixes);
	for (u32 i = 0; i < set->prefixes_count; i++)
		if (!i || !same_prefix(&set->prefixes[i], &set->prefixes[kept - 1]))
			set->prefixes[kept++] = set->prefixes[i];
	set->prefixes_count = kept;
	qsort(set->macs, set->macs_count, sizeof(*set->macs), compare_macs);
	kept = 0;
	for (u32 i = 0; i < set->macs_count; i++)
		if (!i || set->macs[i] != set->macs[kept - 1])
			set->macs[kept++] = set->macs[i];
	set->macs_count = kept;
	*count = set->prefixes_count + set->macs_count;
	return *count > SPW_OWN_KEYS_MAX ? -E2BIG : 0;
}

bool spw_own_set_same(const struct spw_own_set *one, const struct spw_own_set *other)
{
	if (one->prefixes_count != other->prefixes_count || one->macs_count != other->macs_count ||
	    memcmp(one->bridge_ports, other->bridge_ports, sizeof(one->bridge_ports)) != 0 ||
	    memcmp(one->macs, other->macs, one->macs_count * sizeof(*one->macs)) != 0)
		return false;
	for (u32 i = 0; i < one->prefixes_count; i++)
		if (!same_prefix(&one->prefixes[i], &other->prefixes[i]))
			return false;
	return true;
}

/* ---- the table ---- */

static u64 mask(u32 bits)
{
	return bits ? UINT64_MAX << (64 - bits) : 0;
}

static bool is_whole(const struct spw_prefix *prefix)
{
	return prefix->len == (prefix->family == 4 ? 32 : 128);
}

/* The length of @prefix among those of its family, added if new; NULL: too many. */
static struct spw_own_length *find_length(struct spw_own_part *part, const struct spw_prefix *prefix)
{
	struct spw_own_length *lengths = part->lengths[prefix->family == 6];
	u64 hi = mask(prefix->len < 64 ? prefix->len : 64), lo = mask(prefix->len > 64 ? prefix->len - 64u : 0);

	for (u32 i = 0; i < SPW_OWN_LENGTHS_MAX; i++) {
		if (!lengths[i].used)
			lengths[i] = (struct spw_own_length){hi, lo, 0, 1};
		if (lengths[i].mask_hi == hi && lengths[i].mask_lo == lo)
			return &lengths[i];
	}
	return NULL;
}

static void draw_salts(struct spw_own_part *part, u64 seed)
{
	part->salt4 = spw_mix(seed + 1);
	part->salt6 = spw_mix(seed + 2);
	part->salt_mac = spw_mix(seed + 3);
	for (u32 index = 0; index < 2; index++)
		for (u32 i = 0; i < SPW_OWN_LENGTHS_MAX; i++)
			part->lengths[index][i].salt = spw_mix(seed + 4 + index * SPW_OWN_LENGTHS_MAX + i);
}

static u64 prefix_key(struct spw_own_part *part, const struct spw_prefix *prefix)
{
	const struct spw_own_length *length = is_whole(prefix) ? NULL : find_length(part, prefix);

	if (prefix->family == 4)
		return spw_own_key4(length ? length->salt : part->salt4, prefix->addr.hi);
	return spw_own_key6(length ? length->salt : part->salt6, prefix->addr.hi, prefix->addr.lo);
}

/* Puts all keys into cells of their own. False: two share one; all cells are empty again. */
static bool put_all(const struct spw_own_set *set, struct spw_own_part *part)
{
	u32 count = set->prefixes_count + set->macs_count;
	u64 keys[SPW_OWN_KEYS_MAX];

	for (u32 i = 0; i < count && i < SPW_OWN_KEYS_MAX; i++) {
		keys[i] = i < set->prefixes_count ? prefix_key(part, &set->prefixes[i])
						  : spw_own_key_mac(part->salt_mac, set->macs[i - set->prefixes_count]);
		if (!part->cells[spw_own_cell(keys[i])] && keys[i]) {
			part->cells[spw_own_cell(keys[i])] = keys[i];
			continue;
		}
		while (i--)
			part->cells[spw_own_cell(keys[i])] = 0;
		return false;
	}
	return true;
}

int spw_own_fill(const struct spw_own_set *set, u64 *seed, u32 attempts, struct spw_own_part *part)
{
	if (set->prefixes_count + set->macs_count > SPW_OWN_KEYS_MAX)
		return -E2BIG;
	memset(part, 0, sizeof(*part));
	for (u32 i = 0; i < set->prefixes_count; i++)
		if (!is_whole(&set->prefixes[i]) && !find_length(part, &set->prefixes[i]))
			return -E2BIG;
	for (u32 i = 0; i < attempts; i++) {
		*seed = spw_mix(*seed + 1);
		draw_salts(part, *seed);
		if (put_all(set, part))
			return 0;
	}
	return -EAGAIN;
}
