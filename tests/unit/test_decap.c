/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inner headers of tunnels (bpf/decap.h) under AddressSanitizer: every truncation and every changed byte of a frame of
 * each kind. The prog tests check what the program makes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/decap.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

#define ETH4  "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\x00"
#define SYN   "\x9c\x40\x01\xbb\0\0\0\1\0\0\0\0\x50\x02\xff\xff\0\0\0\0"
#define LB4   "\xc6\x12\x07\x01\xc6\x12\x00\x01"
#define INNER "\x45\0\0\x28\0\0\x40\0\x40\6\0\0\xcb\x00\x71\x07\xc6\x12\x00\x01" SYN
#define SIX                                                                                                            \
	"\x60\0\0\0\0\x1c\x3c\x40\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"     \
	"\6\0\1\4\0\0\0\0" SYN

struct sample {
	const char *bytes;
	size_t length;
	u32 kind;
	u32 at; /* of the inner IP header */
};

#define SAMPLE(bytes, kind, at)                                                                                        \
	{                                                                                                              \
		bytes, sizeof(bytes) - 1, kind, at                                                                     \
	}

static const struct sample samples[] = {
	SAMPLE(ETH4 "\x45\0\0\x3c\0\0\x40\0\x40\x04\0\0" LB4 INNER, SPW_TUNNEL_IPIP, 34),
	SAMPLE(ETH4 "\x45\0\0\x58\0\0\x40\0\x40\x29\0\0" LB4 SIX, SPW_TUNNEL_IPIP, 34),
	SAMPLE(ETH4 "\x45\0\0\x4c\0\0\x40\0\x40\x11\0\0" LB4 "\xc3\x50\x17\xc0\0\x38\0\0\1\4\0\0\0\0\0\0" INNER,
	       SPW_TUNNEL_GUE, 50),
	SAMPLE(ETH4 "\x45\0\0\x44\0\0\x40\0\x40\x11\0\0" LB4 "\xc3\x50\x17\xc0\0\x30\0\0" INNER, SPW_TUNNEL_GUE, 42),
	SAMPLE(ETH4 "\x45\0\0\x50\0\0\x40\0\x40\x11\0\0" LB4
		    "\xc3\x50\x17\xc1\0\x3c\0\0\1\0\x08\0\0\0\7\0\0\0\0\0" INNER,
	       SPW_TUNNEL_GENEVE, 54),
	SAMPLE(ETH4 "\x45\0\0\x76\0\0\x40\0\x40\x11\0\0" LB4 "\xc3\x50\x17\xc1\0\x62\0\0\0\0\x65\x58\0\0\7\0"
		    "\x02\0\0\0\0\1\x02\0\0\0\0\2\x86\xdd" SIX,
	       SPW_TUNNEL_GENEVE, 64),
	SAMPLE(ETH4 "\x45\0\0\x5a\0\0\x40\0\x40\x11\0\0" LB4 "\xc3\x50\x12\xb5\0\x46\0\0\x08\0\0\0\0\0\7\0" ETH4 INNER,
	       SPW_TUNNEL_VXLAN, 64),
};

/* As the datapath does it. Returns where the inner IP header is; 0: there is none. */
static u32 parse(const u8 *frame, size_t length, u32 *kind, struct spw_packet *packet)
{
	struct spw_cursor cursor;
	u32 skip, at;

	*packet = (struct spw_packet){0};
	spw_parse(frame, frame + length, (u32)length, &cursor, packet);
	*kind = spw_tunnel_kind(packet);
	if (!*kind || !cursor.transport)
		return 0;
	skip = spw_inner_bytes(frame + cursor.offset, frame + length, cursor.payload, *kind);
	at = cursor.offset + skip;
	if (skip == SPW_INNER_NONE || at > SPW_INNER_MAX)
		return 0;
	assert_true(skip + SPW_IPV4_BYTES <= cursor.payload);
	cursor = (struct spw_cursor){.network = at, .offset = at, .payload = cursor.payload - skip};
	spw_parse_inner(frame, frame + length, cursor.payload, &cursor, packet);
	if (cursor.transport && spw_is_extension(packet))
		spw_parse_extensions(frame, frame + length, &cursor, packet);
	spw_parse_transport(frame, frame + length, &cursor, packet);
	return at;
}

/* At the very end of an allocation, so that any overread is found. */
static u32 parse_copy(const void *bytes, size_t length, u32 *kind, struct spw_packet *packet)
{
	u8 *copy = malloc(length ? length : 1);
	u32 at;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	at = parse(copy, length, kind, packet);
	free(copy);
	return at;
}

static void test_samples(void **state)
{
	struct spw_packet packet;
	u32 kind;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		assert_int_equal(parse_copy(samples[i].bytes, samples[i].length, &kind, &packet), samples[i].at);
		assert_int_equal(kind, samples[i].kind);
		assert_int_equal(packet.found, SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN);
		assert_int_equal(packet.dport, 443);
		assert_int_equal(packet.network, samples[i].at);
		assert_true(packet.family == 4 ? packet.source_hi == 0xcb007107ull << 32
					       : packet.source_hi == 0x20010db8ull << 32 && packet.source_lo == 7);
	}
}

static void test_truncations(void **state)
{
	struct spw_packet packet;
	u32 kind;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++)
		for (size_t length = 0; length < samples[i].length; length++)
			assert_int_equal(parse_copy(samples[i].bytes, length, &kind, &packet), 0);
}

/* Truncated, with every byte changed in every way; never a SYN from a frame whose headers contradict each other. */
static void test_changes(void **state)
{
	struct spw_packet packet;
	u32 kind, found = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		u8 *copy = malloc(samples[i].length);

		assert_non_null(copy);
		memcpy(copy, samples[i].bytes, samples[i].length);
		for (size_t at = 0; at < samples[i].length; at++) {
			for (u32 value = 0; value < 256; value++) {
				u32 inner;

				copy[at] = (u8)value;
				inner = parse(copy, samples[i].length, &kind, &packet);
				found += inner != 0;
				assert_true(inner <= SPW_INNER_MAX);
				if (inner)
					assert_int_equal(packet.network, inner);
			}
			copy[at] = (u8)samples[i].bytes[at];
		}
		free(copy);
	}
	assert_true(found > 100000);
}

static void test_balancers(void **state)
{
	struct spw_balancers balancers = {
		.all = {{0xfffffff0ffffffff, ~0ull, 0xc6120700ull << 32, 0, 4, SPW_TUNNEL_IPIP | SPW_TUNNEL_GUE},
			{~0ull, 0, 0x20010db800070000, 0, 6, SPW_TUNNEL_VXLAN},
			{0, 0, 0, 0, 0, SPW_TUNNEL_VXLAN}}};
	struct spw_packet packet = {.family = 4, .source_hi = 0xc612070full << 32};

	(void)state;
	assert_true(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_IPIP));
	assert_true(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_GUE));
	assert_false(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_VXLAN));
	packet.source_hi = 0xc6120710ull << 32;
	assert_false(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_IPIP));
	packet = (struct spw_packet){.family = 6, .source_hi = 0x20010db800070000, .source_lo = 99};
	assert_true(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_VXLAN));
	assert_false(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_IPIP));
	packet.source_hi++;
	assert_false(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_VXLAN));
	packet.family = 4;
	assert_false(spw_is_balancer(&balancers, &packet, SPW_TUNNEL_VXLAN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_balancers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
