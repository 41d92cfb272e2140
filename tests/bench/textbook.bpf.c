/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A shedder as one would write it from the documentation of eBPF maps: allowed and denied prefixes in two LPM tries, a
 * token bucket per source in a per-CPU LRU hash, the kernel's clock, per-CPU counters. Like the real program it takes
 * the longest prefix, so it looks into both tries; it has no limits for prefixes and no budget. Its per-CPU buckets
 * admit the rate on every CPU, unlike the real program's. Used by the bench only.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "feed.h"
#include "packet.bpf.h"
#include "textbook.h"

/* Set by user space. Tokens are counted in 2^-20. */
u64 tokens_per_ns = 0; /* of both buckets; times 2^-20 */
u64 tokens_most = 0;

#define TOKEN (1ull << 20)

/* Sized by user space. */
#define BENCH_TRIE(name, key_type)                                                                                     \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                                                   \
		__uint(max_entries, 1);                                                                                \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                  \
		__type(key, key_type);                                                                                 \
		__type(value, struct bench_textbook_rule);                                                             \
	} name SEC(".maps")

BENCH_TRIE(allow4, struct bench_lpm4_key);
BENCH_TRIE(deny4, struct bench_lpm4_key);
BENCH_TRIE(allow6, struct bench_lpm6_key);
BENCH_TRIE(deny6, struct bench_lpm6_key);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, BENCH_TEXTBOOK_STATES);
	__type(key, u64);
	__type(value, struct bench_textbook_state);
} states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BENCH_TEXTBOOK_CLASSES);
	__type(key, u32);
	__type(value, struct bench_textbook_tally);
} tallies SEC(".maps");

/* The rule of the longer prefix; if there is none, class 0. */
SPW_INLINE struct bench_textbook_rule longer(const struct bench_textbook_rule *allowed,
					     const struct bench_textbook_rule *denied)
{
	struct bench_textbook_rule none = {0};

	if (denied && (!allowed || denied->len > allowed->len))
		return *denied;
	return allowed ? *allowed : none;
}

SPW_INLINE struct bench_textbook_rule find4(u64 hi)
{
	struct bench_lpm4_key key = {.len = 32, .addr = __builtin_bswap32((u32)(hi >> 32))};

	return longer(bpf_map_lookup_elem(&allow4, &key), bpf_map_lookup_elem(&deny4, &key));
}

SPW_INLINE struct bench_textbook_rule find6(u64 hi, u64 lo)
{
	struct bench_lpm6_key key = {.len = 128};

	hi = __builtin_bswap64(hi);
	lo = __builtin_bswap64(lo);
	__builtin_memcpy(key.addr, &hi, sizeof(hi));
	__builtin_memcpy(key.addr + 8, &lo, sizeof(lo));
	return longer(bpf_map_lookup_elem(&allow6, &key), bpf_map_lookup_elem(&deny6, &key));
}

SPW_INLINE bool take(struct bench_textbook_bucket *bucket, u64 now)
{
	u64 tokens = bucket->tokens + (now - bucket->filled_ns) * tokens_per_ns;

	if (tokens > tokens_most)
		tokens = tokens_most;
	bucket->filled_ns = now;
	bucket->tokens = tokens < TOKEN ? tokens : tokens - TOKEN;
	return tokens >= TOKEN;
}

/* A source's first packet creates its state. */
SPW_INLINE bool is_over(u64 source, bool new_work)
{
	struct bench_textbook_state *state = bpf_map_lookup_elem(&states, &source), fresh;
	u64 now = bpf_ktime_get_ns();

	if (!state) {
		fresh.packets = fresh.new_work = (struct bench_textbook_bucket){now, tokens_most};
		bpf_map_update_elem(&states, &source, &fresh, BPF_ANY);
		return tokens_most < TOKEN;
	}
	if (!take(&state->packets, now))
		return true;
	return new_work && !take(&state->new_work, now);
}

SPW_INLINE void count(u32 class_id, u32 which, u32 length)
{
	struct bench_textbook_tally *tally = bpf_map_lookup_elem(&tallies, &class_id);

	if (tally) {
		tally->packets[which]++;
		tally->bytes[which] += length;
	}
}

SEC("xdp.frags")
int textbook(struct xdp_md *ctx)
{
	struct spw_packet packet = {0};
	struct bench_textbook_rule rule = {0};
	u32 which = BENCH_TEXTBOOK_PASSED;

	if (!bench_parse_frame(ctx, &packet))
		return XDP_ABORTED;
	if (packet.family == 4)
		rule = find4(packet.source_hi);
	else if (packet.family == 6)
		rule = find6(packet.source_hi, packet.source_lo);
	if (rule.cut)
		which = BENCH_TEXTBOOK_CUT;
	else if (is_over(packet.source_hi, packet.found & SPW_FOUND_SYN))
		which = BENCH_TEXTBOOK_OVER;
	count(rule.class_id, which, packet.length);
	return which == BENCH_TEXTBOOK_PASSED ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
