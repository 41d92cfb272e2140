/* SPDX-License-Identifier: GPL-2.0-only */
/* The Bloom filters in front of the bans (maps/ban.h). Pure: the datapath asks them, the agent fills them. */
#ifndef SPW_BPF_BAN_FILTER_H
#define SPW_BPF_BAN_FILTER_H

#include "maps/ban.h"

/*
 * Multiply-shift hashing (Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair problem", 1997):
 * the upper bits of sums of products with secret odd numbers. The address must already be masked.
 */
SPW_INLINE u64 spw_ban_hash(const struct spw_ban_filter *filter, u64 source_hi, u64 source_lo, u64 tag)
{
	u64 hash = source_hi * filter->seed[0] + source_lo * filter->seed[1] + tag;

	return (hash ^ hash >> 32) * filter->seed[1];
}

/* Both bits of a hash are in one word, so a test is one load (blocked Bloom filter). */
SPW_INLINE u32 spw_ban_word(u64 hash)
{
	return (u32)(hash >> 50);
}

SPW_INLINE u64 spw_ban_bloom(u64 hash)
{
	return 1ull << (hash >> 44 & 63) | 1ull << (hash >> 38 & 63);
}

/* False: never added. True: perhaps. */
SPW_INLINE bool spw_ban_perhaps(const u64 *words, u64 hash)
{
	u64 bits = spw_ban_bloom(hash);

	return (words[spw_ban_word(hash)] & bits) == bits;
}

/* Whether the source's address block may hold a ban. */
SPW_INLINE bool spw_ban_near(const struct spw_ban_filter *filter, const struct spw_ban_part *part, u32 family,
			     u64 source_hi)
{
	u32 index = family >> 1 & 1; /* 4: 0, 6: 1 */

	return spw_ban_perhaps(part->blocks,
			       spw_ban_hash(filter, source_hi & part->block_masks[index], 0, part->block_tags[index]));
}

#endif
