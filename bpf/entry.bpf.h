/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is there an entry for this source, and which list does it name (maps/entry.h)? Kernel side; called by the pipeline
 * between parsing and the table. Where there are no entries this is one load.
 */
#ifndef SPW_BPF_ENTRY_BPF_H
#define SPW_BPF_ENTRY_BPF_H

#include "../maps/maps.bpf.h"

/* What there is at one probe: NULL, nothing that counts. */
SPW_INLINE const struct spw_entry_value *look_up_entry(const struct spw_packet *packet,
						       const struct spw_entry_probe *probe)
{
	const struct spw_entry_key key = {
		.source_hi = packet->source_hi & probe->mask_hi,
		.source_lo = packet->source_lo & probe->mask_lo,
		.length = probe->length,
		.family = packet->family,
	};

	return bpf_map_lookup_elem(&entries, &key);
}

SPW_INLINE bool filter_says_perhaps(const struct spw_entry_filter *filter, const struct spw_entry_part *part,
				    const struct spw_packet *packet, const struct spw_entry_probe *probe)
{
	return spw_entry_perhaps(part, spw_entry_hash(filter, packet->source_hi & probe->mask_hi,
						      packet->source_lo & probe->mask_lo, probe->tag));
}

SPW_INLINE void count_entry(u32 counter, u32 bytes)
{
	struct spw_entry_count *count = bpf_map_lookup_elem(&entry_counts, &counter);

	if (!count)
		return;
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, bytes);
}

/**
 * spw_entry_list() - the list that the longest live entry of the source names, if no longer prefix of the lists holds
 * the source; counts the packet there.
 * Returns its identity; 0: the table is to be asked.
 */
SPW_INLINE u32 spw_entry_list(const struct spw_packet *packet)
{
	const struct spw_entry_filter *filter = bpf_map_lookup_elem(&entry_filter, &only);
	const struct spw_entry_part *part;
	u32 first = packet->family == 4 ? 0 : SPW_ENTRY_LENGTHS4 + 1;

	if (!filter || !filter->active || !packet->family)
		return 0;
	part = &filter->parts[(filter->active - 1) & 1];
	for (u32 i = 0; i < SPW_ENTRY_LENGTHS6; i++) {
		const struct spw_entry_probe *probe = &part->probes[first + i];
		const struct spw_entry_value *value;

		if (!probe->used)
			break;
		if (!filter_says_perhaps(filter, part, packet, probe))
			continue;
		value = look_up_entry(packet, probe);
		if (!value)
			continue;
		if (value->list && bpf_jiffies64() < value->until_jiffies) {
			u32 list = value->list;

			count_entry(value->counter, packet->length);
			return list;
		}
		if (value->hole)
			break;
	}
	return 0;
}

#endif
