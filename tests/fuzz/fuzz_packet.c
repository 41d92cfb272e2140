/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as a frame, truncated at the end of its buffer. The first byte says how much of the frame is beyond
 * the linear part, as in multi-buffer frames. The result must fit the frame, the fast path must find the same or
 * nothing, and AddressSanitizer watches for overreads.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "bpf/decap.h"
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

/* As a tunnel of a balancer. */
static void check_inner(const u8 *frame, const u8 *end, const struct spw_packet *outer, const struct spw_cursor *at)
{
	u32 kind = spw_tunnel_kind(outer), skip, network;
	struct spw_packet packet = *outer;
	struct spw_cursor cursor;

	if (!kind || !at->transport)
		return;
	skip = spw_inner_bytes(frame + at->offset, end, at->payload, kind);
	network = at->offset + skip;
	if (skip == SPW_INNER_NONE || network > SPW_INNER_MAX)
		return;
	require(skip + SPW_IPV4_BYTES <= at->payload && frame + network + SPW_IPV4_BYTES <= end);
	cursor = (struct spw_cursor){.network = network, .offset = network};
	spw_parse_inner(frame, end, at->payload - skip, &cursor, &packet);
	if (cursor.transport && spw_is_extension(&packet))
		spw_parse_extensions(frame, end, &cursor, &packet);
	spw_parse_transport(frame, end, &cursor, &packet);
	check(&packet, outer->length);
	require(packet.network == network);
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
	check_inner(frame, frame + linear, &packet, &cursor);
	again = packet;
	spw_parse_flow(frame, frame + linear, &cursor, 4711, &again);
	require(!!again.flow ==
		(packet.found & SPW_FOUND_SYN || (packet.protocol == SPW_IP_UDP && packet.found & SPW_FOUND_PORTS)));
	free(frame);
	return 0;
}
