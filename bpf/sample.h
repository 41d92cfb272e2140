/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this packet sampled? Pure. Hashes the counter just incremented with the secret in the control map, both at hand:
 * no random number, no cache line of its own. The choice is pseudo-random per list, reason and CPU, unpredictable from
 * outside and independent of traffic patterns.
 */
#ifndef SPW_BPF_SAMPLE_H
#define SPW_BPF_SAMPLE_H

#include "mix.h"

/* The value of spw_control.sample[] for 1 in 2^@shift. */
SPW_INLINE u8 spw_sample_bits(u32 shift)
{
	return (u8)(32 - shift);
}

/**
 * spw_is_drawn() - whether the packet is sampled.
 * @count: the counter of this list, reason and CPU, this packet included
 * @bits: spw_sample_bits(); 0: no sampling, to be checked by the caller too, as one hash in 2^32 is 0
 */
SPW_INLINE bool spw_is_drawn(u64 count, u32 list, u64 seed, u32 bits)
{
	u64 hash = (count + seed + ((u64)list << 40)) * SPW_MIX_FIRST;

	hash = (hash ^ hash >> 32) * SPW_MIX_SECOND;
	return hash >> 32 >> (bits & 63) == 0;
}

#endif
