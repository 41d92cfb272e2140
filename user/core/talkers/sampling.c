/* SPDX-License-Identifier: GPL-2.0-only */
/* See sampling.h. */
#include "sampling.h"

#define TOO_MANY   1.25 /* times the target: act */
#define FEW	   0.8	/* times the target: what a smaller shift may yield */
#define CALM_TICKS 10
#define FIRST	   8

static u8 least_shift(double packets_per_s, double samples_per_s)
{
	u8 shift = 0;

	for (; shift < SPW_SAMPLE_SHIFT_MAX && packets_per_s > samples_per_s; shift++)
		packets_per_s /= 2;
	return shift;
}

void spw_sampling_begin(struct spw_sampling_choice *choice)
{
	*choice = (struct spw_sampling_choice){.shift = FIRST};
}

void spw_sampling_choose(struct spw_sampling_choice *choice, u64 drawn, double seconds)
{
	double samples_per_s, packets_per_s;
	u8 smaller;

	if (!(seconds > 0) || seconds > 60)
		return;
	samples_per_s = (double)drawn / seconds;
	packets_per_s = samples_per_s * (double)(1ull << choice->shift);
	if (samples_per_s > SPW_SAMPLES_WANTED_PER_S * TOO_MANY) {
		choice->shift = least_shift(packets_per_s, SPW_SAMPLES_WANTED_PER_S);
		choice->calm = 0;
		return;
	}
	smaller = least_shift(packets_per_s, SPW_SAMPLES_WANTED_PER_S * FEW);
	choice->calm = smaller < choice->shift ? choice->calm + 1 : 0;
	if (choice->calm < CALM_TICKS)
		return;
	choice->shift = smaller;
	choice->calm = 0;
}
