/* SPDX-License-Identifier: GPL-2.0-only */
/* Making the rulesets, and drawing sources. */
#include "rulesets.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../user/lists/lists.h"
#include "util.h"

#define SYNTHETIC_PREFIXES 1000000u
#define SYNTHETIC_LISTS 250u

static const char *const names[BENCH_RULESETS] = {"one", "synthetic-1m", "geo", "home-abroad"};

const char *bench_ruleset_name(enum bench_ruleset_kind kind)
{
	return names[kind];
}

static void add_range(struct bench_ranges *ranges, struct spw_addr first, struct spw_addr last)
{
	if (ranges->count == ranges->capacity) {
		ranges->capacity = ranges->capacity ? 2 * ranges->capacity : 1024;
		ranges->items = bench_realloc(ranges->items, ranges->capacity * sizeof(*ranges->items));
	}
	ranges->items[ranges->count++] = (struct bench_range){first, last};
}

/* Lists while they are made. */
struct draft {
	struct bench_ruleset *ruleset;
	struct {
		struct spw_entry *entries;
		size_t count, capacity;
	} lists[SPW_LISTS_MAX];
	u16 by_code[65536]; /* list + 1 of a country code; 0: not seen yet */
	bool home_abroad;
};

static void add_entry(struct draft *draft, u32 list, const struct spw_prefix *prefix)
{
	if (list >= SPW_LISTS_MAX - 1)
		errx(1, "more lists than there are places");
	if (draft->lists[list].count == draft->lists[list].capacity) {
		draft->lists[list].capacity = draft->lists[list].capacity ? 2 * draft->lists[list].capacity : 64;
		draft->lists[list].entries = bench_realloc(draft->lists[list].entries,
							   draft->lists[list].capacity * sizeof(struct spw_entry));
	}
	draft->lists[list].entries[draft->lists[list].count++] = (struct spw_entry){.prefix = *prefix};
	draft->ruleset->prefixes[bench_side(prefix->family)]++;
	if (list >= draft->ruleset->lists_count)
		draft->ruleset->lists_count = list + 1;
}

static void add_prefix(struct draft *draft, u32 list, const struct spw_prefix *prefix)
{
	add_entry(draft, list, prefix);
	add_range(&draft->ruleset->ranges[bench_side(prefix->family)], prefix->addr, spw_prefix_last(prefix));
}

static u32 list_of_code(struct draft *draft, const char code[3])
{
	u16 *known = &draft->by_code[(u8)code[0] << 8 | (u8)code[1]];

	if (draft->home_abroad)
		return strcmp(code, "US") ? 1 : 0;
	if (!*known)
		*known = (u16)(draft->ruleset->lists_count + 1);
	return *known - 1u;
}

static int visit_range(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		       const char code[3], u32 line)
{
	struct draft *draft = context;
	struct spw_addr at = *first;
	struct spw_prefix prefix;
	u32 list = list_of_code(draft, code);
	bool ended = false;

	(void)line;
	add_range(&draft->ruleset->ranges[bench_side(family)], *first, *last);
	while (spw_range_next(&at, last, family, &ended, &prefix))
		add_entry(draft, list, &prefix);
	return 0;
}

static void read_geo(struct draft *draft, const char *dir, u8 family)
{
	static struct spw_diagnostics diagnostics;
	struct stat status;
	char path[4096];
	char *text;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, family == 4 ? "geoip" : "geoip6");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status))
		err(1, "%s (Debian package tor-geoipdb)", path);
	text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		err(1, "%s", path);
	if (spw_list_parse_geo(text, (size_t)status.st_size, family, path, visit_range, draft, &diagnostics))
		errx(1, "%s: not a table of countries", path);
	munmap(text, (size_t)status.st_size);
	close(fd);
}

static void draft_synthetic(struct draft *draft)
{
	struct bench_random random = bench_random(1);
	u8 *seen = calloc(1 << 21, 1); /* of the /24 */

	if (!seen)
		errx(1, "out of memory");
	for (u32 i = 0; i < SYNTHETIC_PREFIXES;) {
		u64 net = bench_next(&random) >> 40;
		struct spw_prefix prefix = {.addr = {net << 40, 0}, .family = 4, .len = 24};

		if (seen[net >> 3] & 1 << (net & 7))
			continue;
		seen[net >> 3] |= (u8)(1 << (net & 7));
		add_prefix(draft, (u32)(bench_next(&random) >> 32) % SYNTHETIC_LISTS, &prefix);
		i++;
	}
	/* Of 2^45 hardly two are equal; the same list takes those that are. */
	for (u32 i = 0; i < SYNTHETIC_PREFIXES; i++) {
		u64 hi = (bench_next(&random) >> 3 | 1ULL << 61) >> 16 << 16;
		struct spw_prefix prefix = {.addr = {hi, 0}, .family = 6, .len = 48};

		add_prefix(draft, (u32)((hi >> 16) * 2654435761u >> 8) % SYNTHETIC_LISTS, &prefix);
	}
	free(seen);
}

static void draft_one(struct draft *draft)
{
	const struct spw_prefix prefix4 = {.addr = {10ULL << 56, 0}, .family = 4, .len = 8};
	const struct spw_prefix prefix6 = {.addr = {0x3fffULL << 48, 0}, .family = 6, .len = 20};

	add_prefix(draft, 0, &prefix4);
	add_prefix(draft, 0, &prefix6);
}

/* Every list cut from red on, so that one ruleset serves the pass path and the cut path. */
static const struct spw_ruleset_class classes[] = {
	{.name = "listed", .id = 0, .shed_from = SPW_ORANGE, .cut_new_from = SPW_RED, .cut_all_from = SPW_RED},
	{.name = "rest", .id = 1, .shed_from = SPW_YELLOW, .cut_new_from = SPW_RED, .cut_all_from = SPW_RED},
};

static void finish_lists(struct draft *draft)
{
	struct bench_ruleset *ruleset = draft->ruleset;

	ruleset->lists = bench_realloc(NULL, ruleset->lists_count * sizeof(*ruleset->lists));
	for (size_t i = 0; i < ruleset->lists_count; i++)
		ruleset->lists[i] = (struct spw_ruleset_list){
			.name = "list",
			.id = (u16)(i + 1),
			.background = 1,
			.entries = draft->lists[i].entries,
			.count = draft->lists[i].count,
		};
	ruleset->source = (struct spw_ruleset_source){
		.lists = ruleset->lists,
		.lists_count = ruleset->lists_count,
		.classes = classes,
		.classes_count = 2,
	};
}

static void make_intervals(struct bench_ruleset *ruleset, u8 family)
{
	struct spw_intervals *intervals = &ruleset->intervals[bench_side(family)];
	struct spw_span *spans = bench_realloc(NULL, (ruleset->prefixes[bench_side(family)] + 1) * sizeof(*spans));
	size_t count = 0;

	for (size_t i = 0; i < ruleset->lists_count; i++)
		for (size_t j = 0; j < ruleset->lists[i].count; j++) {
			const struct spw_prefix *prefix = &ruleset->lists[i].entries[j].prefix;

			if (prefix->family == family)
				spans[count++] = (struct spw_span){prefix->addr, (u32)i, prefix->len};
		}
	if (spw_intervals_make(spans, count, family, intervals))
		errx(1, "out of memory");
	for (size_t i = 0; i < intervals->count; i++)
		intervals->items[i].owner = intervals->items[i].owner == SPW_NOBODY ? 0 : intervals->items[i].owner + 1;
	free(spans);
}

void bench_ruleset_make(enum bench_ruleset_kind kind, const char *geo_dir, struct bench_ruleset *ruleset)
{
	struct draft *draft = calloc(1, sizeof(*draft));
	struct spw_ruleset_error error;
	u64 begin;

	*ruleset = (struct bench_ruleset){.name = names[kind]};
	if (!draft)
		errx(1, "out of memory");
	draft->ruleset = ruleset;
	draft->home_abroad = kind == BENCH_HOME_ABROAD;
	if (kind == BENCH_ONE) {
		draft_one(draft);
	} else if (kind == BENCH_SYNTHETIC) {
		draft_synthetic(draft);
	} else {
		read_geo(draft, geo_dir, 4);
		read_geo(draft, geo_dir, 6);
	}
	finish_lists(draft);
	free(draft);
	make_intervals(ruleset, 4);
	make_intervals(ruleset, 6);
	begin = bench_clock_ns();
	if (spw_ruleset_compile(&ruleset->source, 0, &ruleset->image, &error))
		errx(1, "ruleset %s does not compile (kind %d)", ruleset->name, error.kind);
	ruleset->compile_ns = bench_clock_ns() - begin;
}

void bench_ruleset_free(struct bench_ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->lists_count; i++)
		free((void *)ruleset->lists[i].entries);
	free(ruleset->lists);
	for (int side = 0; side < 2; side++) {
		free(ruleset->ranges[side].items);
		spw_intervals_free(&ruleset->intervals[side]);
	}
	spw_ruleset_free(&ruleset->image);
	*ruleset = (struct bench_ruleset){0};
}

/* ---- drawing ---- */

typedef unsigned __int128 u128;

static u128 wide(struct spw_addr addr)
{
	return (u128)addr.hi << 64 | addr.lo;
}

/* Uniform in [0, limit]; the bias of the remainder is of the order of the range's share of 2^128, at most 2^-32 for IPv4. */
static u128 below(struct bench_random *random, u128 limit)
{
	u128 value = (u128)bench_next(random) << 64 | bench_next(random);

	return limit + 1 ? value % (limit + 1) : value;
}

static u128 draw_one(const struct bench_ranges *ranges, u8 family, bool uniform, struct bench_random *random)
{
	const struct bench_range *range;
	u32 shift = family == 4 ? 96 : 0;

	if (uniform)
		return family == 4 ? (u128)bench_next(random) >> 32 << 96 :
				     ((u128)bench_next(random) << 64 | bench_next(random)) >> 3 | (u128)1 << 125;
	range = &ranges->items[bench_next(random) % ranges->count];
	return wide(range->first) + (below(random, (wide(range->last) - wide(range->first)) >> shift) << shift);
}

static void put_source6(const struct bench_ruleset *ruleset, struct bench_sources *sources, u32 at, struct spw_addr addr)
{
	const struct spw_addr computed = {addr.hi, bench_low_half(addr.hi)};
	bool same = bench_list_of(ruleset, 6, computed) == bench_list_of(ruleset, 6, addr);

	sources->hi6[at] = same && !(addr.hi & BENCH_STORED_WHOLE) ? addr.hi : BENCH_STORED_WHOLE;
	sources->whole6[at][0] = addr.hi;
	sources->whole6[at][1] = addr.lo;
}

void bench_draw(const struct bench_ruleset *ruleset, u8 family, bool uniform, struct bench_sources *sources)
{
	const struct bench_ranges *ranges = &ruleset->ranges[bench_side(family)];
	struct bench_random random = bench_random(family + 16u * uniform);

	for (u32 i = 0; i < BENCH_SOURCES_MAX; i++) {
		u128 wide_addr = draw_one(ranges, family, uniform, &random);
		struct spw_addr addr = {(u64)(wide_addr >> 64), (u64)wide_addr};

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
