/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much a source, a prefix or a class may send, whatever the budget: rules 6 and 8 of the order of judgement
 * (bpf/verdict.h). Two maps of one value each:
 *   limits   struct spw_limits, written by the agent, read-only to programs; each field stands for itself
 *   meters   struct spw_meters, written by the datapath alone; pinned, so that neither upgrade nor restart hands out a
 *            second burst
 * Both can be mapped into memory, which also lays them out from the beginning of a page.
 *
 * METERS. Cells of the algorithm in bpf/meter.h, in arrays of a fixed size: nothing is ever entered, evicted or full.
 * A source has cells in two rows, each found by a hash of its own, and is over a limit only if both say so: sharing a
 * cell with somebody heavy does no harm unless it happens in both rows at once. In turn each row is given another seed,
 * so no two sources share their cells for ever. A row whose seed is new does not know yet what its sources have sent.
 * While it warms it is charged, from what the other one knows, but not asked.
 */
#ifndef SPW_MAPS_LIMIT_H
#define SPW_MAPS_LIMIT_H

#include "admission.h"

/* Whose rate it is. */
enum spw_limit_scope {
	SPW_SCOPE_SOURCE = 0,
	SPW_SCOPE_PREFIX = 1, /* the sources of a class in a prefix around the source */
	SPW_SCOPE_CLASS = 2,
	SPW_SCOPES = 3,
};

/* Of what. */
enum spw_limit_kind {
	SPW_KIND_NEW = 0,
	SPW_KIND_PACKETS = 1,
	SPW_KIND_BITS = 2, /* of whole frames */
	SPW_KINDS = 3,
};

/* In the order in which they are judged: rule 6, then rule 8. */
#define SPW_LIMIT_BIT(scope, kind)                                                                                     \
	(1u << ((kind) == SPW_KIND_NEW ? SPW_SCOPES * 2 + (scope) : (scope)*2 + (kind)-SPW_KIND_PACKETS))
#define SPW_LIMITS_NEW (7u << SPW_SCOPES * 2)

/* A byte costs less than a tick where ten gigabits a second may pass: this many cost `cost`. */
#define SPW_LIMIT_BYTES_SHIFT 10

struct spw_limit {
	u64 cost; /* ticks of one piece of new work, one packet, or 1,024 bytes */
	u64 room; /* ticks: refused while the backlog exceeds this */
};

struct spw_class_limits {
	u16 active[SPW_LEVELS]; /* SPW_LIMIT_BIT()s of those in force at each level; 0: nothing is limited */
	u64 reserved;
	struct spw_limit limits[SPW_SCOPES][SPW_KINDS];
	u64 reserved_too[4];
};

enum spw_meter_sizes {
	SPW_ROWS = 2,
	SPW_METER_TABLES =
		2, /* of sources, of prefixes: enum spw_limit_scope without the class, which has its own cell */
	SPW_STRIP_CELLS = 256, /* of a row, in one page; two for a source: new work and packets, beside each other */
	SPW_SOURCE_PAGES = 1 << 12,
	SPW_PREFIX_PAGES = 1 << 9,
	SPW_SOURCE_CELLS = SPW_SOURCE_PAGES * SPW_STRIP_CELLS, /* of a row */
	SPW_PREFIX_CELLS = SPW_PREFIX_PAGES * SPW_STRIP_CELLS,
};

#define SPW_BLIND (1ULL << 63)

/* How the addresses of a family become keys. */
struct spw_family_limits {
	u64 source_mask; /* of the first 64 bits of the address */
	u64 prefix_mask;
	u64 salt; /* secret; keeps the families apart */
};

struct spw_limits {
	u64 seeds[SPW_ROWS]; /* secret */
	u64 blind[SPW_ROWS]; /* SPW_BLIND: the row is charged but not asked, as it warms; otherwise 0 */
	struct spw_family_limits families[2]; /* IPv4, IPv6 */
	u64 reserved[6];
	struct spw_class_limits classes[SPW_CLASSES_MAX]; /* by class identity */
};

/* The cell of a class, in a cache line of its own. */
struct spw_class_cell {
	u64 arrival_ticks;
	u64 reserved[7];
};

/*
 * A piece of both rows. A source has its cells of both in one page of memory, as the processor's translation of an
 * address that is not at hand costs more than the cell.
 */
struct spw_meter_page {
	u64 rows[SPW_ROWS][SPW_STRIP_CELLS];
};

/* Arrival times in ticks (bpf/meter.h); 0: never used. */
struct spw_meters {
	struct spw_class_cell classes[SPW_CLASSES_MAX][SPW_KINDS];
	u64 reserved[256]; /* up to the end of a page */
	struct spw_meter_page prefix[SPW_PREFIX_PAGES];
	struct spw_meter_page source[SPW_SOURCE_PAGES];
};

/* Where a source or a prefix is metered. Hashes: what counts of them are their lower bits. */
struct spw_bucket {
	u32 page;
	u32 pairs[SPW_ROWS]; /* place in the row of the cell of new work, that of packets behind it */
	u32 bits[SPW_ROWS];  /* that of the cell of bits */
};

/*
 * Map metering, one value of each CPU: what is known of the packet at hand between looking and charging. Not pinned.
 */
struct spw_metering {
	u64 now;    /* ticks */
	u64 unrest; /* has a sign where a cell that was looked at has a backlog, or a row warms */
	struct spw_bucket buckets[SPW_METER_TABLES];
	u32 active; /* SPW_LIMIT_BIT()s of what is looked at */
	u32 class_id;
	u32 length; /* in bytes */
	u32 reason; /* enum spw_reason: what the look has come to */
};

_Static_assert(sizeof(struct spw_class_limits) == 192, "three cache lines, the first for a source");
_Static_assert(__builtin_offsetof(struct spw_limits, classes) % 64 == 0, "classes begin a cache line");
_Static_assert(sizeof(struct spw_class_cell) == 64, "layout of the pinned meters map");
_Static_assert(sizeof(struct spw_meter_page) == 4096, "a page of memory");
_Static_assert(__builtin_offsetof(struct spw_meters, prefix) % 4096 == 0, "pages are aligned");
_Static_assert(__builtin_offsetof(struct spw_meters, source) % 4096 == 0, "pages are aligned");

#endif
