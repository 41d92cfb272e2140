/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Classification alone: the real program's table and the alternatives: a poptrie with 16 or 18 direct bits, and for
 * IPv4 a flat table of 2^24 entries. Each sums up the slots that it finds, so that the bench can compare results.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/classify.h"
#include "feed.h"
#include "packet.bpf.h"

/* One value each, as long as the table needs; sized by user space. */
#define ONE_VALUE(name)                                                                                                \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(max_entries, 1);                                                                                \
		__uint(map_flags, BPF_F_RDONLY_PROG);                                                                  \
		__uint(key_size, 4);                                                                                   \
		__uint(value_size, 8);                                                                                 \
	} name SEC(".maps")

ONE_VALUE(direct);
ONE_VALUE(nodes);
ONE_VALUE(leaves);
ONE_VALUE(flat);
ONE_VALUE(blocks);
ONE_VALUE(line);

const volatile u32 direct_bits = 16;
const volatile u32 nodes_mask = 0;
const volatile u32 leaves_mask = 0;
const volatile u32 blocks_mask = 0;
const volatile u32 unit_mask = 0;

struct bench_found found = {0};

SPW_INLINE int drop(u32 slot)
{
	found.packets++;
	found.slots += slot;
	return XDP_DROP;
}

static const u32 only = 0;

/* BPF has no instruction for it. */
SPW_INLINE u32 count_bits(u64 word)
{
	word -= word >> 1 & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return word * 0x0101010101010101ULL >> 56;
}

/* @levels: nodes on the longest path; @rest: bits after the direct ones. */
SPW_INLINE u32 walk_poptrie(u64 hi, u64 lo, u32 levels)
{
	const u32 *entries = bpf_map_lookup_elem(&direct, &only);
	const struct bench_poptrie_node *table = bpf_map_lookup_elem(&nodes, &only), *node;
	const u16 *values = bpf_map_lookup_elem(&leaves, &only);
	u32 bits = direct_bits, entry, chunk;

	if (!entries || !table || !values)
		return 0;
	entry = entries[hi >> (64 - bits)];
	if (entry & BENCH_POPTRIE_LEAF)
		return entry & ~BENCH_POPTRIE_LEAF;
	hi = hi << bits | lo >> (64 - bits);
	lo <<= bits;
	node = &table[entry & nodes_mask];
	for (u32 level = 1; level < levels; level++) {
		chunk = hi >> (64 - BENCH_POPTRIE_STRIDE);
		if (!(node->vector >> chunk & 1))
			break;
		node = &table[(node->base1 + count_bits(node->vector & ((2ULL << chunk) - 1)) - 1) & nodes_mask];
		hi = hi << BENCH_POPTRIE_STRIDE | lo >> (64 - BENCH_POPTRIE_STRIDE);
		lo <<= BENCH_POPTRIE_STRIDE;
	}
	chunk = hi >> (64 - BENCH_POPTRIE_STRIDE);
	return values[(node->base0 + count_bits(node->leafvec & ((2ULL << chunk) - 1)) - 1) & leaves_mask];
}

SPW_INLINE u32 find_flat(u64 hi)
{
	const u16 *entries = bpf_map_lookup_elem(&flat, &only), *block = bpf_map_lookup_elem(&blocks, &only);
	u32 entry;

	if (!entries || !block)
		return 0;
	entry = entries[hi >> 40];
	if (entry & BENCH_FLAT_BLOCK)
		entry = block[((entry & ~BENCH_FLAT_BLOCK) << 8 | (hi >> 32 & 0xff)) & blocks_mask];
	return entry;
}

SEC("xdp.frags")
int read4(struct xdp_md *ctx)
{
	return drop(bench_source4(ctx) >> 32 & 1);
}

SEC("xdp.frags")
int read6(struct xdp_md *ctx)
{
	u64 hi, lo;

	bench_source6(ctx, &hi, &lo);
	return drop((hi ^ lo) & 1);
}

SEC("xdp.frags")
int poptrie4(struct xdp_md *ctx)
{
	return drop(walk_poptrie(bench_source4(ctx), 0, 3));
}

SEC("xdp.frags")
int poptrie6(struct xdp_md *ctx)
{
	u64 hi, lo;

	bench_source6(ctx, &hi, &lo);
	return drop(walk_poptrie(hi, lo, 19));
}

SEC("xdp.frags")
int flat4(struct xdp_md *ctx)
{
	return drop(find_flat(bench_source4(ctx)));
}

SEC("xdp.frags")
int line4(struct xdp_md *ctx)
{
	const struct spw_ruleset *ruleset = bpf_map_lookup_elem(&line, &only);

	return drop(ruleset ? spw_find4(ruleset, unit_mask, bench_source4(ctx)) : 0);
}

SEC("xdp.frags")
int line6(struct xdp_md *ctx)
{
	const struct spw_ruleset *ruleset = bpf_map_lookup_elem(&line, &only);
	u64 hi, lo;

	bench_source6(ctx, &hi, &lo);
	return drop(ruleset ? spw_find6(ruleset, unit_mask, hi, lo) : 0);
}

char LICENSE[] SEC("license") = "GPL";
