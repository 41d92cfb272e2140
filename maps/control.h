/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent tells the datapath between two rulesets. One value, written whole by the agent at every tick; fields
 * are independent: a packet that reads during a write sees old or new, both valid.
 *
 * Failing safe starts with the lease: past `lease_until_jiffies` the datapath passes everything, whatever else is set.
 * It is in jiffies, which a program reads in half a nanosecond without a call. Neither they nor CLOCK_MONOTONIC are
 * moved by the wall clock or by suspend.
 */
#ifndef SPW_MAPS_CONTROL_H
#define SPW_MAPS_CONTROL_H

#include "types.h"

#define SPW_CONTROL_MAGIC 0x73707763u /* "spwc" */

struct spw_control {
	u64 lease_until_jiffies;
	u64 seed;  /* of the hash of flows; random and secret, drawn with the pins */
	u32 level; /* enum spw_level */
	u32 mode;  /* enum spw_mode */
	/* The agent's own memory over restarts; of these the datapath reads `sample` only. */
	u32 magic;
	u32 layout;
	u32 pinned_level; /* set by an operator; SPW_LEVEL_NEVER: none */
	u8 least_level;	  /* bounds set by an operator; green and red: none */
	u8 most_level;
	/*
	 * By verdict: 32 less the power of two in which 1 in N packets is sampled (bpf/sample.h); 0: none is. Here
	 * because the datapath has just read this cache line.
	 */
	u8 sample[SPW_VERDICTS];
	u64 lease_until_ns;  /* the same moment, CLOCK_MONOTONIC */
	u64 pinned_until_ns; /* CLOCK_MONOTONIC; UINT64_MAX: until `level auto` */
	u64 bound_until_ns;  /* the same for the bounds */
};

_Static_assert(sizeof(struct spw_control) == 64, "layout of the pinned control map");

#endif
