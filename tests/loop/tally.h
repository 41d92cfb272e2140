/* SPDX-License-Identifier: GPL-2.0-only */
/* From what became of each visit to figures. */
#ifndef LOOP_TALLY_H
#define LOOP_TALLY_H

#include <stdio.h>

#include "schedule.h"

/* What the figures are made from, and what makes a visit good. */
struct loop_run {
	const struct loop_profile *profile;
	const struct loop_arrival *arrivals;
	size_t arrivals_count;
	double drain_s;	    /* after the last arrival */
	double good_ms;	    /* answered within that time of the first SYN */
	double lag_most_ms; /* beyond this the generator was late, and the figures are void */
	unsigned int senders;
};

/**
 * loop_print() - one JSON object: the whole, each class, each segment, each second.
 * Return: 0; -1: void, as the generator could not keep its own schedule; ENOMEM
 */
int loop_print(const struct loop_run *run, FILE *file);

#endif
