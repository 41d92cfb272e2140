/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bans: prefixes that an operator, or fail2ban, put into a list for a time. They are kept beside the compiled table, so
 * adding one compiles nothing. The most specific prefix of both wins: a ban overrides the table unless a list has a
 * longer prefix for the source.
 *
 * Three maps; the agent writes all but the counters:
 *   bans           hash: key -> value. The datapath tries the lengths in use, longest first; the first live one wins.
 *                  Where a list has prefixes within a ban, the agent adds holes: keys that say "look in the table".
 *   ban_filter     in front of the hash, as calls are expensive: a Bloom filter of the address blocks that have any
 *                  ban (one load, whatever lengths are in use), then the lengths in use and a Bloom filter of the keys.
 *   ban_counts     packets and bytes. A value names its counter and what it showed when the ban was made, so that the
 *                  agent can replace values while the datapath counts. A freed counter is reused only after
 *                  SPW_BAN_COUNTS_SPARE others, long after the last packet that could still count there.
 *
 * The datapath compares the end of a ban with the clock, so bans end on time however many end at once; the agent
 * removes them later.
 *
 * The filter has two parts. Bits are added to the active one. For other changes (a new length, clearing bits) the agent
 * rewrites the other part and switches `active`, at most once per slice of work, so that packets still reading the old
 * part see it unchanged. Order of writes: bits, holes, ban; removal in reverse. A concurrent packet sees a ban slightly
 * early or late. The kernel may reuse removed values at once: a packet holding one may be judged by half of one ban and
 * half of another, both valid.
 */
#ifndef SPW_MAPS_BAN_H
#define SPW_MAPS_BAN_H

#include "types.h"

enum spw_ban_bounds {
	SPW_BANS_MAX = 131072, /* bans and holes */
	SPW_BAN_COUNTS_SPARE = 4096,
	SPW_BAN_COUNTS = SPW_BANS_MAX + SPW_BAN_COUNTS_SPARE,
	SPW_BAN_NOTE_MAX = 64,		   /* bytes of a note with its final NUL */
	SPW_BAN_OWNER_MAX = 32,		   /* the same of an owner's name */
	SPW_BAN_SECONDS_MAX = 366 * 86400, /* of a ban that has an end */
	SPW_BAN_LENGTHS4 = 33,
	SPW_BAN_LENGTHS6 = 129,
	SPW_BAN_WORDS = 16384,	     /* of each filter: 2^20 bits */
	SPW_BAN_BLOCKS_MAX = 131072, /* in the block filter, per family; blocks are as long as this permits */
	SPW_BAN_BLOCK_BITS4 = 32,
	SPW_BAN_BLOCK_BITS6 = 64,
};

#define SPW_BAN_MAGIC 0x73707765u /* "spwe" */

/* In place of an end: permanent. */
#define SPW_BAN_FOREVER (~0ull)

/* The source, left aligned, with the bits beyond the length zero. */
struct spw_ban_key {
	u64 source_hi;
	u64 source_lo;
	u32 length;
	u32 family; /* 4 or 6 */
};

struct spw_ban_value {
	u64 until_jiffies; /* the ban ends here */
	u32 counter;	   /* index into ban_counts */
	u16 list;	   /* identity; 0: only a hole */
	u16 hole; /* 1: a list has this prefix inside a wider ban: unless this is a live ban, look in the table */
	/* For the agent and `list show`; not read by the datapath. */
	u64 until_ns;	    /* the same moment, CLOCK_MONOTONIC */
	u64 packets_before; /* counter value when the ban was made */
	u64 bytes_before;
	char note[SPW_BAN_NOTE_MAX]; /* and, after its NUL, the owner: store/ban_label.h */
};

/* One value of ban_counts; wraps at 2^64, and so do differences. */
struct spw_ban_count {
	u64 packets;
	u64 bytes;
};

/* A length that is in use. */
struct spw_ban_length {
	u64 mask_hi;
	u64 mask_lo;
	u64 tag; /* part of the hash */
	u32 length;
	u32 used; /* 0: end of the table */
};

struct spw_ban_part {
	u64 block_masks[2]; /* IPv4, IPv6: the bits of source_hi that make a block */
	u64 block_tags[2];
	u64 reserved[4];
	u64 blocks[SPW_BAN_WORDS];
	/* Longest first: IPv4, then, from SPW_BAN_LENGTHS4 + 1 on, IPv6. */
	struct spw_ban_length lengths[SPW_BAN_LENGTHS4 + 1 + SPW_BAN_LENGTHS6 + 1];
	u64 keys[SPW_BAN_WORDS];
};

/* Map ban_filter, one value. */
struct spw_ban_filter {
	u32 active; /* 0: there are no bans; else the part in use, counted from 1 */
	u32 magic;
	u64 seed[2];  /* of the hash, odd; secret, so that nobody can choose sources that pass the filter */
	u32 restored; /* 1: the state file of an earlier boot was read; from then on the maps are newer */
	u32 reserved[9];
	struct spw_ban_part parts[2];
};

/* Map ban_totals, by list identity. Only the agent writes; never reset. */
struct spw_ban_totals {
	u64 entries; /* now; includes ended ones not removed yet */
	u64 added;
	u64 expired;
	u64 removed;
};

_Static_assert(sizeof(struct spw_ban_key) == 24, "key of the pinned bans map");
_Static_assert(sizeof(struct spw_ban_value) == 104, "layout of the pinned bans map");
_Static_assert(sizeof(struct spw_ban_length) == 32, "part of the pinned ban_filter map");
_Static_assert(__builtin_offsetof(struct spw_ban_filter, parts) == 64, "what every packet reads fills one cache line");
_Static_assert(sizeof(struct spw_ban_totals) == 32, "layout of the pinned ban_totals map");

#endif
