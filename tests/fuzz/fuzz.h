/* SPDX-License-Identifier: GPL-2.0-only */
/* Common to all fuzz targets: the entry point called by libFuzzer, and reporting of errors. */
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
