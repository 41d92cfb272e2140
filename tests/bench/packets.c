/* SPDX-License-Identifier: GPL-2.0-only */
/* Nanoseconds per packet, by BPF_PROG_TEST_RUN: bare drop, parsing, pass path, cut path, LPM tries. */
#include <bpf/libbpf.h>
#include <string.h>

#include "parts.h"
#include "util.h"
#include "feed.skel.h"
#include "lpm.skel.h"

void bench_subject_load(enum bench_ruleset_kind kind, enum bench_limits limits, bool with_lpm,
			struct bench_subject *subject)
{
	subject->kind = kind;
	bench_ruleset_configure(kind, limits, &subject->ruleset);
	bench_ruleset_compile(&subject->ruleset);
	bench_ruleset_prepare(kind, &subject->ruleset);
	bench_spillway_load(&subject->ruleset, &subject->spillway);
	if (limits != BENCH_UNLIMITED)
		bench_spillway_limit(&subject->spillway, &subject->ruleset);
	bench_check_interrupt();
	subject->lpm = with_lpm ? bench_lpm_load(&subject->ruleset) : NULL;
}

void bench_subject_free(struct bench_subject *subject)
{
	lpm_bpf__destroy(subject->lpm);
	bench_spillway_free(&subject->spillway);
	bench_ruleset_free(&subject->ruleset);
}

/* Admission parameters for each case of new work, the same for all classes of service 1. */
static void give_order(const struct bench_spillway *spillway, enum bench_case which)
{
	u64 interval_ticks = 0;
	struct spw_class_admission class = {.tolerance_ticks = UINT64_MAX - 1, .share = SPW_SHARE_ALL};

	if (which == BENCH_SHARE)
		class.share = SPW_SHARE_ALL - 1;
	else if (which == BENCH_OUT)
		class.share = 0;
	else if (which == BENCH_OVER)
		class.tolerance_ticks = 0;
	if (which != BENCH_SERVICE)
		interval_ticks = which == BENCH_OVER ? 1ull << 50 : 1;
	bench_spillway_order(spillway, interval_ticks, class);
}

static enum spw_reason expected_reason(enum bench_case which)
{
	if (which == BENCH_CUT)
		return SPW_REASON_CUT;
	if (which == BENCH_OUT)
		return SPW_REASON_SHARE;
	return which == BENCH_OVER ? SPW_REASON_BUDGET : SPW_REASON_ADMITTED;
}

/* At green and at red. The program's counters must show that every packet took the path of the case. */
static double run_spillway(struct bench_subject *subject, const struct bench_plan *plan, enum bench_case which,
			   u8 family, u32 sources)
{
	const struct bench_spillway *spillway = &subject->spillway;
	enum spw_reason reason = expected_reason(which);
	u64 before, judged;
	double ns;

	subject->feeder.service = which >= BENCH_WORK_FIRST;
	if (subject->feeder.service)
		give_order(spillway, which);
	before = bench_spillway_count(spillway, reason);
	bench_spillway_set_level(spillway, which == BENCH_CUT ? SPW_RED : SPW_GREEN);
	ns = bench_feeder_run(&subject->feeder, family, spillway->datapath.program_fd, sources, plan->packets);
	subject->feeder.service = false;
	judged = bench_spillway_count(spillway, reason) - before;
	/* The first unit finds an empty budget. */
	if (judged != plan->packets && !(which == BENCH_OVER && judged == plan->packets - 1))
		errx(1, "%llu of %u packets took the path of case %d", (unsigned long long)judged, plan->packets,
		     which);
	return ns;
}

double bench_run_case(struct bench_subject *subject, const struct bench_plan *plan, enum bench_case which, u8 family,
		      u32 sources)
{
	const struct bpf_program *program = subject->feeder.skeleton->progs.bare;
	u32 packets = plan->packets;

	if (which == BENCH_PASS || which == BENCH_CUT || which >= BENCH_WORK_FIRST)
		return run_spillway(subject, plan, which, family, sources);
	if (which == BENCH_PARSE)
		program = subject->feeder.skeleton->progs.parse;
	if (which == BENCH_LPM) {
		program = subject->lpm->progs.lpm;
		packets = plan->packets_lpm;
	}
	return bench_feeder_run(&subject->feeder, family, bpf_program__fd(program), sources, packets);
}

/* Times of the rounds, by number of sources and case. */
typedef double rounds_ns[BENCH_SOURCES_COUNTS_MAX][BENCH_CASES][BENCH_ROUNDS_MAX];

static void summarize(double ns[BENCH_CASES][BENCH_ROUNDS_MAX], u32 rounds, struct bench_cost *cost)
{
	for (int i = 0; i < BENCH_WHOLE; i++) {
		if (!cost->has[i])
			continue;
		cost->ns[i] = bench_median(ns[i], rounds);
		cost->best_ns[i] = ns[i][0]; /* sorted */
	}
}

/* All cases and numbers of sources alternately, in the planned number of rounds. Adds a row per number of sources. */
static size_t measure_group(struct bench_subject *subject, const struct bench_plan *plan, u8 family, bool uniform,
			    struct bench_cost *costs)
{
	static rounds_ns ns;
	const bool work = !uniform && (subject->kind == BENCH_ONE || subject->kind == BENCH_HOME_ABROAD);

	bench_draw(&subject->ruleset, family, uniform, subject->feeder.sources);
	for (u32 round = 0; round < plan->rounds; round++)
		for (size_t s = 0; s < plan->sources_count; s++)
			for (int i = 0; i < BENCH_WHOLE; i++)
				if ((i != BENCH_LPM || subject->lpm) && (i < BENCH_WORK_FIRST || work))
					ns[s][i][round] = bench_run_case(subject, plan, i, family, plan->sources[s]);
	for (size_t s = 0; s < plan->sources_count; s++) {
		costs[s] = (struct bench_cost){
			.family = family,
			.ruleset = subject->ruleset.name,
			.draw = uniform ? "uniform" : "ranges",
			.prefixes = bench_prefixes(&subject->ruleset, family),
			.sources = plan->sources[s],
			.has = {true, true, true, true, subject->lpm, work, work, work, work, work},
		};
		summarize(ns[s], plan->rounds, &costs[s]);
	}
	return plan->sources_count;
}

size_t bench_packets(const struct bench_plan *plan, struct bench_cost costs[BENCH_COSTS_MAX])
{
	struct bench_subject subject = {0};
	size_t count = 0;

	bench_feeder_load(&subject.feeder);
	for (enum bench_ruleset_kind kind = 0; kind < BENCH_RULESETS; kind++) {
		bench_note("packets through %s", bench_ruleset_name(kind));
		bench_subject_load(kind, BENCH_UNLIMITED, plan->lpm_everywhere || kind == BENCH_GEO, &subject);
		for (u8 family = 4; family <= 6; family += 2)
			for (int uniform = 0; uniform < 2; uniform++)
				count += measure_group(&subject, plan, family, uniform, &costs[count]);
		bench_subject_free(&subject);
	}
	bench_feeder_free(&subject.feeder);
	return count;
}
