/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet in how many is sampled, from how many samples came. Pure; the agent asks at each tick, for passed and for
 * dropped packets apart, and hands the answer to the datapath.
 *
 * Wanted are 500 to 1,000 samples a second of each verdict: enough for the heaviest few to be known within some
 * per cent, and nothing that anybody would feel. Up at once, as a flood does not wait; down only when fewer have come
 * for a second, so that a rate on the edge does not make it flicker.
 */
#ifndef SPW_CORE_SAMPLING_H
#define SPW_CORE_SAMPLING_H

#include "maps/sample.h"

#define SPW_SAMPLES_WANTED_PER_S 1000.0

/* Of one verdict, from tick to tick. Begins with spw_sampling_begin(). */
struct spw_sampling_choice {
	u8 shift; /* 1 in 1 << shift */
	u32 calm; /* ticks in a row for which a smaller one would have done */
};

/** spw_sampling_begin() - at a rate that is not known: few. */
void spw_sampling_begin(struct spw_sampling_choice *choice);

/**
 * spw_sampling_choose() - one tick.
 * @drawn: packets that were to be sampled in this tick, those that were lost too
 * @seconds: of the tick; where it makes no sense nothing changes
 */
void spw_sampling_choose(struct spw_sampling_choice *choice, u64 drawn, double seconds);

#endif
