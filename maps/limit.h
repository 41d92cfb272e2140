/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much a source, a prefix or a class may send, whatever the budget: rules 6 and 8
 * (bpf/verdict.h). Two maps of one value each, both mmapable, so values start on a page:
 *   limits   struct spw_limits, written by the agent, read-only to programs; fields are independent
 *   meters   struct spw_meters, written by the datapath only; pinned, so that no restart grants a second burst
 *
 * METERS. GCRA cells (bpf/meter.h) in arrays of fixed size: nothing is inserted, evicted or full. A source has a cell
 * in each of two rows, by independent hashes, and is over a limit only if both say so: sharing a cell with a heavy
 * source matters only if it happens in both rows. Rows are reseeded in turn, so no collision lasts. A reseeded row
 * knows nothing of its sources; while it warms up it is charged, from what the other row knows, but does not decide.
 */
#ifndef SPW_MAPS_LIMIT_H
#define SPW_MAPS_LIMIT_H

#include "admission.h"
#include "session.h"

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

/* In the order of the rules: 6, then 8. */
#define SPW_LIMIT_BIT(scope, kind)                                                                                     \
	(1u << ((kind) == SPW_KIND_NEW ? SPW_SCOPES * 2 + (scope) : (scope)*2 + (kind)-SPW_KIND_PACKETS))
#define SPW_LIMITS_NEW (7u << SPW_SCOPES * 2)

/* At 10 Gbit/s a byte takes less than a tick, so bits are metered in units of this many bytes. */
#define SPW_LIMIT_BYTES_SHIFT 10

struct spw_limit {
	u64 interval_ticks;  /* emission interval: of one piece of new work, one packet, or 1,024 bytes */
	u64 tolerance_ticks; /* burst tolerance: refused while the backlog exceeds this */
};

struct spw_class_limits {
	u16 active[SPW_LEVELS]; /* SPW_LIMIT_BIT()s in force at each level; 0: no limits */
	u64 reserved;
	struct spw_limit limits[SPW_SCOPES][SPW_KINDS];
	u64 reserved_too[4];
};

enum spw_meter_sizes {
	SPW_ROWS = 2,
	SPW_METER_TABLES = 2,  /* sources, prefixes (enum spw_limit_scope); a class has a cell of its own */
	SPW_STRIP_CELLS = 256, /* cells of a row in one page; a source has two adjacent ones: new work, packets */
	SPW_SOURCE_PAGES = 1 << 12,
	SPW_PREFIX_PAGES = 1 << 9,
	SPW_SOURCE_CELLS = SPW_SOURCE_PAGES * SPW_STRIP_CELLS, /* of a row */
	SPW_PREFIX_CELLS = SPW_PREFIX_PAGES * SPW_STRIP_CELLS,
};

#define SPW_WARMING (1ULL << 63)

/* How the addresses of a family become keys. */
struct spw_family_limits {
	u64 source_mask; /* of the first 64 bits of the address */
	u64 prefix_mask;
	u64 salt; /* secret; keeps the families apart */
};

struct spw_limits {
	u64 seeds[SPW_ROWS];		      /* secret */
	u64 warming[SPW_ROWS];		      /* SPW_WARMING: the row is charged but does not decide; otherwise 0 */
	struct spw_family_limits families[2]; /* IPv4, IPv6 */
	struct spw_session_limits sessions;
	u64 reserved[3];
	struct spw_class_limits classes[SPW_CLASSES_MAX]; /* by class identity */
};

/* The cell of a class, in a cache line of its own. */
struct spw_class_cell {
	u64 arrival_ticks;
	u64 reserved[7];
};

/* A page of both rows: all cells of a source are in one page, as a TLB miss costs more than the cell. */
struct spw_meter_page {
	u64 rows[SPW_ROWS][SPW_STRIP_CELLS];
};

/* Arrival times in ticks (bpf/meter.h); 0: never used. */
struct spw_meters {
	struct spw_class_cell classes[SPW_CLASSES_MAX][SPW_KINDS];
	u64 reserved[256]; /* up to the end of the page */
	struct spw_meter_page prefix[SPW_PREFIX_PAGES];
	struct spw_meter_page source[SPW_SOURCE_PAGES];
};

/* Where a source or a prefix is metered. Hashes, used by their lower bits. */
struct spw_bucket {
	u32 page;
	u32 pairs[SPW_ROWS]; /* index of the cell of new work in the row; that of packets follows */
	u32 bits[SPW_ROWS];  /* index of the cell of bits */
};

/* Map metering, one value per CPU: state of the current packet between lookup and charge. Not pinned. */
struct spw_metering {
	u64 now;       /* ticks */
	u64 unsettled; /* negative if a cell read has a backlog, or a row is warming */
	struct spw_bucket buckets[SPW_METER_TABLES];
	u32 active; /* SPW_LIMIT_BIT()s to look up */
	u32 class_id;
	u32 length; /* in bytes */
	u32 reason; /* enum spw_reason: outcome of the lookup */
};

/* Map exempt, per CPU: theoretical arrival time, CLOCK_MONOTONIC, of what rule 1 exempts up to a rate. Not pinned. */
#define SPW_EXEMPT_PER_S 1000u
#define SPW_EXEMPT_BURST 1000u

_Static_assert(sizeof(struct spw_class_limits) == 192, "three cache lines, the first for a source");
_Static_assert(__builtin_offsetof(struct spw_limits, classes) % 64 == 0, "classes begin a cache line");
_Static_assert(sizeof(struct spw_class_cell) == 64, "layout of the pinned meters map");
_Static_assert(sizeof(struct spw_meter_page) == 4096, "a page of memory");
_Static_assert(__builtin_offsetof(struct spw_meters, prefix) % 4096 == 0, "pages are aligned");
_Static_assert(__builtin_offsetof(struct spw_meters, source) % 4096 == 0, "pages are aligned");

#endif
