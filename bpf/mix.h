/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bit mixers. Pure.
 *
 * Constants and shifts: variant 13 of David Stafford ("Better Bit Mixing", 2011), the finaliser of SplitMix64 (Steele,
 * Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): a bijection in which each input bit flips
 * each output bit with a probability of nearly one half.
 */
#ifndef SPW_BPF_MIX_H
#define SPW_BPF_MIX_H

#include "maps/types.h"

#define SPW_MIX_FIRST  0xbf58476d1ce4e5b9ULL
#define SPW_MIX_SECOND 0x94d049bb133111ebULL

SPW_INLINE u64 spw_mix(u64 value)
{
	value = (value ^ value >> 30) * SPW_MIX_FIRST;
	value = (value ^ value >> 27) * SPW_MIX_SECOND;
	return value ^ value >> 31;
}

/* Add a word to a multi-word key; half a mixer, so finish with spw_mix(). */
SPW_INLINE u64 spw_mix_in(u64 state, u64 word)
{
	state ^= word;
	return (state ^ state >> 32) * SPW_MIX_FIRST;
}

#endif
