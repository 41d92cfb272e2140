/* SPDX-License-Identifier: GPL-2.0-only */
/* Results as values and their output: tables on stdout, JSON in files. */
#ifndef SPW_BENCH_REPORT_H
#define SPW_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

enum bench_case {
	BENCH_BARE,
	BENCH_PARSE,
	BENCH_PASS,
	BENCH_CUT,
	BENCH_LPM,
	BENCH_WORK_FIRST,
	BENCH_SERVICE = BENCH_WORK_FIRST, /* new work for a service without a budget: told from resent, and counted */
	BENCH_BUDGET,			  /* admitted by the budget, every source in */
	BENCH_SHARE,			  /* the same, with a share to be evaluated */
	BENCH_OUT,			  /* refused: the share is zero */
	BENCH_OVER,			  /* refused: by the budget */
	BENCH_WHOLE,			  /* new work within all limits, admitted by the budget */
	BENCH_WHOLE_REFUSED,		  /* limit: a packet a second per source */
	BENCH_TEXTBOOK,			  /* the textbook program, with the same prefixes */
	BENCH_CASES,
};

/* One row of the table of costs: a ruleset, a draw, a number of sources; nanoseconds by case. */
struct bench_cost {
	u8 family;
	const char *ruleset;
	const char *draw;
	u64 prefixes;
	u32 sources;
	bool has[BENCH_CASES];
	double ns[BENCH_CASES];	     /* medians of rounds */
	double best_ns[BENCH_CASES]; /* of the best round */
};

/* Cost of making a ruleset. */
struct bench_making {
	const char *ruleset;
	u64 prefixes4;
	u64 prefixes6;
	u64 read_ns;
	u64 compile_ns;
	u64 publish_ns;	 /* fill a new map, switch, wait for the last packet that uses the old one */
	u64 map_bytes;	 /* one generation, as the kernel counts it */
	u64 all_bytes;	 /* all maps of the program, with two generations */
	u64 meter_bytes; /* of these, the meters of limits */
	u64 peak_kib;	 /* resident memory of the process that did all this */
};

/* Packets dropped per second behind a veth. */
struct bench_rate {
	const char *system;
	const char *what; /* prefix, rate, whole */
	u8 family;
	u32 sources;
	double pps;
	double ratio; /* to the bare drop */
};

/** bench_note() - print a line of progress on stderr. */
__attribute__((format(printf, 1, 2))) void bench_note(const char *format, ...);

/** bench_print_memory() - current memory latency, to compare runs. */
void bench_print_memory(const char *when);
void bench_print_wholes(const struct bench_cost *costs, size_t count);
void bench_print_costs(const struct bench_cost *costs, size_t count);
void bench_print_makings(const struct bench_making *makings, size_t count);
void bench_print_rates(const struct bench_rate *rates, size_t count);

/** bench_write_costs() and the others - replace the file @dir/@name. End the program on errors. */
void bench_write_costs(const char *dir, const char *name, const struct bench_cost *costs, size_t count);
void bench_write_makings(const char *dir, const char *name, const struct bench_making *makings, size_t count);
void bench_write_rates(const char *dir, const char *name, u8 family, const struct bench_rate *rates, size_t count);

/** bench_print_figures() - target figures, and whether this run reached them. */
void bench_print_figures(const struct bench_cost *costs, size_t costs_count, const struct bench_making *makings,
			 size_t makings_count, const struct bench_rate *rates, size_t rates_count);

#endif
