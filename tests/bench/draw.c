/* SPDX-License-Identifier: GPL-2.0-only */
/* Drawing sources from a ruleset, and the plain search that yields the expected results. */
#include "rulesets.h"
#include "util.h"

typedef unsigned __int128 u128;

static u128 wide(struct spw_addr addr)
{
	return (u128)addr.hi << 64 | addr.lo;
}

/* Uniform in [0, limit], with a negligible bias. */
static u128 draw_below(struct bench_random *random, u128 limit)
{
	u128 value = (u128)bench_next(random) << 64 | bench_next(random);

	return limit + 1 ? value % (limit + 1) : value;
}

static struct spw_addr draw_uniform(u8 family, struct bench_random *random)
{
	if (family == 4)
		return (struct spw_addr){bench_next(random) >> 32 << 32, 0};
	return (struct spw_addr){bench_next(random) >> 3 | 1ULL << 61, bench_next(random)};
}

/* A range, all with equal probability, then an address in it. */
static struct spw_addr draw_from_ranges(const struct bench_ranges *ranges, u8 family, struct bench_random *random)
{
	const struct bench_range *range = &ranges->items[bench_next(random) % ranges->count];
	u32 unused = family == 4 ? 96 : 0;
	u128 size = (wide(range->last) - wide(range->first)) >> unused;
	u128 addr = wide(range->first) + (draw_below(random, size) << unused);

	return (struct spw_addr){(u64)(addr >> 64), (u64)addr};
}

static void put_source6(const struct bench_ruleset *ruleset, struct bench_sources *sources, u32 at,
			struct spw_addr addr)
{
	const struct spw_addr computed = {addr.hi, bench_low_half(addr.hi)};
	bool same = bench_list_of(ruleset, 6, computed) == bench_list_of(ruleset, 6, addr);

	sources->hi6[at] = same && !(addr.hi & BENCH_STORED_WHOLE) ? addr.hi : BENCH_STORED_WHOLE;
	sources->whole6[at][0] = addr.hi;
	sources->whole6[at][1] = addr.lo;
}

void bench_draw_from(const struct bench_ranges *ranges, struct bench_sources *sources)
{
	struct bench_random random = bench_random(4);

	for (u32 i = 0; i < BENCH_SOURCES_MAX; i++)
		sources->v4[i] = __builtin_bswap32((u32)(draw_from_ranges(ranges, 4, &random).hi >> 32));
}

void bench_draw(const struct bench_ruleset *ruleset, u8 family, bool uniform, struct bench_sources *sources)
{
	const struct bench_ranges *ranges = &ruleset->ranges[bench_side(family)];
	struct bench_random random = bench_random(family + 16u * uniform);

	for (u32 i = 0; i < BENCH_SOURCES_MAX; i++) {
		struct spw_addr addr = uniform ? draw_uniform(family, &random)
					       : draw_from_ranges(ranges, family, &random);

		if (family == 4)
			sources->v4[i] = __builtin_bswap32((u32)(addr.hi >> 32));
		else
			put_source6(ruleset, sources, i, addr);
	}
}

struct spw_addr bench_source(const struct bench_sources *sources, u8 family, u32 at)
{
	u64 hi;

	if (family == 4)
		return (struct spw_addr){(u64)__builtin_bswap32(sources->v4[at]) << 32, 0};
	hi = sources->hi6[at];
	if (hi & BENCH_STORED_WHOLE)
		return (struct spw_addr){sources->whole6[at][0], sources->whole6[at][1]};
	return (struct spw_addr){hi, bench_low_half(hi)};
}

u32 bench_list_of(const struct bench_ruleset *ruleset, u8 family, struct spw_addr addr)
{
	const struct spw_intervals *intervals = &ruleset->intervals[bench_side(family)];
	size_t low = 0, high = intervals->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (spw_addr_compare(&intervals->items[middle].first, &addr) <= 0)
			low = middle;
		else
			high = middle;
	}
	return intervals->items[low].owner;
}
