/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simple alternative: the kernel's LPM tries, one per family. Same parser, same per-CPU counters of lists, then the
 * drop; and the lookup alone.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "maps/counters.h"
#include "feed.h"
#include "packet.bpf.h"

/* Sized by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct bench_lpm4_key);
	__type(value, u32);
} trie4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct bench_lpm6_key);
	__type(value, u32);
} trie6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_LISTS_MAX);
	__type(key, u32);
	__type(value, struct spw_list_tally);
} list_counters SEC(".maps");

struct bench_found found = {0};

SPW_INLINE int drop(u32 slot)
{
	found.packets++;
	found.slots += slot;
	return XDP_DROP;
}

SPW_INLINE u32 find4(u64 hi)
{
	struct bench_lpm4_key key = {.len = 32, .addr = __builtin_bswap32((u32)(hi >> 32))};
	const u32 *slot = bpf_map_lookup_elem(&trie4, &key);

	return slot ? *slot : 0;
}

SPW_INLINE u32 find6(u64 hi, u64 lo)
{
	struct bench_lpm6_key key = {.len = 128};
	const u32 *slot;

	hi = __builtin_bswap64(hi);
	lo = __builtin_bswap64(lo);
	__builtin_memcpy(key.addr, &hi, sizeof(hi));
	__builtin_memcpy(key.addr + 8, &lo, sizeof(lo));
	slot = bpf_map_lookup_elem(&trie6, &key);
	return slot ? *slot : 0;
}

SEC("xdp.frags")
int lpm(struct xdp_md *ctx)
{
	struct spw_packet packet = {0};
	struct spw_list_tally *tally;
	u32 list = 0;

	if (!bench_parse_frame(ctx, &packet))
		return XDP_ABORTED;
	if (packet.family == 4)
		list = find4(packet.source_hi);
	else if (packet.family == 6)
		list = find6(packet.source_hi, packet.source_lo);
	tally = bpf_map_lookup_elem(&list_counters, &list);
	if (tally) {
		tally->by_reason[SPW_REASON_CUT].packets++;
		tally->by_reason[SPW_REASON_CUT].bytes += packet.length;
	}
	return XDP_DROP;
}

SEC("xdp.frags")
int lpm_only4(struct xdp_md *ctx)
{
	return drop(find4(bench_source4(ctx)));
}

SEC("xdp.frags")
int lpm_only6(struct xdp_md *ctx)
{
	u64 hi, lo;

	bench_source6(ctx, &hi, &lo);
	return drop(find6(hi, lo));
}

char LICENSE[] SEC("license") = "GPL";
