/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries by hand or by machine: a prefix that an operator, or fail2ban on his behalf, put into a list for a time. They
 * stand beside the compiled table, so that one more costs no compilation, and the most specific prefix still wins
 * between both: an entry beats the table unless a prefix of the lists that is longer than the entry holds the source.
 *
 * Three maps, all written by the agent alone but for the counters, and none that the datapath can make an entry in:
 *   entries        hash: key -> value. The datapath probes the lengths in use, the longest first; the first live one
 *                  wins. The table has no lengths, so where prefixes of the lists lie within an entry the agent puts
 *                  holes: keys that say "here the table knows better".
 *   entry_filter   in front of it, as calls cost: first a Bloom filter of the blocks of addresses that have any entry,
 *                  one look whatever lengths there are; behind it the lengths in use and a Bloom filter of the keys.
 *   entry_counts   packets and bytes by number of the counter. The value only names its counter and says where that
 *                  stood when the entry was made: so the agent replaces values (another end, another note, a hole that
 *                  comes or goes) while the datapath counts, and neither can undo what the other wrote. The agent never
 *                  writes a counter. A number that is given back is used again only after SPW_BAN_COUNTS_SPARE others
 *                  were, which is milliseconds after the last packet that may still count there.
 *
 * An entry ends by the datapath's own look at the clock: however many end at one moment, none is late and nothing has
 * to be done then. The agent removes them at its leisure.
 *
 * The filter is in two parts. The agent adds bits to the one in use; what cannot be added (a new length, bits that are
 * to go) is made in the other part, and `active` is turned over to it. It turns over at most once in a slice of its
 * work, so a packet that still reads the former part, for less than a microsecond, reads it whole. The order of writing
 * is: bits, then holes, then the entry; and backwards. A packet that runs meanwhile sees an entry too early or too late
 * by that moment. Values of removed entries may be used again by the kernel at once: a packet that found one just then
 * may be judged by half of one and half of another entry, which both are or were valid.
 */
#ifndef SPW_MAPS_ENTRY_H
#define SPW_MAPS_ENTRY_H

#include "types.h"

enum spw_ban_bounds {
	SPW_BANS_MAX = 131072, /* entries and holes */
	SPW_BAN_COUNTS_SPARE = 4096,
	SPW_BAN_COUNTS = SPW_BANS_MAX + SPW_BAN_COUNTS_SPARE,
	SPW_BAN_NOTE_MAX = 64, /* bytes of a note with its final NUL */
	SPW_BAN_LENGTHS4 = 33,
	SPW_BAN_LENGTHS6 = 129,
	SPW_BAN_WORDS = 16384,	     /* of each filter: 2^20 bits */
	SPW_BAN_BLOCKS_MAX = 131072, /* in the filter of blocks, of each family: as long as they may be within that */
	SPW_BAN_BLOCK_BITS4 = 32,
	SPW_BAN_BLOCK_BITS6 = 64,
};

#define SPW_BAN_MAGIC 0x73707765u /* "spwe" */

/* In place of an end: until it is removed. */
#define SPW_BAN_FOREVER (~0ull)

/* The source, left aligned as everywhere, with the bits behind the length zero. */
struct spw_ban_key {
	u64 source_hi;
	u64 source_lo;
	u32 length;
	u32 family; /* 4 or 6 */
};

struct spw_ban_value {
	u64 until_jiffies; /* from then on there is no entry here */
	u32 counter;	   /* index into entry_counts */
	u16 list;	   /* identity; 0: only a hole */
	u16 hole; /* 1: a list has this very prefix and an entry around it; without a live entry the table is asked */
	/* Below: for the agent and for `list show`; the datapath does not read it. */
	u64 until_ns;	    /* the same moment, CLOCK_MONOTONIC */
	u64 packets_before; /* where the counter stood when the entry was made */
	u64 bytes_before;
	char note[SPW_BAN_NOTE_MAX];
};

/* One value of entry_counts; both wrap at 2^64, and so do differences to them. */
struct spw_ban_count {
	u64 packets;
	u64 bytes;
};

/* A length that is in use. */
struct spw_ban_probe {
	u64 mask_hi;
	u64 mask_lo;
	u64 tag; /* goes into the hash */
	u32 length;
	u32 used; /* 0: ends the table */
};

struct spw_ban_part {
	u64 block_masks[2]; /* IPv4, IPv6: of the upper half of a source, the bits that make its block */
	u64 block_tags[2];
	u64 reserved[4];
	u64 blocks[SPW_BAN_WORDS];
	/* The longest first: IPv4, then, from SPW_BAN_LENGTHS4 + 1 on, IPv6. */
	struct spw_ban_probe probes[SPW_BAN_LENGTHS4 + 1 + SPW_BAN_LENGTHS6 + 1];
	u64 keys[SPW_BAN_WORDS];
};

/* Map entry_filter, one value. */
struct spw_ban_filter {
	u32 active; /* 0: there are no entries; else the part in use, counted from 1 */
	u32 magic;
	u64 seed[2];  /* of the hash, odd; secret, so that nobody can choose sources that pass the filter */
	u32 restored; /* 1: what an earlier boot has left was read; from then on the maps know better than the file */
	u32 reserved[9];
	struct spw_ban_part parts[2];
};

/* Map entry_totals, by list identity. Only the agent writes; never reset. */
struct spw_ban_totals {
	u64 entries; /* now; those that ended and are not removed yet too */
	u64 added;
	u64 expired;
	u64 removed;
};

/*
 * Multiply-shift (Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair problem", 1997): the
 * upper bits of sums of products with secret odd numbers. What is hashed is masked already.
 */
SPW_INLINE u64 spw_ban_hash(const struct spw_ban_filter *filter, u64 source_hi, u64 source_lo, u64 tag)
{
	u64 hash = source_hi * filter->seed[0] + source_lo * filter->seed[1] + tag;

	return (hash ^ hash >> 32) * filter->seed[1];
}

/* Both bits of a hash stand in one word, so that a look is one load (a "blocked" Bloom filter). */
SPW_INLINE u32 spw_ban_word(u64 hash)
{
	return (u32)(hash >> 50);
}

SPW_INLINE u64 spw_ban_bloom(u64 hash)
{
	return 1ull << (hash >> 44 & 63) | 1ull << (hash >> 38 & 63);
}

/* False: it was never added. True: perhaps it was. */
SPW_INLINE bool spw_ban_perhaps(const u64 *words, u64 hash)
{
	u64 bits = spw_ban_bloom(hash);

	return (words[spw_ban_word(hash)] & bits) == bits;
}

/* Whether the block of a source has perhaps an entry. */
SPW_INLINE bool spw_ban_near(const struct spw_ban_filter *filter, const struct spw_ban_part *part, u32 family,
			     u64 source_hi)
{
	u32 index = family >> 1 & 1; /* 4: 0, 6: 1 */

	return spw_ban_perhaps(part->blocks,
			       spw_ban_hash(filter, source_hi & part->block_masks[index], 0, part->block_tags[index]));
}

_Static_assert(sizeof(struct spw_ban_key) == 24, "key of the pinned entries map");
_Static_assert(sizeof(struct spw_ban_value) == 104, "layout of the pinned entries map");
_Static_assert(sizeof(struct spw_ban_probe) == 32, "part of the pinned entry_filter map");
_Static_assert(__builtin_offsetof(struct spw_ban_filter, parts) == 64, "what every packet reads fills one cache line");
_Static_assert(sizeof(struct spw_ban_totals) == 32, "layout of the pinned entry_totals map");

#endif
