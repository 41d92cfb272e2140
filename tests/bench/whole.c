/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The whole path, ns by BPF_PROG_TEST_RUN: parse, management, classify, new work and packets of source and prefix,
 * fresh or resent, budget, counters, sampling. Every packet is admitted new work for a service, the most expensive
 * case; for comparison the same above its limits, and the textbook program with the same prefixes and sources.
 */
#include <bpf/libbpf.h>
#include <string.h>

#include "parts.h"
#include "util.h"
#include "feed.skel.h"
#include "textbook.skel.h"

enum {
	SOURCES_COUNTS = 4,
	WARMING_MOST = 1 << 21,	    /* packets, until nearly every cell was used */
	WARMING_TEXTBOOK = 1 << 20, /* the same for the entries of its hash */
};

static const u32 sources_default[SOURCES_COUNTS] = {1u << 10, 1u << 16, 1u << 20, 1u << 24};
static const u32 sources_quick[] = {1u << 16, 1u << 20};

struct whole {
	const struct bench_plan *plan;
	struct bench_feeder feeder;
	struct bench_ruleset within, beyond; /* the same prefixes, other limits */
	struct bench_spillway admitting, refusing;
	struct textbook_bpf *textbook;
	u32 next[BENCH_CASES]; /* where each case continues in the table of sources */
	u32 warm[BENCH_CASES]; /* turns: the number of sources that each case is warm for */
};

static bool is_measured(const struct whole *whole, enum bench_case which)
{
	return which == BENCH_BARE || which == BENCH_WHOLE || which == BENCH_WHOLE_REFUSED ||
	       (which == BENCH_TEXTBOOK && whole->textbook);
}

static int program_of(const struct whole *whole, enum bench_case which)
{
	switch (which) {
	case BENCH_WHOLE:
		return whole->admitting.datapath.program_fd;
	case BENCH_WHOLE_REFUSED:
		return whole->refusing.datapath.program_fd;
	case BENCH_TEXTBOOK:
		return bpf_program__fd(whole->textbook->progs.textbook);
	default:
		return bpf_program__fd(whole->feeder.skeleton->progs.bare);
	}
}

/* Number of packets that took the path of the case, by the program's counters. */
static u64 count(const struct whole *whole, enum bench_case which)
{
	switch (which) {
	case BENCH_WHOLE:
		return bench_spillway_count(&whole->admitting, SPW_REASON_ADMITTED);
	case BENCH_WHOLE_REFUSED:
		return bench_spillway_count(&whole->refusing, SPW_REASON_SOURCE_PACKETS);
	case BENCH_TEXTBOOK:
		return bench_textbook_count(whole->textbook, BENCH_TEXTBOOK_PASSED);
	default:
		return 0;
	}
}

static double run(struct whole *whole, enum bench_case which, u8 family, u32 sources, u32 packets)
{
	struct bench_feed *feed = &whole->feeder.skeleton->bss->feed;
	double ns;

	feed->next = whole->next[which];
	ns = bench_feeder_run(&whole->feeder, family, program_of(whole, which), sources, packets);
	whole->next[which] = feed->next;
	return ns;
}

/* Nearly all of the flood is refused: what is within the limit is not. */
static void check(enum bench_case which, u64 judged, u32 packets)
{
	u64 least = which == BENCH_WHOLE_REFUSED ? packets / 100 * 98 : packets;

	if (which != BENCH_BARE && judged < least)
		errx(1, "%llu of %u packets took the path of case %d", (unsigned long long)judged, packets, which);
}

static double measure(struct whole *whole, enum bench_case which, u8 family, u32 sources)
{
	u32 packets = which == BENCH_TEXTBOOK ? whole->plan->packets_lpm : whole->plan->packets;
	u64 before = count(whole, which);
	double ns = run(whole, which, family, sources, packets);

	check(which, count(whole, which) - before, packets);
	return ns;
}

static void warm_case(struct whole *whole, enum bench_case which, u8 family, u32 sources)
{
	u32 most = which == BENCH_TEXTBOOK ? WARMING_TEXTBOOK : WARMING_MOST;

	run(whole, which, family, sources, sources < most ? sources + 4 * BENCH_SEGMENT : most);
}

static void warm(struct whole *whole, u8 family, u32 sources)
{
	for (enum bench_case which = BENCH_BARE + 1; which < BENCH_CASES; which++)
		if (is_measured(whole, which))
			warm_case(whole, which, family, sources);
}

static void measure_row(struct whole *whole, u8 family, u32 sources, struct bench_cost *cost)
{
	double ns[BENCH_CASES][BENCH_ROUNDS_MAX];

	*cost = (struct bench_cost){
		.family = family,
		.ruleset = whole->within.name,
		.draw = "ranges",
		.prefixes = bench_prefixes(&whole->within, family),
		.sources = sources,
	};
	warm(whole, family, sources);
	for (u32 round = 0; round < whole->plan->rounds; round++)
		for (enum bench_case which = 0; which < BENCH_CASES; which++)
			if (is_measured(whole, which))
				ns[which][round] = measure(whole, which, family, sources);
	for (enum bench_case which = 0; which < BENCH_CASES; which++) {
		if (!is_measured(whole, which))
			continue;
		cost->has[which] = true;
		cost->ns[which] = bench_median(ns[which], whole->plan->rounds);
		cost->best_ns[which] = ns[which][0];
	}
}

static void load(struct whole *whole, enum bench_ruleset_kind kind, bool textbook)
{
	bench_ruleset_configure(kind, BENCH_WITHIN_LIMITS, &whole->within);
	bench_ruleset_compile(&whole->within);
	bench_ruleset_prepare(kind, &whole->within);
	bench_ruleset_configure(kind, BENCH_BEYOND_LIMITS, &whole->beyond);
	bench_ruleset_compile(&whole->beyond);
	bench_spillway_load(&whole->within, &whole->admitting);
	bench_spillway_load(&whole->beyond, &whole->refusing);
	bench_spillway_limit(&whole->admitting, &whole->within);
	bench_spillway_limit(&whole->refusing, &whole->beyond);
	bench_spillway_budget(&whole->admitting, true);
	bench_spillway_budget(&whole->refusing, true);
	bench_check_interrupt();
	whole->textbook = textbook ? bench_textbook_load(&whole->within) : NULL;
}

static void unload(struct whole *whole)
{
	textbook_bpf__destroy(whole->textbook);
	bench_spillway_free(&whole->refusing);
	bench_spillway_free(&whole->admitting);
	bench_ruleset_free(&whole->beyond);
	bench_ruleset_free(&whole->within);
}

size_t bench_whole(const struct bench_plan *plan, struct bench_cost *costs)
{
	static const enum bench_ruleset_kind kinds[] = {BENCH_SYNTHETIC, BENCH_GEO};
	const u32 *sources = plan->sources_count == 1 ? sources_quick : sources_default;
	size_t sources_count = plan->sources_count == 1 ? 2 : SOURCES_COUNTS, count = 0;
	static struct whole whole;

	whole.plan = plan;
	bench_feeder_load(&whole.feeder);
	whole.feeder.service = true;
	for (size_t i = 0; i < 2; i++) {
		bench_note("whole path through %s", bench_ruleset_name(kinds[i]));
		load(&whole, kinds[i], true);
		for (u8 family = 4; family <= 6; family += 2) {
			bench_draw(&whole.within, family, false, whole.feeder.sources);
			for (size_t s = 0; s < sources_count; s++)
				measure_row(&whole, family, sources[s], &costs[count++]);
		}
		unload(&whole);
	}
	bench_feeder_free(&whole.feeder);
	return count;
}

double bench_whole_turn(bool refused, u8 family, u32 sources)
{
	enum bench_case which = refused ? BENCH_WHOLE_REFUSED : BENCH_WHOLE;
	static const struct bench_plan plan = {.packets = 1u << 16};
	static struct whole whole;

	if (!whole.plan) {
		whole.plan = &plan;
		bench_feeder_load(&whole.feeder);
		whole.feeder.service = true;
		load(&whole, BENCH_SYNTHETIC, false);
		bench_draw(&whole.within, family, false, whole.feeder.sources);
	}
	if (whole.warm[which] != sources) {
		warm_case(&whole, which, family, sources);
		whole.warm[which] = sources;
	}
	return measure(&whole, which, family, sources);
}
