/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One measurement per line of input, so that two builds can alternate every few milliseconds on one CPU: see
 * tests/bench/alternate. Input: case (enum bench_case) and number of sources. Output: nanoseconds.
 */
#include <stdio.h>

#include "parts.h"
#include "util.h"

void bench_turns(u8 family, bool own)
{
	static const struct bench_plan plan = {.packets = 1u << 17};
	struct bench_subject subject = {0};
	u32 which, sources;
	double ns;

	bench_feeder_load(&subject.feeder);
	bench_subject_load(BENCH_HOME_ABROAD, BENCH_UNLIMITED, false, &subject);
	if (!own)
		subject.spillway.datapath.own->active = 0;
	bench_draw(&subject.ruleset, family, false, subject.feeder.sources);
	printf("ready\n");
	while (scanf("%u %u", &which, &sources) == 2 && which < BENCH_TEXTBOOK && which != BENCH_LPM) {
		if (which == BENCH_WHOLE || which == BENCH_WHOLE_REFUSED)
			ns = bench_whole_turn(which == BENCH_WHOLE_REFUSED, family, sources);
		else
			ns = bench_run_case(&subject, &plan, which, family, sources);
		printf("%.2f\n", ns);
	}
	bench_subject_free(&subject);
	bench_feeder_free(&subject.feeder);
}
