/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples: one packet in N with its judgement and the first bytes of its frame, from the datapath to the agent, through
 * the ring buffer `samples`. Who is heaviest is estimated from them (user/core/talkers/talkers.h), and the drops among them
 * are what `events --drops` and `capture` show. Exact counts are elsewhere (counters.h).
 *
 * Addresses and ports are not told: the agent parses the bytes with the very code that the datapath did (bpf/parse.h),
 * which keeps the datapath from holding every field of a packet for the sake of one in a thousand.
 */
#ifndef SPW_MAPS_SAMPLE_H
#define SPW_MAPS_SAMPLE_H

#include "types.h"

/* Ethernet, two tags, IPv6 and TCP without options are 82 bytes; with its own header a sample fills 128. */
#define SPW_SAMPLE_HEADER 100

#define SPW_SAMPLES_BYTES (256 << 10) /* of the ring: 2,048 samples */

/* A power of two in which 1 in N is sampled, as an exponent; spw_control.sample[] holds it, see there. */
#define SPW_SAMPLE_SHIFT_MAX 16

struct spw_sample {
	u64 time_ns; /* CLOCK_MONOTONIC */
	u32 length;  /* of the whole frame */
	u16 list;    /* identity */
	u8 class_id; /* identity */
	u8 reason;   /* enum spw_reason */
	u8 verdict;  /* enum spw_verdict */
	u8 new_work;
	u8 shift;    /* it stands for 1 << shift packets */
	u8 captured; /* bytes of `header` */
	u8 header[SPW_SAMPLE_HEADER];
};

/*
 * Map sampling, per CPU, one value: how many were taken, and how many would have been, by verdict. Each CPU takes no
 * more than SPW_SAMPLES_PER_S, whatever comes before the agent has chosen another N: verdicts come first.
 */
struct spw_sampling {
	u64 arrival_ns; /* of the cell that bounds it (bpf/meter.h), CLOCK_MONOTONIC */
	u64 taken[SPW_VERDICTS];
	u64 bounded[SPW_VERDICTS]; /* lost: more than the bound */
	u64 full[SPW_VERDICTS];	   /* lost: the ring was full */
};

#define SPW_SAMPLES_PER_S 4000u
#define SPW_SAMPLES_BURST 400u

_Static_assert(sizeof(struct spw_sample) == 120, "layout of the samples ring");
_Static_assert(sizeof(struct spw_sampling) == 56, "layout of the pinned sampling map");

#endif
