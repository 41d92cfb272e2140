/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ban of a source, if any (maps/ban.h); looked up before the table. Without bans this costs one load; with bans,
 * but none near the source, one Bloom filter test. The search is a global function: inlined, the verifier would walk
 * the rest of the program for each branch of the loop.
 */
#ifndef SPW_BPF_BAN_BPF_H
#define SPW_BPF_BAN_BPF_H

#include "maps/maps.bpf.h"
#include "ban_filter.h"

/* What the search needs, copied so that the packet can stay in registers. */
struct spw_sought {
	u64 source_hi;
	u64 source_lo;
	u32 family;
	u32 bytes; /* of the frame */
};

/* The ban or hole of one prefix length, or NULL. Looks into the hash only if the filter matches. */
SPW_INLINE const struct spw_ban_value *look_up_ban(const struct spw_ban_filter *filter, const struct spw_ban_part *part,
						   const struct spw_sought *sought, const struct spw_ban_length *length)
{
	const struct spw_ban_key key = {
		.source_hi = sought->source_hi & length->mask_hi,
		.source_lo = sought->source_lo & length->mask_lo,
		.length = length->length,
		.family = sought->family,
	};

	if (!spw_ban_perhaps(part->keys, spw_ban_hash(filter, key.source_hi, key.source_lo, length->tag)))
		return NULL;
	return bpf_map_lookup_elem(&bans, &key);
}

SPW_INLINE void count_ban(u32 counter, u32 bytes)
{
	struct spw_ban_count *count = bpf_map_lookup_elem(&ban_counts, &counter);

	if (!count)
		return;
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, bytes);
}

/* Tries the lengths in use, longest first, until a live ban or a hole. */
__attribute__((noinline)) int search_bans(const struct spw_sought *sought)
{
	const struct spw_ban_filter *filter = bpf_map_lookup_elem(&ban_filter, &only);
	const struct spw_ban_part *part;
	u32 first;

	if (!sought || !filter)
		return 0;
	first = sought->family == 4 ? 0 : SPW_BAN_LENGTHS4 + 1;
	part = &filter->parts[(filter->active - 1) & 1];
	for (u32 i = 0; i < SPW_BAN_LENGTHS6; i++) {
		const struct spw_ban_length *length = &part->lengths[first + i];
		const struct spw_ban_value *value;

		if (!length->used)
			break;
		value = look_up_ban(filter, part, sought, length);
		if (!value)
			continue;
		if (value->list && bpf_jiffies64() < value->until_jiffies) {
			if (sought->bytes) /* 0: a lookup without a packet */
				count_ban(value->counter, sought->bytes);
			return value->list;
		}
		if (value->hole)
			break;
	}
	return 0;
}

/**
 * spw_ban_list() - the list of the source's longest live ban, unless a list has a longer prefix; counts the packet.
 * Returns the list's identity; 0: look in the table.
 */
SPW_INLINE u32 spw_ban_list(const struct spw_packet *packet)
{
	const struct spw_ban_filter *filter = bpf_map_lookup_elem(&ban_filter, &only);
	struct spw_sought sought;

	if (!filter || !filter->active || !packet->family)
		return 0;
	if (!spw_ban_near(filter, &filter->parts[(filter->active - 1) & 1], packet->family, packet->source_hi))
		return 0;
	sought = (struct spw_sought){packet->source_hi, packet->source_lo, packet->family, packet->length};
	return (u32)search_bans(&sought);
}

#endif
