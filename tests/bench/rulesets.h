/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rulesets that the bench measures with, and the sources that it draws from them. Nothing here touches the kernel.
 */
#ifndef SPW_BENCH_RULESETS_H
#define SPW_BENCH_RULESETS_H

#include "../../user/core/intervals.h"
#include "../../user/core/ruleset.h"
#include "feed.h"

/* A range that a list was read from; what `ranges` draws choose among. */
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
	BENCH_ONE,	   /* one list of one prefix */
	BENCH_SYNTHETIC,   /* 1 M random prefixes: /24, and /48 in 2000::/3, over 250 lists */
	BENCH_GEO,	   /* every country of tor-geoipdb its own list */
	BENCH_HOME_ABROAD, /* the United States, and the rest of it */
	BENCH_RULESETS,
};

struct bench_ruleset {
	const char *name;
	struct spw_ruleset_source source;
	struct spw_ruleset_list *lists; /* owned, with their entries and names */
	size_t lists_count;
	struct bench_ranges ranges[2];	    /* IPv4, IPv6 */
	u64 prefixes[2];		    /* IPv4, IPv6 */
	struct spw_intervals intervals[2];  /* owner: index of the list + 1; 0: none */
	struct spw_ruleset_image image;
	u64 compile_ns;
};

/* Index by family: 0 for IPv4, 1 for IPv6. */
static inline unsigned int bench_side(u8 family)
{
	return family == 6;
}

/** bench_ruleset_make() - make the lists and compile them. @geo_dir: where geoip and geoip6 are. Ends the program on errors. */
void bench_ruleset_make(enum bench_ruleset_kind kind, const char *geo_dir, struct bench_ruleset *ruleset);
void bench_ruleset_free(struct bench_ruleset *ruleset);
const char *bench_ruleset_name(enum bench_ruleset_kind kind);

/** bench_draw() - fill the table with BENCH_SOURCES_MAX sources of @family. @uniform: of the whole family. */
void bench_draw(const struct bench_ruleset *ruleset, u8 family, bool uniform, struct bench_sources *sources);

/** bench_list_of() - what every classification must find: the index of the list + 1, 0: none. */
u32 bench_list_of(const struct bench_ruleset *ruleset, u8 family, struct spw_addr addr);

/** bench_source() - the @at-th source of the table. */
struct spw_addr bench_source(const struct bench_sources *sources, u8 family, u32 at);

#endif
