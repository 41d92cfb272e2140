/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's table of bans and holes (maps/ban.h): the content of the map without notes and counters, found by prefix
 * and iterated by index; and the filter made from it. Pure: no map, no clock; agent/ban_table.c writes the result
 * through kernel/ban_maps.h, agent/bans.c says when.
 */
#ifndef SPW_CORE_BAN_SET_H
#define SPW_CORE_BAN_SET_H

#include <stddef.h>

#include "maps/ban.h"
#include "core/table/prefix.h"

/* Prefixes of lists within one ban; a ban with more is refused. */
#define SPW_BAN_HOLES_MAX 4096

#define SPW_BAN_NO_COUNTER UINT32_MAX

/* One key of the map. */
struct spw_ban {
	struct spw_addr addr;
	u64 until_ns; /* of a ban: CLOCK_MONOTONIC, the latest end of its owners; SPW_BAN_FOREVER */
	u32 counter;  /* SPW_BAN_NO_COUNTER: only a hole */
	u32 claims;   /* ban_owners.h: the first of several owners; 0: @owner is the only one */
	u16 list;     /* identity; 0: only a hole */
	u16 owner;    /* number of the owner of until_ns; 0: only a hole */
	u8 family;
	u8 len;
	u8 wanted_by; /* bans that contain this prefix of a list, at most one per length; above 0 it is a hole */
	bool hole;    /* as in the map; follows wanted_by */
};

_Static_assert(sizeof(struct spw_ban) == 40, "131072 of them should stay small");

struct spw_ban_set {
	struct spw_ban *items; /* owned; packed: the last one fills the gap of a removed one */
	u32 count;
	u32 capacity;
	u32 *index; /* owned; item number + 1 by hash, open addressing; 0: free */
	u32 index_mask;
	u32 entries;			  /* number of bans: items that are not only holes */
	u32 by_length4[SPW_BAN_LENGTHS4]; /* items */
	u32 by_length6[SPW_BAN_LENGTHS6];
	u32 *counters; /* owned; queue of free counters */
	u32 counters_head, counters_free;
	u64 seed;
};

/* Both clocks at one moment: the datapath's jiffies and CLOCK_MONOTONIC. */
struct spw_ban_clock {
	u64 now_jiffies;
	u64 now_ns;
	u32 jiffies_per_second;
};

/** spw_ban_jiffies() - @until_ns in jiffies; never early. */
u64 spw_ban_jiffies(const struct spw_ban_clock *clock, u64 until_ns);

/** spw_ban_set_init() - empty, all counters free. @seed: random. Returns 0 or -ENOMEM. */
int spw_ban_set_init(struct spw_ban_set *set, u64 seed);
void spw_ban_set_free(struct spw_ban_set *set);

/** spw_ban_set_find() - the item of @prefix; NULL: none. Valid until the set changes. */
struct spw_ban *spw_ban_set_find(const struct spw_ban_set *set, const struct spw_prefix *prefix);

/** spw_ban_set_put() - the item of @prefix; a new one is an unused hole. NULL: the set is full, or no memory. */
struct spw_ban *spw_ban_set_put(struct spw_ban_set *set, const struct spw_prefix *prefix);

/** spw_ban_set_drop() - remove an item; the last one takes its index. */
void spw_ban_set_drop(struct spw_ban_set *set, struct spw_ban *ban);

/** spw_ban_set_name() - make an item a ban of @list (0: a hole again), with a counter of its own. */
void spw_ban_set_name(struct spw_ban_set *set, struct spw_ban *ban, u16 list);

/**
 * spw_ban_set_take_counters() - call once after restoring items with counters: frees all others. Returns 0 or -ENOMEM.
 */
int spw_ban_set_take_counters(struct spw_ban_set *set);

struct spw_prefix spw_ban_prefix(const struct spw_ban *ban);

/** spw_ban_key() - the key of a prefix. */
struct spw_ban_key spw_ban_key(const struct spw_prefix *prefix);

/** spw_ban_is_over() - whether it ended by @now_ns. */
static inline bool spw_ban_is_over(const struct spw_ban *ban, u64 now_ns)
{
	return ban->list && now_ns >= ban->until_ns;
}

/**
 * spw_ban_filter_add() - add @prefix to the active part.
 * Returns false if its length is not in use there: rebuild the filter.
 */
bool spw_ban_filter_add(struct spw_ban_filter *filter, const struct spw_prefix *prefix);

/**
 * spw_ban_filter_make() - build the filter of @set in the inactive part; 1 ms for 100,000.
 * Returns the new `active`, which the caller writes last, after a barrier.
 */
u32 spw_ban_filter_make(struct spw_ban_filter *filter, const struct spw_ban_set *set);

#endif
