/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent tells the datapath between two rulesets. One value, written whole by the agent at every tick;
 * each field stands for itself, so a packet that reads it during a write is judged by old or new, both valid.
 *
 * The lease is the first line of failing safe: past `lease_until_jiffies` the datapath passes everything, whatever else
 * stands here. It is told in jiffies, which a program reads in half a nanosecond, where a clock costs a call; like
 * CLOCK_MONOTONIC, in which people read the same moment, they are moved neither by the wall clock nor by suspend.
 */
#ifndef SPW_MAPS_CONTROL_H
#define SPW_MAPS_CONTROL_H

#include "types.h"

#define SPW_CONTROL_MAGIC 0x73707763u /* "spwc" */

struct spw_control {
	u64 lease_until_jiffies;
	u64 seed;  /* of the hash that flows are told apart by; random and secret, drawn with the pins */
	u32 level; /* enum spw_level */
	u32 mode;  /* enum spw_mode */
	/* Below: the agent's own memory over restarts; but for `sample` the datapath does not read it. */
	u32 magic;
	u32 layout;
	u32 pinned_level; /* level that an operator has set; SPW_LEVEL_NEVER: none */
	u8 least_level;	  /* bounds that an operator has set; green and red: none */
	u8 most_level;
	/*
	 * By verdict: 32 less the power of two in which 1 in N packets is sampled (bpf/sample.h); 0: none is. Stands
	 * here because the datapath has just read this line.
	 */
	u8 sample[SPW_VERDICTS];
	u64 lease_until_ns;  /* the same moment, CLOCK_MONOTONIC */
	u64 pinned_until_ns; /* CLOCK_MONOTONIC; UINT64_MAX: until `level auto` */
	u64 bound_until_ns;  /* the same for the bounds */
};

_Static_assert(sizeof(struct spw_control) == 64, "layout of the pinned control map");

#endif
