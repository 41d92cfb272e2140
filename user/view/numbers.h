/* SPDX-License-Identifier: GPL-2.0-only */
/* Short forms of numbers and times. */
#ifndef SPW_VIEW_NUMBERS_H
#define SPW_VIEW_NUMBERS_H

#include "maps/types.h"

/* Bytes of a short number or time with its NUL. */
#define SPW_SHORT_TEXT 32

/** spw_short_count() - 9999, 12.3k, 4.5M. Returns @text, as those below. */
const char *spw_short_count(u64 count, char text[SPW_SHORT_TEXT]);

/** spw_long_count() - all digits, in groups of three: 1,234,567. */
const char *spw_long_count(u64 count, char text[SPW_SHORT_TEXT]);

/** spw_short_time() - 350 us, 12 ms, 2.9 s, 95 s, 9m30s, 3h12m, 12d4h. */
const char *spw_short_time(u64 ns, char text[SPW_SHORT_TEXT]);

#endif
