/* SPDX-License-Identifier: GPL-2.0-only */
/* A block is type, length, body padded to 32 bits, length again. */
#include "pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_APPLICATION = 4, /* of the section */
	OPTION_NAME = 2,	/* of the interface */
	OPTION_RESOLUTION = 9,
	OPTION_VERDICT = 7, /* of the packet */
	VERDICT_XDP = 2,    /* the value is an XDP action */
	ACTION_DROP = 1,    /* XDP_DROP */
	LINK_ETHERNET = 1,
	BLOCK_FRAME = 12, /* type and both lengths */
};

static void put16(FILE *out, u16 number)
{
	fwrite(&number, sizeof(number), 1, out);
}

static void put32(FILE *out, u32 number)
{
	fwrite(&number, sizeof(number), 1, out);
}

static u32 padded(u32 bytes)
{
	return (bytes + 3) & ~3u;
}

static void put_padded(FILE *out, const void *bytes, u32 count)
{
	static const u8 zeros[3];

	if (count)
		fwrite(bytes, 1, count, out);
	fwrite(zeros, 1, padded(count) - count, out);
}

static u32 option_bytes(u32 count)
{
	return 4 + padded(count);
}

static void put_option(FILE *out, u16 code, const void *bytes, u32 count)
{
	put16(out, code);
	put16(out, (u16)count);
	put_padded(out, bytes, count);
}

static void put_section(FILE *out, const char *application)
{
	u32 name = (u32)strnlen(application, SPW_PCAPNG_COMMENT_MAX);
	u32 total = BLOCK_FRAME + 16 + option_bytes(name) + option_bytes(0);

	put32(out, BLOCK_SECTION);
	put32(out, total);
	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1); /* version 1.0 */
	put16(out, 0);
	put32(out, UINT32_MAX); /* section length: unspecified */
	put32(out, UINT32_MAX);
	put_option(out, OPTION_APPLICATION, application, name);
	put_option(out, OPTION_END, NULL, 0);
	put32(out, total);
}

void spw_pcapng_begin(FILE *out, const char *application, u32 snapshot)
{
	static const char name[] = "spillway";
	const u8 nanoseconds = 9; /* a power of ten */
	u32 total = BLOCK_FRAME + 8 + option_bytes(sizeof(name) - 1) + option_bytes(1) + option_bytes(0);

	put_section(out, application);
	put32(out, BLOCK_INTERFACE);
	put32(out, total);
	put16(out, LINK_ETHERNET);
	put16(out, 0);
	put32(out, snapshot);
	put_option(out, OPTION_NAME, name, sizeof(name) - 1);
	put_option(out, OPTION_RESOLUTION, &nanoseconds, 1);
	put_option(out, OPTION_END, NULL, 0);
	put32(out, total);
}

/* Do not split a UTF-8 character. */
static u32 comment_bytes(const char *comment)
{
	u32 bytes = (u32)strnlen(comment, SPW_PCAPNG_COMMENT_MAX + 1);

	if (bytes <= SPW_PCAPNG_COMMENT_MAX)
		return bytes;
	for (bytes = SPW_PCAPNG_COMMENT_MAX; bytes && (comment[bytes] & 0xc0) == 0x80;)
		bytes--;
	return bytes;
}

void spw_pcapng_put(FILE *out, const struct spw_pcapng_packet *packet)
{
	u8 verdict[9] = {VERDICT_XDP};
	u64 action = ACTION_DROP;
	u32 comment = comment_bytes(packet->comment);
	u32 total = BLOCK_FRAME + 20 + padded(packet->captured) + option_bytes(comment) +
		    option_bytes(sizeof(verdict)) + option_bytes(0);

	memcpy(&verdict[1], &action, sizeof(action));
	put32(out, BLOCK_PACKET);
	put32(out, total);
	put32(out, 0); /* the one interface */
	put32(out, (u32)(packet->wall_ns >> 32));
	put32(out, (u32)packet->wall_ns);
	put32(out, packet->captured);
	put32(out, packet->length);
	put_padded(out, packet->bytes, packet->captured);
	put_option(out, OPTION_COMMENT, packet->comment, comment);
	put_option(out, OPTION_VERDICT, verdict, sizeof(verdict));
	put_option(out, OPTION_END, NULL, 0);
	put32(out, total);
}
