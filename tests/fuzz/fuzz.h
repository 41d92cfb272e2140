/* SPDX-License-Identifier: GPL-2.0-only */
/* What all fuzz targets share: their entry, which libFuzzer calls, and how they say that something is wrong. */
#ifndef SPW_TESTS_FUZZ_H
#define SPW_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static inline void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

#endif
