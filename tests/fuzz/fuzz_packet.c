/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as a frame, truncated at the end of its buffer. The first byte says how much of the frame is beyond
 * the linear part, as in multi-buffer frames. The result must fit the frame, the fast path must find the same or
 * nothing, and AddressSanitizer watches for overreads.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "bpf/parse.h"

static void check(const struct spw_packet *packet, size_t length)
{
	require(packet->length == length && packet->vlans <= SPW_VLANS_MAX);
	require(packet->family == 0 || packet->family == 4 || packet->family == 6);
	require(!!(packet->found & SPW_FOUND_IP) == (packet->family != 0));
	require(packet->found & SPW_FOUND_PORTS || (!packet->sport && !packet->dport));
	if (packet->found & SPW_FOUND_SYN)
		require(packet->protocol == SPW_IP_TCP && packet->found & SPW_FOUND_PORTS);
	if (packet->found & SPW_FOUND_QUIC_INITIAL)
		require(packet->protocol == SPW_IP_UDP && packet->found & SPW_FOUND_PORTS);
	if (packet->family == 4)
		require(!(packet->source_hi & 0xffffffff) && !packet->source_lo);
}

static void check_usual(const u8 *frame, const u8 *end, u32 length, const struct spw_packet *packet,
			const struct spw_cursor *cursor)
{
	struct spw_packet usual = {0};
	struct spw_cursor at = {0};

	/* NOLINTBEGIN(bugprone-suspicious-memory-comparison): both start as zeros, padding included. */
	if (spw_parse_usual4(frame, end, length, &at, &usual) || spw_parse_usual6(frame, end, length, &at, &usual))
		require(!memcmp(&usual, packet, sizeof(usual)) && !memcmp(&at, cursor, sizeof(at)));
	else
		require(!memcmp(&usual, &(struct spw_packet){0}, sizeof(usual)));
	/* NOLINTEND(bugprone-suspicious-memory-comparison) */
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_packet packet = {0}, again;
	struct spw_cursor cursor;
	size_t linear = size ? size - 1 : 0;
	u32 length;
	u8 *frame;

	if (!size)
		return 0;
	length = (u32)linear + *data;
	frame = malloc(linear ? linear : 1); /* exactly sized, so that overreads are found */
	memcpy(frame, data + 1, linear);
	spw_parse(frame, frame + linear, length, &cursor, &packet);
	check(&packet, length);
	check_usual(frame, frame + linear, length, &packet, &cursor);
	again = packet;
	spw_parse_flow(frame, frame + linear, &cursor, 4711, &again);
	require(!!again.flow ==
		(packet.found & SPW_FOUND_SYN || (packet.protocol == SPW_IP_UDP && packet.found & SPW_FOUND_PORTS)));
	free(frame);
	return 0;
}
