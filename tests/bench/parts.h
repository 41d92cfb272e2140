/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the bench, one per file, and their extent. All end the program on errors. */
#ifndef SPW_BENCH_PARTS_H
#define SPW_BENCH_PARTS_H

#include "feeder.h"
#include "report.h"
#include "systems.h"

enum bench_bounds {
	BENCH_ROUNDS_MAX = 32,
	BENCH_SOURCES_COUNTS_MAX = 4,
	/* Of packets, and of the whole path with two rulesets. */
	BENCH_COSTS_MAX = (BENCH_RULESETS * 4 + 2 * 2) * BENCH_SOURCES_COUNTS_MAX,
	BENCH_RATES_MAX = 64,
};

struct bench_plan {
	u32 rounds;
	u32 packets;	 /* per run of BPF_PROG_TEST_RUN */
	u32 packets_lpm; /* the same for cases that take microseconds */
	u32 veth_round_ms;
	u32 sources[BENCH_SOURCES_COUNTS_MAX];
	size_t sources_count;
	bool lpm_everywhere; /* otherwise only for geo: filling tries takes seconds */
	bool contenders;     /* measure alternative tables on the veth too */
};

/* A ruleset and everything measured with it. */
struct bench_subject {
	enum bench_ruleset_kind kind;
	struct bench_feeder feeder;
	struct bench_ruleset ruleset;
	struct bench_spillway spillway;
	struct lpm_bpf *lpm; /* NULL: not measured */
};

void bench_subject_load(enum bench_ruleset_kind kind, enum bench_limits limits, bool with_lpm,
			struct bench_subject *subject);
void bench_subject_free(struct bench_subject *subject);

/** bench_makings() - ruleset: time and memory of reading, compiling, publishing. Returns how many rows there are. */
size_t bench_makings(const struct bench_plan *plan, struct bench_making makings[BENCH_RULESETS]);

/** bench_run_case() - nanoseconds of one case, for which the subject must be loaded. */
double bench_run_case(struct bench_subject *subject, const struct bench_plan *plan, enum bench_case which, u8 family,
		      u32 sources);

/** bench_turns() - measure cases read from stdin (turns.c). @own: whether the table of the host's addresses is in use */
void bench_turns(u8 family, bool own);

/** bench_packets() - packet: nanoseconds by BPF_PROG_TEST_RUN. Returns how many rows there are. */
size_t bench_packets(const struct bench_plan *plan, struct bench_cost costs[BENCH_COSTS_MAX]);

/** bench_whole() - whole: the same for the whole path and the textbook program. */
size_t bench_whole(const struct bench_plan *plan, struct bench_cost *costs);

/**
 * bench_whole_turn() - nanoseconds of BENCH_WHOLE or BENCH_WHOLE_REFUSED, with the synthetic ruleset. Loads at the first
 * call, and warms up when the number of sources changes. @family: the same at each call
 */
double bench_whole_turn(bool refused, u8 family, u32 sources);

/** bench_contenders() - classification alone, by all tables; printed. */
void bench_contenders(const struct bench_plan *plan);

/**
 * bench_veth() - packets dropped behind a veth, measured in a child process, in a network namespace that ends with it.
 * Returns the number of rows.
 */
size_t bench_veth(const struct bench_plan *plan, struct bench_rate rates[BENCH_RATES_MAX]);

#endif
