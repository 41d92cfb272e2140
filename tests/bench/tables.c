/* SPDX-License-Identifier: GPL-2.0-only */
/* Builds the alternative tables. Simple rather than fast: building is not compared. */
#include "tables.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

typedef unsigned __int128 u128;

static u128 wide(struct spw_addr addr)
{
	return (u128)addr.hi << 64 | addr.lo;
}

/* A prefix of the address space; items[at] is the first interval that begins after its first address. */
struct cell {
	u128 first;
	u32 bits;  /* of the prefix */
	u32 owner; /* at the first address */
	size_t at;
	size_t end; /* items[end] begins after the cell */
};

static u128 cell_size(u32 bits)
{
	return bits ? (u128)1 << (128 - bits) : 0;
}

/* The @index-th part of @cell, of 2^bits; call in sequence, with *at and *owner carried along. */
static struct cell part(const struct spw_intervals *intervals, const struct cell *cell, u32 bits, u32 index, size_t *at,
			u32 *owner)
{
	struct cell sub = {.bits = cell->bits + bits};

	sub.first = cell->first + cell_size(sub.bits) * index;
	while (*at < cell->end && wide(intervals->items[*at].first) <= sub.first)
		*owner = intervals->items[(*at)++].owner;
	sub.owner = *owner;
	sub.at = *at;
	while (*at < cell->end && wide(intervals->items[*at].first) - sub.first < cell_size(sub.bits))
		*owner = intervals->items[(*at)++].owner;
	sub.end = *at;
	return sub;
}

/* ---- poptrie ---- */

static u32 take_nodes(struct bench_poptrie *poptrie, u32 count)
{
	u32 base = (u32)poptrie->nodes_count;

	poptrie->nodes_count += count;
	if (poptrie->nodes_count > poptrie->nodes_capacity) {
		poptrie->nodes_capacity = 2 * poptrie->nodes_count;
		poptrie->nodes = bench_realloc(poptrie->nodes, poptrie->nodes_capacity * sizeof(*poptrie->nodes));
	}
	return base;
}

static void add_leaf(struct bench_poptrie *poptrie, u32 owner)
{
	if (poptrie->leaves_count == poptrie->leaves_capacity) {
		poptrie->leaves_capacity = poptrie->leaves_capacity ? 2 * poptrie->leaves_capacity : 1024;
		poptrie->leaves = bench_realloc(poptrie->leaves, poptrie->leaves_capacity * sizeof(*poptrie->leaves));
	}
	poptrie->leaves[poptrie->leaves_count++] = (u16)owner;
}

/* The last stride may extend past the address: then several children stand for one part. */
static void build_node(struct bench_poptrie *poptrie, const struct spw_intervals *intervals, const struct cell *cell,
		       u32 number)
{
	u32 bits = cell->bits + BENCH_POPTRIE_STRIDE > 128 ? 128 - cell->bits : BENCH_POPTRIE_STRIDE;
	struct bench_poptrie_node node = {.base0 = (u32)poptrie->leaves_count};
	u32 owner = cell->owner, last = UINT32_MAX, children = 0;
	size_t at = cell->at;
	struct cell parts[1 << BENCH_POPTRIE_STRIDE] = {0}, inner[1 << BENCH_POPTRIE_STRIDE];

	for (u32 i = 0; i < 1u << bits; i++)
		parts[i] = part(intervals, cell, bits, i, &at, &owner);
	for (u32 i = 0; i < 1u << BENCH_POPTRIE_STRIDE; i++) {
		const struct cell *sub = &parts[i >> (BENCH_POPTRIE_STRIDE - bits)];

		if (sub->at != sub->end) {
			node.vector |= 1ULL << i;
			inner[children++] = *sub;
		} else if (sub->owner != last) {
			node.leafvec |= 1ULL << i;
			last = sub->owner;
			add_leaf(poptrie, last);
		}
	}
	node.base1 = take_nodes(poptrie, children);
	poptrie->nodes[number] = node;
	for (u32 i = 0; i < children; i++)
		build_node(poptrie, intervals, &inner[i], node.base1 + i);
}

void bench_poptrie_make(const struct spw_intervals *intervals, u32 direct_bits, struct bench_poptrie *poptrie)
{
	const struct cell all = {.owner = intervals->items[0].owner, .at = 0, .end = intervals->count};
	u32 owner = all.owner;
	size_t at = 0;

	*poptrie = (struct bench_poptrie){.direct_bits = direct_bits};
	poptrie->direct = bench_realloc(NULL, sizeof(u32) << direct_bits);
	for (u32 i = 0; i < 1u << direct_bits; i++) {
		struct cell sub = part(intervals, &all, direct_bits, i, &at, &owner);

		if (sub.at == sub.end) {
			poptrie->direct[i] = BENCH_POPTRIE_LEAF | sub.owner;
			continue;
		}
		poptrie->direct[i] = take_nodes(poptrie, 1);
		build_node(poptrie, intervals, &sub, poptrie->direct[i]);
	}
}

void bench_poptrie_free(struct bench_poptrie *poptrie)
{
	free(poptrie->direct);
	free(poptrie->nodes);
	free(poptrie->leaves);
	*poptrie = (struct bench_poptrie){0};
}

/* ---- flat ---- */

bool bench_flat_make(const struct spw_intervals *intervals, struct bench_flat *flat)
{
	const struct cell all = {.owner = intervals->items[0].owner, .at = 0, .end = intervals->count};
	u32 owner = all.owner;
	size_t at = 0;

	*flat = (struct bench_flat){.entries = bench_realloc(NULL, sizeof(u16) << 24)};
	flat->blocks = bench_realloc(NULL, sizeof(u16) * 256 * BENCH_FLAT_BLOCKS_MAX);
	for (u32 i = 0; i < 1u << 24; i++) {
		struct cell sub = part(intervals, &all, 24, i, &at, &owner);
		u32 inner_owner = sub.owner;
		size_t inner_at = sub.at;

		flat->entries[i] = (u16)sub.owner;
		if (sub.at == sub.end)
			continue;
		if (flat->blocks_count == BENCH_FLAT_BLOCKS_MAX)
			return false;
		for (u32 j = 0; j < 256; j++)
			flat->blocks[flat->blocks_count * 256 + j] =
				(u16)part(intervals, &sub, 8, j, &inner_at, &inner_owner).owner;
		flat->entries[i] = (u16)(BENCH_FLAT_BLOCK | flat->blocks_count++);
	}
	return true;
}

void bench_flat_free(struct bench_flat *flat)
{
	free(flat->entries);
	free(flat->blocks);
	*flat = (struct bench_flat){0};
}
