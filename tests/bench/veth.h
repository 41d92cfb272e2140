/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames over a real (virtual) wire: what BPF_PROG_TEST_RUN hides by overlapping packets shows here. */
#ifndef SPW_BENCH_VETH_H
#define SPW_BENCH_VETH_H

#include "report.h"

#define BENCH_RATES_MAX 64

struct bench_veth_plan {
	u32 rounds;
	u32 round_ms;
	const u32 *sources;
	size_t sources_count;
	bool contenders; /* the rival tables too */
};

/**
 * bench_veth_run() - measure in a child process, inside a network namespace of its own that ends with it.
 * Returns how many rates there are. Ends the program on errors.
 */
size_t bench_veth_run(const struct bench_veth_plan *plan, struct bench_rate rates[BENCH_RATES_MAX]);

#endif
