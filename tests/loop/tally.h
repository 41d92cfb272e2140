/* SPDX-License-Identifier: GPL-2.0-only */
/* Converts outcomes of visits to figures. */
#ifndef LOOP_TALLY_H
#define LOOP_TALLY_H

#include <stdio.h>

#include "schedule.h"

/* A run, and the criteria for a good visit. */
struct loop_run {
	const struct loop_profile *profile;
	const struct loop_arrival *arrivals;
	size_t arrivals_count;
	double drain_s;	    /* after the last arrival */
	double good_ms;	    /* answered within that time of the first SYN */
	double lag_most_ms; /* if exceeded, the generator was late and the figures are void */
	unsigned int senders;
};

/**
 * loop_print() - one JSON object: total, each class, each segment, each second.
 * Returns 0; -1: void, as the generator fell behind its schedule; ENOMEM
 */
int loop_print(const struct loop_run *run, FILE *file);

#endif
