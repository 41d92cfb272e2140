/* SPDX-License-Identifier: GPL-2.0-only */
/* Current memory latency: neighbours on a shared machine change it by factors. */
#ifndef SPW_BENCH_MEMORY_H
#define SPW_BENCH_MEMORY_H

#include <stddef.h>

/** bench_memory_ns() - latency of dependent loads in @bytes of small pages; median. */
double bench_memory_ns(size_t bytes);

#endif
