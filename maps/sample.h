/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples: one packet in N with its judgement and the first bytes of its frame, from the datapath to the agent through
 * the ring buffer `samples`. Top talkers are estimated from them (user/core/talkers/talkers.h); `events --drops` and
 * `capture` show the dropped ones. Exact counts are elsewhere (counters.h).
 *
 * Addresses and ports are not included: the agent parses the bytes with the datapath's code (bpf/parse.h), so that the
 * datapath need not keep every field of a packet for the sake of one in a thousand.
 */
#ifndef SPW_MAPS_SAMPLE_H
#define SPW_MAPS_SAMPLE_H

#include "types.h"

/* Ethernet, two tags, IPv6 and TCP without options take 82 bytes; with its own header a sample fills 128. */
#define SPW_SAMPLE_HEADER 100

#define SPW_SAMPLES_BYTES (256 << 10) /* of the ring buffer: 2,048 samples */

/* The largest shift: 1 in 2^shift packets is sampled; see spw_control.sample[]. */
#define SPW_SAMPLE_SHIFT_MAX 16

struct spw_sample {
	u64 time_ns; /* CLOCK_MONOTONIC */
	u32 length;  /* of the whole frame */
	u16 list;    /* identity */
	u8 class_id; /* identity */
	u8 reason;   /* enum spw_reason */
	u8 verdict;  /* enum spw_verdict */
	u8 new_work;
	u8 shift;    /* represents 1 << shift packets */
	u8 captured; /* bytes of `header` */
	u8 header[SPW_SAMPLE_HEADER];
};

/*
 * Map sampling, per CPU, one value: how many samples were taken and lost, by verdict. Each CPU takes at most
 * SPW_SAMPLES_PER_S, so that a surge costs no verdicts before the agent adapts N.
 */
struct spw_sampling {
	u64 arrival_ns; /* of the cell that limits the rate (bpf/meter.h), CLOCK_MONOTONIC */
	u64 taken[SPW_VERDICTS];
	u64 bounded[SPW_VERDICTS]; /* lost: over the rate limit */
	u64 full[SPW_VERDICTS];	   /* lost: ring buffer full */
};

#define SPW_SAMPLES_PER_S 4000u
#define SPW_SAMPLES_BURST 400u

_Static_assert(sizeof(struct spw_sample) == 120, "layout of the samples ring");
_Static_assert(sizeof(struct spw_sampling) == 56, "layout of the pinned sampling map");

#endif
