/* SPDX-License-Identifier: GPL-2.0-only */
/* How far away the machine's memory is at this moment: a shared machine's neighbours move it by factors. */
#ifndef SPW_BENCH_MEMORY_H
#define SPW_BENCH_MEMORY_H

#include <stddef.h>

/** bench_memory_ns() - a load whose address the load before it told, somewhere in @bytes of small pages; median. */
double bench_memory_ns(size_t bytes);

#endif
