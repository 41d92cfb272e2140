/* SPDX-License-Identifier: GPL-2.0-only */
/* The clocks of this tree, in nanoseconds. */
#ifndef SPW_BASE_CLOCK_H
#define SPW_BASE_CLOCK_H

#include "maps/types.h"
#include "units.h"

/** spw_monotonic_ns() - CLOCK_MONOTONIC. The only clock that decisions use. */
u64 spw_monotonic_ns(void);

/** spw_wall_ns() - CLOCK_REALTIME, since 1970: for display and for files that outlive a boot. */
u64 spw_wall_ns(void);

#endif
