/* SPDX-License-Identifier: GPL-2.0-only */
/* Small MaxMind databases for tests: networks and their data -> a file in memory. */
#ifndef SPW_TESTS_MMDB_H
#define SPW_TESTS_MMDB_H

#include <string.h>

#include "user/core/table/prefix.h"

enum {
	MMDB_NODES = 4096,
	MMDB_DATA = 4096,
	MMDB_BYTES = 65536,
};

/* A record: a node, or with this bit the offset of data, or nothing. */
#define MMDB_IS_DATA 0x80000000u
#define MMDB_NOTHING UINT32_MAX

struct mmdb {
	u32 ip_version;	 /* 4 or 6 */
	u32 record_bits; /* 24, 28 or 32 */
	const char *type;
	u32 nodes[MMDB_NODES][2];
	u32 nodes_count;
	u32 nodes_missing; /* that the metadata counts besides */
	u8 data[MMDB_DATA];
	u32 data_bytes;
};

static void mmdb_begin(struct mmdb *db, u32 ip_version, u32 record_bits, const char *type)
{
	memset(db, 0, sizeof(*db));
	db->ip_version = ip_version;
	db->record_bits = record_bits;
	db->type = type;
	db->nodes[0][0] = db->nodes[0][1] = MMDB_NOTHING;
	db->nodes_count = 1;
}

static size_t mmdb_put_text(u8 *at, const char *text)
{
	size_t length = strlen(text); /* below 29 */

	*at = (u8)(2u << 5 | length);
	memcpy(at + 1, text, length);
	return length + 1;
}

/* Of @type 5 (16 bits) or 6 (32 bits). */
static size_t mmdb_put_number(u8 *at, u32 type, u32 number)
{
	u32 bytes = type == 5 ? 2 : 4;

	*at = (u8)(type << 5 | bytes);
	for (u32 i = 0; i < bytes; i++)
		at[1 + i] = (u8)(number >> 8 * (bytes - 1 - i));
	return 1 + bytes;
}

static size_t mmdb_put_map(u8 *at, u32 pairs)
{
	*at = (u8)(7u << 5 | pairs);
	return 1;
}

/* Data { @key: @value }, or { @outer: { @key: @value } }. Returns its offset. */
static u32 mmdb_text(struct mmdb *db, const char *outer, const char *key, const char *value)
{
	u32 offset = db->data_bytes;
	u8 *at = db->data + offset;

	at += mmdb_put_map(at, 1);
	if (outer) {
		at += mmdb_put_text(at, outer);
		at += mmdb_put_map(at, 1);
	}
	at += mmdb_put_text(at, key);
	at += mmdb_put_text(at, value);
	db->data_bytes = (u32)(at - db->data);
	return offset;
}

static inline u32 mmdb_number(struct mmdb *db, const char *key, u32 value)
{
	u32 offset = db->data_bytes;
	u8 *at = db->data + offset;

	at += mmdb_put_map(at, 1);
	at += mmdb_put_text(at, key);
	at += mmdb_put_number(at, 6, value);
	db->data_bytes = (u32)(at - db->data);
	return offset;
}

/* Store @record for the prefix @text; IPv4 is at ::/96 in a tree of IPv6. */
static void mmdb_put_record(struct mmdb *db, const char *text, u32 record)
{
	struct spw_prefix prefix = {0};
	unsigned __int128 at;
	u32 length, node = 0;

	if (spw_prefix_parse(text, strlen(text), &prefix) != SPW_PREFIX_OK)
		__builtin_trap();
	length = prefix.len;
	at = (unsigned __int128)prefix.addr.hi << 64 | prefix.addr.lo;
	if (prefix.family == 4 && db->ip_version == 6) {
		length += 96;
		at >>= 96;
	}
	for (u32 depth = 0; depth + 1 < length; depth++) {
		u32 *child = &db->nodes[node][at >> (127 - depth) & 1];

		if (*child == MMDB_NOTHING) {
			*child = db->nodes_count++;
			db->nodes[*child][0] = db->nodes[*child][1] = MMDB_NOTHING;
		}
		node = *child;
	}
	db->nodes[node][at >> (128 - length) & 1] = record;
}

static void mmdb_put(struct mmdb *db, const char *text, u32 data)
{
	mmdb_put_record(db, text, data | MMDB_IS_DATA);
}

/* The root of IPv4, for aliases. */
static inline u32 mmdb_ipv4_node(const struct mmdb *db)
{
	u32 node = 0;

	for (u32 depth = 0; depth < 96; depth++)
		node = db->nodes[node][0];
	return node;
}

static u8 *mmdb_put_node(u8 *at, const u64 records[2], u32 bits)
{
	u32 whole = bits / 8;

	for (u32 side = 0; side < 2; side++) {
		if (bits == 28 && side == 1) /* the upper four bits of both, in the middle */
			*at++ = (u8)((records[0] >> 24 & 15) << 4 | (records[1] >> 24 & 15));
		for (u32 i = 0; i < whole; i++)
			*at++ = (u8)(records[side] >> 8 * (whole - 1 - i));
	}
	return at;
}

static u8 *mmdb_put_metadata(u8 *at, const struct mmdb *db)
{
	memcpy(at, "\xab\xcd\xefMaxMind.com", 14);
	at += 14;
	at += mmdb_put_map(at, 9);
	at += mmdb_put_text(at, "binary_format_major_version");
	at += mmdb_put_number(at, 5, 2);
	at += mmdb_put_text(at, "binary_format_minor_version");
	at += mmdb_put_number(at, 5, 0);
	at += mmdb_put_text(at, "build_epoch");
	memcpy(at, "\x04\x02\x65\x00\x00\x00", 6); /* 64 bits */
	at += 6;
	at += mmdb_put_text(at, "database_type");
	at += mmdb_put_text(at, db->type);
	at += mmdb_put_text(at, "description");
	at += mmdb_put_map(at, 0);
	at += mmdb_put_text(at, "ip_version");
	at += mmdb_put_number(at, 5, db->ip_version);
	at += mmdb_put_text(at, "languages");
	memcpy(at, "\x00\x04", 2); /* an empty array */
	at += 2;
	at += mmdb_put_text(at, "node_count");
	at += mmdb_put_number(at, 6, db->nodes_count + db->nodes_missing);
	at += mmdb_put_text(at, "record_size");
	at += mmdb_put_number(at, 5, db->record_bits);
	return at;
}

/* The whole database; returns its length. */
static size_t mmdb_finish(const struct mmdb *db, u8 bytes[MMDB_BYTES])
{
	u8 *at = bytes;

	for (u32 i = 0; i < db->nodes_count; i++) {
		u64 records[2];

		for (u32 side = 0; side < 2; side++) {
			u32 record = db->nodes[i][side];

			records[side] = record == MMDB_NOTHING	? db->nodes_count
					: record & MMDB_IS_DATA ? db->nodes_count + 16ull + (record & ~MMDB_IS_DATA)
								: record;
		}
		at = mmdb_put_node(at, records, db->record_bits);
	}
	memset(at, 0, 16);
	memcpy(at + 16, db->data, db->data_bytes);
	return (size_t)(mmdb_put_metadata(at + 16 + db->data_bytes, db) - bytes);
}

#endif
