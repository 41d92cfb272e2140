/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is there an entry for this source, and which list does it name (maps/entry.h)? Kernel side; called by the pipeline
 * before the table. Where there are no entries this is one load; where there are some but none near the source, one
 * look at a filter. All else is a function of its own: inside the pipeline each branch of its loop would make the
 * verifier walk the rest of the program once more.
 */
#ifndef SPW_BPF_ENTRY_BPF_H
#define SPW_BPF_ENTRY_BPF_H

#include "maps/maps.bpf.h"

/* Of a packet what the search goes by: a copy, as the packet itself is best kept in registers. */
struct spw_sought {
	u64 source_hi;
	u64 source_lo;
	u32 family;
	u32 bytes; /* of the frame */
};

/* What there is at a probe; NULL: nothing. The call is made only where the filter says perhaps. */
SPW_INLINE const struct spw_ban_value *look_up_entry(const struct spw_ban_filter *filter,
						     const struct spw_ban_part *part, const struct spw_sought *sought,
						     const struct spw_ban_probe *probe)
{
	const struct spw_ban_key key = {
		.source_hi = sought->source_hi & probe->mask_hi,
		.source_lo = sought->source_lo & probe->mask_lo,
		.length = probe->length,
		.family = sought->family,
	};

	if (!spw_ban_perhaps(part->keys, spw_ban_hash(filter, key.source_hi, key.source_lo, probe->tag)))
		return NULL;
	return bpf_map_lookup_elem(&bans, &key);
}

SPW_INLINE void count_entry(u32 counter, u32 bytes)
{
	struct spw_ban_count *count = bpf_map_lookup_elem(&ban_counts, &counter);

	if (!count)
		return;
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, bytes);
}

/* Every length in use, the longest first: the first live entry, or the first hole, ends it. */
__attribute__((noinline)) int search_entries(const struct spw_sought *sought)
{
	const struct spw_ban_filter *filter = bpf_map_lookup_elem(&ban_filter, &only);
	const struct spw_ban_part *part;
	u32 first;

	if (!sought || !filter)
		return 0;
	first = sought->family == 4 ? 0 : SPW_BAN_LENGTHS4 + 1;
	part = &filter->parts[(filter->active - 1) & 1];
	for (u32 i = 0; i < SPW_BAN_LENGTHS6; i++) {
		const struct spw_ban_probe *probe = &part->probes[first + i];
		const struct spw_ban_value *value;

		if (!probe->used)
			break;
		value = look_up_entry(filter, part, sought, probe);
		if (!value)
			continue;
		if (value->list && bpf_jiffies64() < value->until_jiffies) {
			count_entry(value->counter, sought->bytes);
			return value->list;
		}
		if (value->hole)
			break;
	}
	return 0;
}

/**
 * spw_ban_list() - the list that the longest live entry of the source names, if no longer prefix of the lists holds
 * the source; counts the packet there.
 * Returns its identity; 0: the table is to be asked.
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
	return (u32)search_entries(&sought);
}

#endif
