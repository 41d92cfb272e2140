/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long requests wait before the application reads them: what bpf/signals.bpf.c writes and user/io/signals.c reads.
 * A histogram with four buckets an octave, from 1,024 ns to 17 s: a quantile read off it is right to 19 %.
 */
#ifndef SPW_MAPS_SIGNAL_H
#define SPW_MAPS_SIGNAL_H

#include "types.h"

enum spw_wait_shape {
	SPW_WAIT_BUCKETS = 96,
	SPW_WAIT_FIRST_SHIFT = 10, /* bucket 0 holds everything below 2^10 ns (1.25 of it, to be exact) */
	SPW_WAIT_OCTAVE = 4,
};

/** spw_wait_bucket() - the bucket of a wait; the last one takes what is longer. */
SPW_INLINE u32 spw_wait_bucket(u64 wait_ns)
{
	u32 shift = 0, bucket;

	if (wait_ns < 1u << SPW_WAIT_FIRST_SHIFT)
		return 0;
	/* The position of the highest bit, in six steps: BPF has no instruction for it. */
	for (u32 step = 32; step; step /= 2)
		if (wait_ns >> (shift + step))
			shift += step;
	bucket = (shift - SPW_WAIT_FIRST_SHIFT) * SPW_WAIT_OCTAVE + (u32)(wait_ns >> (shift - 2) & 3);
	return bucket < SPW_WAIT_BUCKETS ? bucket : SPW_WAIT_BUCKETS - 1;
}

/** spw_wait_bucket_end_ns() - the first wait that is too long for bucket @bucket. */
SPW_INLINE u64 spw_wait_bucket_end_ns(u32 bucket)
{
	u32 octave = (bucket + 1) / SPW_WAIT_OCTAVE, quarter = (bucket + 1) % SPW_WAIT_OCTAVE;

	return (u64)(SPW_WAIT_OCTAVE + quarter) << (octave + SPW_WAIT_FIRST_SHIFT - 2);
}

#endif
