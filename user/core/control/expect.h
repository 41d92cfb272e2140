/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Announced steps of demand (`expect:` in the configuration). Around the beginning of one, ticks are hurried, so that
 * an unknown capacity is measured four times as soon; while it lasts, the level has a floor if one was given.
 */
#ifndef SPW_CORE_EXPECT_H
#define SPW_CORE_EXPECT_H

#include "decision.h"

#define SPW_EXPECTATIONS_MAX 32
#define SPW_EXPECT_AHEAD_NS  (5 * 1000000000ull)  /* ticks are hurried from this long before */
#define SPW_EXPECT_AFTER_NS  (10 * 1000000000ull) /* until this long after the beginning */

struct spw_expectation {
	u64 at_ns;     /* CLOCK_REALTIME */
	u64 for_ns;    /* how long it lasts */
	double demand; /* times the usual; shown only */
	u8 level;      /* floor of the level during it; SPW_GREEN: none */
};

/**
 * spw_expect() - what the expectations ask for at @now_ns (CLOCK_REALTIME).
 * @override: its lower bound is raised to the floor, but not above its upper bound; a pin stays
 * Returns whether ticks are to be hurried.
 */
bool spw_expect(const struct spw_expectation *expectations, size_t count, u64 now_ns, struct spw_override *override);

#endif
