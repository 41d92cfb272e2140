/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UDP sessions: the maps of session.h. Global functions, verified once each; called for datagrams to `udp` ports only.
 */
#ifndef SPW_BPF_SESSION_BPF_H
#define SPW_BPF_SESSION_BPF_H

#include "maps/maps.bpf.h"
#include "parse.h"
#include "session.h"

/* The flow of a datagram whose headers are at @network and @transport. */
__attribute__((noinline)) u64 read_datagram_flow(struct xdp_md *ctx, u32 network, u32 transport, u32 family, u64 source)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	struct spw_cursor cursor = {.network = network, .offset = transport};
	struct spw_packet packet = {.source_hi = source, .family = (u8)family, .protocol = SPW_IP_UDP};

	if (!state)
		return 1;
	SPW_OPAQUE(start);
	SPW_OPAQUE(end);
	return spw_hash_flow(start, end, &cursor, state->seed, &packet);
}

/* 1: the datagram belongs to a session, so it is not new work. */
__attribute__((noinline)) int in_session(u64 flow)
{
	const struct spw_limits *in_force = bpf_map_lookup_elem(&limits, &only);
	struct spw_sessions *table = bpf_map_lookup_elem(&sessions, &only);

	if (!in_force || !table || !in_force->sessions.idle)
		return 0;
	return spw_session_seen(table->sets[spw_session_set(flow)], flow, bpf_jiffies64(), &in_force->sessions);
}

/* @flow was admitted. */
__attribute__((noinline)) int begin_session(u64 flow)
{
	const struct spw_limits *in_force = bpf_map_lookup_elem(&limits, &only);
	struct spw_sessions *table = bpf_map_lookup_elem(&sessions, &only);

	if (in_force && table && in_force->sessions.idle)
		spw_session_begin(table->sets[spw_session_set(flow)], flow, bpf_jiffies64(), &in_force->sessions);
	return 0;
}

#endif
