/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk through all cache lines of an area in random order, each pointing to the next. Small pages, like kernel maps.
 */
#include "memory.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "util.h"

#define LINE_BYTES 64
#define STEPS	   100000
#define ROUNDS	   11

static void link_lines(char *area, u32 lines)
{
	struct bench_random random = bench_random(2);
	u32 *order = calloc(lines, sizeof(*order));

	if (!order)
		abort();
	for (u32 i = 0; i < lines; i++) {
		u32 other = (u32)(bench_next(&random) % (i + 1));

		order[i] = order[other];
		order[other] = i;
	}
	for (u32 i = 0; i < lines; i++)
		*(char **)(area + (size_t)order[i] * LINE_BYTES) = area + (size_t)order[(i + 1) % lines] * LINE_BYTES;
	free(order);
}

double bench_memory_ns(size_t bytes)
{
	char *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *volatile *at;
	double ns[ROUNDS];

	if (area == MAP_FAILED)
		err(1, "mmap");
	madvise(area, bytes, MADV_NOHUGEPAGE);
	link_lines(area, (u32)(bytes / LINE_BYTES));
	at = (char *volatile *)area;
	for (int round = 0; round < ROUNDS; round++) {
		u64 begin = bench_clock_ns();

		for (int i = 0; i < STEPS; i++)
			at = (char *volatile *)*at;
		ns[round] = (double)(bench_clock_ns() - begin) / STEPS;
	}
	munmap(area, bytes);
	return bench_median(ns, ROUNDS);
}
