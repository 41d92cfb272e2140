/* SPDX-License-Identifier: GPL-2.0-only */
/* For programs of tests that judge their own lateness, so that other programs on a busy machine do not count. */
#ifndef SPW_TESTS_WAITED_H
#define SPW_TESTS_WAITED_H

#include <stdio.h>

#include "maps/types.h"

/* Nanoseconds for which this thread was runnable while other programs had the CPU; 0 where the kernel does not count it. */
static inline u64 waited_ns(void)
{
	unsigned long long ran, waited;
	FILE *file = fopen("/proc/self/schedstat", "re");
	bool known = file && fscanf(file, "%llu %llu", &ran, &waited) == 2;

	if (file)
		fclose(file);
	return known ? waited : 0;
}

#endif
