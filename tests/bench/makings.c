/* SPDX-License-Identifier: GPL-2.0-only */
/* Cost of making a ruleset: each time in a separate process, like the agent's compile job. */
#include <string.h>

#include "child.h"
#include "parts.h"
#include "util.h"

#define PUBLICATIONS 5

static void make_ruleset(const void *argument, void *shared)
{
	enum bench_ruleset_kind kind = *(const enum bench_ruleset_kind *)argument;
	struct bench_making *making = shared;
	struct bench_spillway spillway;
	struct bench_ruleset ruleset;
	double publish_ns[PUBLICATIONS];

	bench_ruleset_configure(kind, BENCH_UNLIMITED, &ruleset);
	bench_ruleset_compile(&ruleset);
	bench_spillway_load(&ruleset, &spillway);
	for (int i = 0; i < PUBLICATIONS; i++) {
		u64 begin = bench_clock_ns();

		bench_spillway_publish(&ruleset, &spillway);
		publish_ns[i] = (double)(bench_clock_ns() - begin);
	}
	*making = (struct bench_making){
		.ruleset = ruleset.name,
		.prefixes4 = ruleset.image.prefixes4,
		.prefixes6 = ruleset.image.prefixes6,
		.read_ns = ruleset.read_ns,
		.compile_ns = ruleset.compile_ns,
		.publish_ns = (u64)bench_median(publish_ns, PUBLICATIONS),
	};
	making->all_bytes =
		bench_spillway_bytes(&spillway, &making->map_bytes, &making->meter_bytes) + making->map_bytes;
}

/* Times are medians over processes, memory is the largest. */
static struct bench_making measure(const struct bench_plan *plan, enum bench_ruleset_kind kind)
{
	double read_ns[BENCH_ROUNDS_MAX], compile_ns[BENCH_ROUNDS_MAX], publish_ns[BENCH_ROUNDS_MAX];
	struct bench_making making = {0};
	u64 peak_kib = 0;

	for (u32 round = 0; round < plan->rounds; round++) {
		u64 kib = bench_child(make_ruleset, &kind, &making, sizeof(making));

		peak_kib = kib > peak_kib ? kib : peak_kib;
		read_ns[round] = (double)making.read_ns;
		compile_ns[round] = (double)making.compile_ns;
		publish_ns[round] = (double)making.publish_ns;
	}
	making.read_ns = (u64)bench_median(read_ns, plan->rounds);
	making.compile_ns = (u64)bench_median(compile_ns, plan->rounds);
	making.publish_ns = (u64)bench_median(publish_ns, plan->rounds);
	making.peak_kib = peak_kib;
	return making;
}

size_t bench_makings(const struct bench_plan *plan, struct bench_making makings[BENCH_RULESETS])
{
	for (enum bench_ruleset_kind kind = 0; kind < BENCH_RULESETS; kind++) {
		bench_note("ruleset %s", bench_ruleset_name(kind));
		makings[kind] = measure(plan, kind);
	}
	return BENCH_RULESETS;
}
