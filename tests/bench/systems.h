/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs under test, loaded with a ruleset: the real one, LPM tries, and alternative tables. */
#ifndef SPW_BENCH_SYSTEMS_H
#define SPW_BENCH_SYSTEMS_H

#include "user/kernel/datapath.h"
#include "rulesets.h"
#include "textbook.h"

struct lpm_bpf;
struct rivals_bpf;
struct textbook_bpf;

/* ---- the real program ---- */

struct bench_spillway {
	struct spw_datapath datapath;
	int ruleset_map; /* the published generation */
};

/**
 * bench_spillway_load() - load and publish; at green, with a lease that outlives the bench. Ends the program on errors.
 */
void bench_spillway_load(const struct bench_ruleset *ruleset, struct bench_spillway *spillway);

/** bench_spillway_publish() - fill a new map and replace the old one, as a reload does. */
void bench_spillway_publish(const struct bench_ruleset *ruleset, struct bench_spillway *spillway);
void bench_spillway_set_level(const struct bench_spillway *spillway, enum spw_level level);

/** bench_spillway_count() - packets that were judged for @reason, over all lists and CPUs. */
u64 bench_spillway_count(const struct bench_spillway *spillway, enum spw_reason reason);
/** bench_spillway_bytes() - all maps as the kernel counts them; of these, the ruleset, and the meters of limits. */
u64 bench_spillway_bytes(const struct bench_spillway *spillway, u64 *generation, u64 *meters);
void bench_spillway_free(struct bench_spillway *spillway);

/**
 * bench_spillway_limit() - set the limits of the ruleset's configuration, as the agent does; a rate below one a second,
 * which a configuration cannot express, by changing the emission interval.
 */
void bench_spillway_limit(const struct bench_spillway *spillway, const struct bench_ruleset *ruleset);

/** bench_spillway_order() - the order of service 1, the same for all classes. @interval_ticks: 0: no budget */
void bench_spillway_order(const struct bench_spillway *spillway, u64 interval_ticks, struct spw_class_admission class);

/** bench_spillway_budget() - give service 1 a budget that admits everybody or nobody. */
void bench_spillway_budget(const struct bench_spillway *spillway, bool admitting);

/** bench_tallies_sum() - the same from a map of struct spw_list_tally. */
u64 bench_tallies_sum(int map, enum spw_reason reason);

/* ---- LPM tries ---- */

/** bench_lpm_load() - fill the tries of both families from the ruleset's lists; values: the list's identity. */
struct lpm_bpf *bench_lpm_load(const struct bench_ruleset *ruleset);

/** bench_lpm_count() - packets dropped. */
u64 bench_lpm_count(const struct lpm_bpf *lpm);

/** bench_lpm_key() - a prefix as key, written to @at. Returns its bytes, at most those of struct bench_lpm6_key. */
size_t bench_lpm_key(u8 *at, const struct spw_prefix *prefix);

/* ---- the textbook program ---- */

/** bench_textbook_load() - the lists go alternately into the tries of allowed and denied prefixes; admits. */
struct textbook_bpf *bench_textbook_load(const struct bench_ruleset *ruleset);

/** bench_textbook_rate() - every source is far below its rate, or has none. */
void bench_textbook_rate(struct textbook_bpf *textbook, bool admitting);

/** bench_textbook_count() - packets over all classes and CPUs. */
u64 bench_textbook_count(const struct textbook_bpf *textbook, enum bench_textbook_count which);

/* ---- classification alone ---- */

enum bench_rival {
	BENCH_READ, /* only reads the address: the baseline */
	BENCH_LINE, /* the real program's table */
	BENCH_POPTRIE16,
	BENCH_POPTRIE18,
	BENCH_FLAT24,
	BENCH_LPM_ONLY,
	BENCH_RIVALS,
};

struct bench_rival_table {
	enum bench_rival kind;
	u8 family;
	struct rivals_bpf *skeleton;
	int program_fd;
	const struct bench_found *found; /* the program's sums */
	size_t bytes;			 /* of maps */
};

const char *bench_rival_name(enum bench_rival kind);

/** bench_rival_load() - false: no such table for the family, or the ruleset does not fit it. */
bool bench_rival_load(enum bench_rival kind, const struct bench_ruleset *ruleset, u8 family, struct lpm_bpf *lpm,
		      struct bench_rival_table *table);
void bench_rival_free(struct bench_rival_table *table);

/** bench_rival_expect() - how much found->slots must grow in one round over the first @count sources. */
u64 bench_rival_expect(const struct bench_rival_table *table, const struct bench_ruleset *ruleset,
		       const struct bench_sources *sources, u32 count);

#endif
