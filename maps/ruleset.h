/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The published ruleset: one value of one map, immutable once in the `ruleset` map. A packet takes one pointer to it
 * and is judged by that alone, so no packet sees a mixture of two.
 *
 * From the front:
 *   identity      magic, layout, generation, sizes
 *   services      which port belongs to which service, and what new work is there (by local address: local.h)
 *   slots         what a leaf of the table means: list, class, levels from which it is cut
 *   list_slots    the same for bans, which name a list instead of a leaf (ban.h)
 *   root4, root6  the first 16 bits of the source, one entry each
 *   units         the rest of the table, in cache lines of 64 bytes: fans and lines; local addresses; balancers
 *
 * THE TABLE. Addresses are left aligned in 128 bits (IPv4: the upper 32 of them), so one walk serves both families.
 * An entry is 32 bits and says what comes next; its format depends on where it is.
 *   leaf    in a root    0 and the slot
 *   LINES   in a root    31..30  01
 *                        29..26  k: the next k bits of the address choose one of 2^k lines; their window is 16 + k
 *                        24..0   the unit of the first
 *   FAN     everywhere   31      1
 *                        30..27  k: the next k bits of the address choose one of 2^k entries
 *                        26..0   the first of these, counted in entries from the first unit
 *   line    in fans      31      0
 *                        30..25  the window: how many address bits precede those that the keys hold
 *                        24..0   the unit
 * A line is one unit: sorted starts of intervals and the slot of each interval between them. One cache miss and a few
 * branch-free instructions end a walk for which a bit-by-bit trie would need several misses.
 *   IPv4    15 keys of 15 bits, four to a word, each below a guard bit, and 16 slots of 16 bits
 *   IPv6    11 keys of 31 bits, two to a word, and 12 slots of 11 bits: slot i is at bit 11 i of the words of
 * slots, lowest bit first. At most one interval of a line may go deeper: its slot is SPW_SLOT_DEEP, and `deep` (the
 *           last 28 bits of the words of slots) is the index of two entries: where to go on, as bits of the address and
 *           its half (SPW_DEEP_LOW), and the entry to go on with.
 * The number of keys at or below the address is the index of its slot. Unused keys are all ones, and their slots repeat
 * the last one.
 *
 * Several neighbouring entries of a fan may name one line: its keys tell their addresses apart, as the window begins at
 * the first bit in which they differ. So lines are nearly full however uneven the intervals. A fan has no leaves:
 * instead, all leaves of a slot share one line in which every slot is the same.
 */
#ifndef SPW_MAPS_RULESET_H
#define SPW_MAPS_RULESET_H

#include "decap.h"
#include "local.h"

#define SPW_RULESET_MAGIC 0x73707772u /* "spwr" */

enum spw_table_shape {
	SPW_ROOT_BITS = 16,
	SPW_UNIT_BYTES = 64,
	SPW_UNIT_ENTRIES = 16, /* entries of a fan in a unit */
	SPW_FAN_BITS_MAX = 15,
	SPW_LINE4_KEYS = 15,
	SPW_LINE4_KEY_BITS = 15,
	SPW_LINE6_KEYS = 11,
	SPW_LINE6_KEY_BITS = 31,
	SPW_LINE6_DEEP_WORD = 4,
	SPW_LINE6_DEEP_SHIFT = 4,
	SPW_SLOT_BITS = 11,
	/* Steps of a walk. All but the first (IPv6: two) and the last before bit 64 and 128 take 2 bits (IPv6: 4) or
	   more. */
	SPW_WALK4_MAX = 10,
	SPW_WALK6_MAX = 34,
};

#define SPW_ENTRY_FAN	       0x80000000u
#define SPW_ENTRY_LINES	       0x40000000u
#define SPW_ENTRY_LINES_SHIFT  26
#define SPW_ENTRY_LINES_MASK   0x01ffffffu
#define SPW_ENTRY_BITS_SHIFT   27
#define SPW_ENTRY_BITS_MASK    15u
#define SPW_ENTRY_INDEX_MASK   0x07ffffffu
#define SPW_ENTRY_WINDOW_SHIFT 25
#define SPW_ENTRY_WINDOW_MASK  63u
#define SPW_ENTRY_UNIT_MASK    0x01ffffffu

#define SPW_SLOT_NONE 0u     /* slot 0: sources that no list names */
#define SPW_SLOT_DEEP 0x7ffu /* not a slot: go on at `deep` */
#define SPW_DEEP_LOW  64u    /* go on in the lower half of the address */

struct spw_line4 {
	u64 keys[4]; /* lane i of word i/4, 15 bits under a guard bit; the last lane is unused */
	u16 slots[16];
};

struct spw_line6 {
	u32 slots[5]; /* and deep */
	u32 keys1;    /* the first */
	u64 keys[5];
};

union spw_unit {
	u32 entries[SPW_UNIT_ENTRIES];
	struct spw_line4 line4;
	struct spw_line6 line6;
};

/* Meaning of a leaf. `list` and `class` are identities: indices of the counters, stable over reloads. */
struct spw_slot {
	u16 list;
	u8 class_id;
	u8 management;	 /* 1: the source is in a management prefix */
	u8 cut_new_from; /* level from which new work is cut; SPW_LEVEL_NEVER */
	u8 cut_all_from; /* level from which every packet is cut; SPW_LEVEL_NEVER */
	u8 shed_from;	 /* level from which the class is subject to the budget; SPW_LEVEL_NEVER */
	u8 limited;	 /* 1: the class has limits (maps/limit.h) */
};

/* spw_port.bits: what new work is on a port. */
enum spw_new_work {
	SPW_NEW_SYN = 0,  /* TCP: a SYN without ACK, on any port */
	SPW_NEW_QUIC = 1, /* UDP: a QUIC Initial */
	SPW_NEW_FLOW = 2, /* UDP: a datagram that belongs to no session (session.h) */
	SPW_NEW_EACH = 3, /* UDP: every datagram */
};

struct spw_ruleset {
	u32 magic;
	u32 layout;
	u64 generation; /* counts publications since the pins were made */
	u32 units_used;
	u32 units_capacity;
	u16 management_ports[SPW_MANAGEMENT_PORTS_MAX]; /* filled from the front; 0 ends them */
	u8 management_prefixes;				/* 1: there are management prefixes */
	u8 malformed_drop;				/* 1: malformed packets are dropped (rule 2) */
	u8 judge_others;				/* 1: what is not for this host is judged (rules 2 to 8) */
	u8 tunnels; /* enum spw_tunnel of all balancers, struct spw_balancers in the last units used; 0: there are none */
	u32 locals; /* 1 + the first unit of struct spw_locals (behind the table); 0: no port differs by address */
	struct spw_slot slots[SPW_SLOTS_MAX];
	u16 list_slots[SPW_LISTS_MAX][2]; /* by list identity and management: the slot of a ban; 0: list not in here */
	struct spw_port tcp_ports[65536]; /* bits: enum spw_new_work */
	struct spw_port udp_ports[65536];
	u32 root4[1 << SPW_ROOT_BITS] __attribute__((aligned(64)));
	u32 root6[1 << SPW_ROOT_BITS];
	union spw_unit units[] __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct spw_line4) == SPW_UNIT_BYTES, "an IPv4 line is a cache line");
_Static_assert(sizeof(struct spw_line6) == SPW_UNIT_BYTES, "an IPv6 line is a cache line");
_Static_assert(sizeof(union spw_unit) == SPW_UNIT_BYTES, "a unit is a cache line");
_Static_assert(sizeof(struct spw_slot) == 8, "a slot is one load");
_Static_assert(__builtin_offsetof(struct spw_ruleset, locals) == 60, "0 in older rulesets");
_Static_assert(__builtin_offsetof(struct spw_ruleset, slots) == 64, "identity fills one cache line");
_Static_assert(__builtin_offsetof(struct spw_ruleset, units) % SPW_UNIT_BYTES == 0, "units are aligned");

#endif
