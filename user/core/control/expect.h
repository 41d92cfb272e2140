/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Announced steps of demand (`expect:` in the configuration). Around the beginning of one, ticks are hurried, so that
 * a capacity nobody knows yet is measured four times as soon; while it lasts, the level has a floor if one was given.
 */
#ifndef SPW_CORE_EXPECT_H
#define SPW_CORE_EXPECT_H

#include "decision.h"

#define SPW_EXPECTATIONS_MAX 32
#define SPW_EXPECT_AHEAD_NS  (5 * 1000000000ull)  /* ticks are hurried from so long before */
#define SPW_EXPECT_AFTER_NS  (10 * 1000000000ull) /* until so long after the beginning */

struct spw_expectation {
	u64 at_ns;     /* CLOCK_REALTIME */
	u64 for_ns;    /* how long it lasts */
	double demand; /* times what is usual; told, not acted upon */
	u8 level;      /* floor of the level meanwhile; SPW_GREEN: none */
};

/**
 * spw_expect() - what the expectations ask for at @now_ns (CLOCK_REALTIME).
 * @override: its least level is raised to the floor, but not above its most; a pin stands
 * Returns whether ticks are to be hurried.
 */
bool spw_expect(const struct spw_expectation *expectations, size_t count, u64 now_ns, struct spw_override *override);

#endif
