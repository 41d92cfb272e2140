/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The feeder: gives each packet the next source and passes it to the program under test, so that one call of
 * BPF_PROG_TEST_RUN measures any number of sources. And the baselines: bare XDP_DROP, and parse and drop.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/parse.h"
#include "feed.h"
#include "packet.bpf.h"

struct bench_feed feed = {0};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct bench_sources);
} sources SEC(".maps");

/* One slot, replaced between runs: a tail call to a constant slot is a direct jump, to a variable one costs 25 ns. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} drops SEC(".maps");

static const u32 only = 0;

/* The number of this packet's source (index in the table, and turn); takes the time every BENCH_SEGMENT packets. */
SPW_INLINE u32 next_source(void)
{
	u32 number = feed.next++;

	if (!(number % BENCH_SEGMENT))
		feed.stamps[number / BENCH_SEGMENT % BENCH_STAMPS_MAX] = bpf_ktime_get_ns();
	return number & feed.sources_mask & (BENCH_SOURCES_FED_MAX - 1);
}

SPW_INLINE u32 place_of(u32 source)
{
	return source & (BENCH_SOURCES_MAX - 1);
}

SPW_INLINE u32 turn_of(u32 source)
{
	return source / BENCH_SOURCES_MAX;
}

/* RFC 1071, over the header made by bench_frame(). */
SPW_INLINE void give_checksum4(u8 *packet)
{
	u32 sum = 0;

	*(u16 *)(packet + BENCH_CHECKSUM4) = 0;
	for (u32 at = BENCH_IP4; at < BENCH_IP4_END; at += 2)
		sum += *(u16 *)(packet + at);
	sum = (sum & 0xffff) + (sum >> 16);
	*(u16 *)(packet + BENCH_CHECKSUM4) = (u16) ~((sum & 0xffff) + (sum >> 16));
}

SPW_INLINE bool give_source4(struct xdp_md *ctx)
{
	const struct bench_sources *table = bpf_map_lookup_elem(&sources, &only);
	u8 *packet = (u8 *)(long)ctx->data;
	u32 source;

	if (!table || packet + BENCH_TCP4_END > (u8 *)(long)ctx->data_end)
		return false;
	if (feed.fresh)
		*(u32 *)(packet + BENCH_SEQUENCE4) = feed.next;
	source = next_source();
	*(u32 *)(packet + BENCH_SOURCE4) = table->v4[place_of(source)] ^ turn_of(source) << 24;
	if (feed.checksum)
		give_checksum4(packet);
	return true;
}

SPW_INLINE bool give_source6(struct xdp_md *ctx)
{
	const struct bench_sources *table = bpf_map_lookup_elem(&sources, &only);
	u8 *packet = (u8 *)(long)ctx->data;
	u64 hi, lo;
	u32 source, at;

	if (!table || packet + BENCH_TCP6_END > (u8 *)(long)ctx->data_end)
		return false;
	if (feed.fresh)
		*(u32 *)(packet + BENCH_SEQUENCE6) = feed.next;
	source = next_source();
	at = place_of(source);
	hi = table->hi6[at];
	if (hi & BENCH_STORED_WHOLE) {
		hi = table->whole6[at][0];
		lo = table->whole6[at][1];
	} else {
		lo = bench_low_half(hi);
	}
	hi = __builtin_bswap64(hi ^ turn_of(source));
	lo = __builtin_bswap64(lo);
	__builtin_memcpy(packet + BENCH_SOURCE6, &hi, sizeof(hi));
	__builtin_memcpy(packet + BENCH_SOURCE6 + 8, &lo, sizeof(lo));
	return true;
}

SEC("xdp.frags")
int feed4(struct xdp_md *ctx)
{
	if (give_source4(ctx))
		bpf_tail_call_static(ctx, &target, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int feed6(struct xdp_md *ctx)
{
	if (give_source6(ctx))
		bpf_tail_call_static(ctx, &target, 0);
	return XDP_ABORTED;
}

/* For the veth: live frames that leave through the interface that they claim to come from. */
SEC("xdp.frags")
int send4(struct xdp_md *ctx)
{
	return give_source4(ctx) ? XDP_TX : XDP_ABORTED;
}

SEC("xdp.frags")
int send6(struct xdp_md *ctx)
{
	return give_source6(ctx) ? XDP_TX : XDP_ABORTED;
}

SEC("xdp.frags")
int bare(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

/* The minimal filter against a flood (flood.c): drop 198.19.0.0/16, pass all else. */
SEC("xdp.frags")
int filter(struct xdp_md *ctx)
{
	const u8 *source = (u8 *)(long)ctx->data + BENCH_SOURCE4;

	if (source + 4 > (u8 *)(long)ctx->data_end)
		return XDP_PASS;
	return source[0] == 198 && source[1] == 19 ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int bare_counted(struct xdp_md *ctx)
{
	u64 *count = bpf_map_lookup_elem(&drops, &only);

	(void)ctx;
	if (count)
		++*count;
	return XDP_DROP;
}

/* Keeps the compiler from removing the parser. */
u32 parsed = 0;

SEC("xdp.frags")
int parse(struct xdp_md *ctx)
{
	struct spw_packet packet = {0};

	if (!bench_parse_frame(ctx, &packet))
		return XDP_ABORTED;
	parsed = (u32)(packet.source_hi >> 32) + packet.found + packet.dport;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
