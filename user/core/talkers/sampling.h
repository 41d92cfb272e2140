/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chooses the sampling rate from the number of samples. Pure; called by the agent at each tick, separately for passed
 * and dropped packets.
 *
 * The target is 500 to 1,000 samples a second of each verdict: enough to know the heaviest few within some per cent, at
 * negligible cost. The shift goes up at once, as a flood does not wait; down only after a second of fewer samples, so
 * that a rate at the edge does not make it flicker.
 */
#ifndef SPW_CORE_SAMPLING_H
#define SPW_CORE_SAMPLING_H

#include "maps/sample.h"

#define SPW_SAMPLES_WANTED_PER_S 1000.0

/* State of one verdict, from tick to tick. Begins with spw_sampling_begin(). */
struct spw_sampling_choice {
	u8 shift; /* 1 in 1 << shift */
	u32 calm; /* consecutive ticks in which a smaller shift would have sufficed */
};

/** spw_sampling_begin() - start with few samples: the rate is unknown. */
void spw_sampling_begin(struct spw_sampling_choice *choice);

/**
 * spw_sampling_choose() - one tick.
 * @drawn: packets chosen for sampling in this tick, lost ones included
 * @seconds: length of the tick; nothing changes if it is invalid
 */
void spw_sampling_choose(struct spw_sampling_choice *choice, u64 drawn, double seconds);

#endif
