/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rulesets of the bench, made by the agent's code: configuration, lists, assembly, compiler. And sources drawn from
 * them. Does not use the kernel.
 */
#ifndef SPW_BENCH_RULESETS_H
#define SPW_BENCH_RULESETS_H

#include "user/config/config.h"
#include "user/core/table/intervals.h"
#include "user/core/table/ruleset.h"
#include "user/lists/assemble.h"
#include "user/lists/lists.h"
#include "feed.h"

/* A range of a list; `ranges` draws choose among them. */
struct bench_range {
	struct spw_addr first;
	struct spw_addr last;
};

struct bench_ranges {
	struct bench_range *items; /* owned */
	size_t count;
	size_t capacity;
};

enum bench_ruleset_kind {
	BENCH_ONE,	   /* one list of one prefix: 10.0.0.0/8, 3fff::/20 */
	BENCH_SYNTHETIC,   /* 1 M random prefixes: /24, and /48 in 2000::/3, over 250 lists */
	BENCH_GEO,	   /* every country of tor-geoipdb as its own list */
	BENCH_HOME_ABROAD, /* the United States, and all others */
	BENCH_RULESETS,
};

/* Limits of the classes for their sources and prefixes. */
#define BENCH_BEYOND_S 1000

enum bench_limits {
	BENCH_UNLIMITED,
	BENCH_WITHIN_LIMITS, /* on new work and packets, for sources and prefixes, above what the bench sends */
	BENCH_BEYOND_LIMITS, /* the same, except for a packet in BENCH_BEYOND_S seconds per source */
};

struct bench_ruleset {
	const char *name;
	enum bench_limits limits;
	struct spw_config config;
	struct spw_lists lists;
	struct spw_assembly assembly;
	struct spw_ruleset_image image;
	struct bench_ranges ranges[2];	   /* IPv4, IPv6 */
	struct spw_intervals intervals[2]; /* owner: identity of the list; 0: none */
	u64 read_ns;			   /* lists */
	u64 compile_ns;			   /* assembly and compiler */
};

/* Index by family: 0 for IPv4, 1 for IPv6. */
static inline unsigned int bench_side(u8 family)
{
	return family == 6;
}

static inline u64 bench_prefixes(const struct bench_ruleset *ruleset, u8 family)
{
	return family == 4 ? ruleset->image.prefixes4 : ruleset->image.prefixes6;
}

const char *bench_ruleset_name(enum bench_ruleset_kind kind);

/** bench_ruleset_configure() - first half: the configuration. Ends the program on errors, like the next two. */
void bench_ruleset_configure(enum bench_ruleset_kind kind, enum bench_limits limits, struct bench_ruleset *ruleset);

/** bench_ruleset_compile() - second half, timed: lists, assembly, image. */
void bench_ruleset_compile(struct bench_ruleset *ruleset);

/** bench_ruleset_prepare() - make ranges and intervals, for drawing and checking. */
void bench_ruleset_prepare(enum bench_ruleset_kind kind, struct bench_ruleset *ruleset);
void bench_ruleset_free(struct bench_ruleset *ruleset);

/** bench_rulesets_setup() - @dir: the folder of geoip and geoip6. Writes the synthetic lists to a temporary folder. */
void bench_rulesets_setup(const char *dir);

/** bench_rulesets_cleanup() - remove them; may be called from a signal handler or twice. */
void bench_rulesets_cleanup(void);

/** bench_draw() - fill the table with BENCH_SOURCES_MAX sources of @family. @uniform: of the whole family. */
void bench_draw(const struct bench_ruleset *ruleset, u8 family, bool uniform, struct bench_sources *sources);

/** bench_draw_from() - the same from some IPv4 ranges. */
void bench_draw_from(const struct bench_ranges *ranges, struct bench_sources *sources);

/** bench_source() - the @at-th source of the table. */
struct spw_addr bench_source(const struct bench_sources *sources, u8 family, u32 at);

/** bench_list_of() - expected result of every classification: the identity of the list, 0: none. */
u32 bench_list_of(const struct bench_ruleset *ruleset, u8 family, struct spw_addr addr);

#endif
