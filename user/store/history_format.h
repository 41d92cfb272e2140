/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The history on disk, version 2; version 1 has no answer waits and is still read.
 * Numbers are little-endian. Files are <state_dir>/history.NNNNNN, in the order of their
 * numbers; an agent never continues a file of another run. A file is eight bytes "spwhist" NUL, u32 version, u32 0, and
 * then blocks:
 *
 *   u32 magic "spwb" | u8 kind | u8[3] 0 | u32 bytes | u32 check | bytes
 *
 *   check    CRC-32 of the bytes (IEEE 802.3, zlib's crc32()), exclusive-or the kind
 *   kind 1   policy as JSON: policy of the following ticks, names of classes (by rank) and services, both clocks, what
 *            was learned about each service; at the start of a file and after a reload
 *   kind 2   ticks, the first one in full: as the difference to a record of zeros
 *   kind 3   ticks, continuing the block before
 *
 * Ticks follow each other in the form of core/control/record.h. A block is written by one write() per second. A block
 * that is torn or damaged costs only the ticks up to the next block of kind 1 or 2.
 */
#ifndef SPW_STORE_HISTORY_FORMAT_H
#define SPW_STORE_HISTORY_FORMAT_H

#include <jansson.h>
#include <stddef.h>

#include "config/policy.h"
#include "core/control/record.h"

#define SPW_HISTORY_MAGIC   "spwhist"
#define SPW_HISTORY_VERSION SPW_RECORD_VERSION
#define SPW_BLOCK_MAGIC	    0x62777073u /* "spwb", read as little-endian */

enum {
	SPW_BLOCK_POLICY = 1,
	SPW_BLOCK_TICKS_FULL = 2,
	SPW_BLOCK_TICKS = 3,
	SPW_BLOCK_BYTES_MAX = 2 << 20,
	SPW_SEGMENT_BYTES_MAX = 64 << 20,
	SPW_SEGMENTS_MAX = 4096, /* more files are ignored */
	SPW_SEGMENT_PATH_MAX = 4096 + 32,
};

struct spw_history_file {
	char magic[8];
	u32 version;
	u32 reserved;
};

struct spw_history_block {
	u32 magic;
	u8 kind;
	u8 reserved[3];
	u32 bytes;
	u32 check;
};

_Static_assert(sizeof(struct spw_history_file) == 16, "begins each file of the history");
_Static_assert(sizeof(struct spw_history_block) == 16, "begins each block of the history");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the history is written as it lies in memory");

/** spw_history_check() - the checksum of a block. */
u32 spw_history_check(u8 kind, const void *bytes, size_t count);

/** spw_history_write_block() - Returns 0, or -errno: a part may have been written. */
int spw_history_write_block(int fd, u8 kind, const void *bytes, size_t count);

/** spw_history_path() - of segment @number. Returns @path. */
const char *spw_history_path(const char *state_dir, u32 number, char path[SPW_SEGMENT_PATH_MAX]);

/**
 * spw_history_segments() - numbers of the segments in @state_dir, ascending.
 * Returns how many (at most SPW_SEGMENTS_MAX, the newest), or -errno. @numbers: freed by the caller
 */
int spw_history_segments(const char *state_dir, u32 **numbers);

/* A policy block. */
struct spw_history_policy {
	struct spw_named_policy policy;
	struct spw_learned learned[SPW_SERVICES_MAX];
	char config[256];
	u64 now_ns;
	u64 wall_ns;
};

json_t *spw_history_policy_json(const struct spw_history_policy *policy);

/** spw_history_policy_parse() - 0 or -EINVAL; every number is checked. */
int spw_history_policy_parse(const char *text, size_t bytes, struct spw_history_policy *policy);

/** spw_history_copy() - copy a record, but only the services that it has. */
void spw_history_copy(struct spw_record *to, const struct spw_record *from);

#endif
