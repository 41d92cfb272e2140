/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this packet sampled? Pure and on both sides; called by the pipeline (spillway.bpf.c) for every packet, and by the
 * host tests. No random number and no cache line of its own: the counter that the packet has just been counted in and
 * the secret of the control map, both at hand, are hashed. So any N of one list, reason and CPU are a pseudo-random
 * choice, that nobody outside can foresee, and as any count comes once, no pattern of the traffic is met twice.
 */
#ifndef SPW_BPF_SAMPLE_H
#define SPW_BPF_SAMPLE_H

#include "mix.h"

/* What stands in spw_control.sample[] for 1 in 1 << @shift. */
SPW_INLINE u8 spw_sample_bits(u32 shift)
{
	return (u8)(32 - shift);
}

/**
 * spw_is_drawn() - @count: value of the counter of this list, reason and CPU, with the packet in it
 * @bits: spw_sample_bits(); 0: none is drawn, as a hash of 0 comes once in 2^32 and is to be refused behind this
 */
SPW_INLINE bool spw_is_drawn(u64 count, u32 list, u64 seed, u32 bits)
{
	u64 hash = (count + seed + ((u64)list << 40)) * SPW_MIX_FIRST;

	hash = (hash ^ hash >> 32) * SPW_MIX_SECOND;
	return hash >> 32 >> (bits & 63) == 0;
}

#endif
