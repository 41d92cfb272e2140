/* SPDX-License-Identifier: GPL-2.0-only */
/* Classification alone: the real program's table and the alternatives. */
#include <string.h>

#include "parts.h"
#include "util.h"

struct contender {
	bool there;
	struct bench_rival_table table;
};

/* Compare the table with a plain search. */
static void verify(struct bench_subject *subject, const struct contender *contender)
{
	const struct bench_rival_table *table = &contender->table;
	const u32 sources = 1u << 16;
	u64 before, expected;

	if (!contender->there)
		return;
	before = table->found->slots;
	expected = bench_rival_expect(table, &subject->ruleset, subject->feeder.sources, sources);
	bench_feeder_run(&subject->feeder, table->family, table->program_fd, sources, 2 * sources);
	if (table->found->slots - before != 2 * expected)
		errx(1, "%s finds something else than a plain search", bench_rival_name(table->kind));
}

static void measure(struct bench_subject *subject, const struct bench_plan *plan, const struct contender *contenders,
		    u8 family, u32 sources, double ns[BENCH_RIVALS])
{
	double rounds[BENCH_RIVALS][BENCH_ROUNDS_MAX];

	for (u32 round = 0; round < plan->rounds; round++)
		for (int i = 0; i < BENCH_RIVALS; i++)
			if (contenders[i].there)
				rounds[i][round] = bench_feeder_run(
					&subject->feeder, family, contenders[i].table.program_fd, sources,
					i == BENCH_LPM_ONLY ? plan->packets_lpm : plan->packets);
	for (int i = 0; i < BENCH_RIVALS; i++)
		ns[i] = contenders[i].there ? bench_median(rounds[i], plan->rounds) : 0;
}

static void print_rows(struct bench_subject *subject, const struct bench_plan *plan, const struct contender *contenders,
		       u8 family, bool uniform)
{
	double ns[BENCH_RIVALS];

	bench_draw(&subject->ruleset, family, uniform, subject->feeder.sources);
	for (int i = 0; i < BENCH_RIVALS; i++)
		verify(subject, &contenders[i]);
	for (size_t s = 0; s < plan->sources_count; s++) {
		measure(subject, plan, contenders, family, plan->sources[s], ns);
		printf("%-12s IPv%u %-8s %8u %8.1f", subject->ruleset.name, family, uniform ? "uniform" : "ranges",
		       plan->sources[s], ns[BENCH_READ]);
		for (int i = BENCH_READ + 1; i < BENCH_RIVALS; i++) {
			if (contenders[i].there)
				printf(" %9.1f", ns[i] - ns[BENCH_READ]);
			else
				printf(" %9s", "-");
		}
		printf("\n");
	}
}

static void print_bytes(const char *ruleset, u8 family, const struct contender *contenders)
{
	printf("%-12s IPv%u MB (line: both families)%7s", ruleset, family, "");
	for (int i = BENCH_READ + 1; i < BENCH_RIVALS; i++) {
		if (contenders[i].there && contenders[i].table.bytes)
			printf(" %9.1f", (double)contenders[i].table.bytes / 1e6);
		else
			printf(" %9s", "-");
	}
	printf("\n");
}

static void compare(struct bench_subject *subject, const struct bench_plan *plan, u8 family)
{
	struct contender contenders[BENCH_RIVALS];

	for (int i = 0; i < BENCH_RIVALS; i++)
		contenders[i].there =
			bench_rival_load(i, &subject->ruleset, family, subject->lpm, &contenders[i].table);
	for (int uniform = 0; uniform < 2; uniform++)
		print_rows(subject, plan, contenders, family, uniform);
	print_bytes(subject->ruleset.name, family, contenders);
	for (int i = 0; i < BENCH_RIVALS; i++)
		if (contenders[i].there)
			bench_rival_free(&contenders[i].table);
}

void bench_contenders(const struct bench_plan *plan)
{
	struct bench_subject subject = {0};

	printf("\nClassification alone, ns over the floor (reading the source), BPF_PROG_TEST_RUN; medians\n"
	       "%-12s %4s %-8s %8s %8s",
	       "ruleset", "", "draw", "sources", "floor");
	for (int i = BENCH_READ + 1; i < BENCH_RIVALS; i++)
		printf(" %9s", bench_rival_name(i));
	printf("\n");
	bench_feeder_load(&subject.feeder);
	for (enum bench_ruleset_kind kind = BENCH_GEO; kind < BENCH_RULESETS; kind++) {
		bench_note("tables of %s", bench_ruleset_name(kind));
		bench_subject_load(kind, BENCH_UNLIMITED, true, &subject);
		for (u8 family = 4; family <= 6; family += 2)
			compare(&subject, plan, family);
		bench_subject_free(&subject);
	}
	bench_feeder_free(&subject.feeder);
}
