/* SPDX-License-Identifier: GPL-2.0-only */
/* Helpers of all parts of the bench. */
#ifndef SPW_BENCH_UTIL_H
#define SPW_BENCH_UTIL_H

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "maps/types.h"

/* splitmix64: reproducible. */
struct bench_random {
	u64 state;
};

static inline struct bench_random bench_random(u64 seed)
{
	return (struct bench_random){seed * 0x9e3779b97f4a7c15ULL};
}

static inline u64 bench_next(struct bench_random *random)
{
	u64 z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline u64 bench_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}

static inline void *bench_realloc(void *old, size_t bytes)
{
	void *memory = realloc(old, bytes ? bytes : 1);

	if (!memory)
		errx(1, "out of memory");
	return memory;
}

/* Set by SIGINT and SIGTERM; checked before anything long. */
extern volatile sig_atomic_t bench_interrupted;

static inline void bench_check_interrupt(void)
{
	if (bench_interrupted)
		exit(130);
}

/* Sorts @values. */
double bench_median(double *values, size_t count);

#endif
