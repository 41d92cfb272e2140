/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Look-ups of a source in the rules without a packet, for established connections: the agent runs the program look_up
 * of bpf/spillway.bpf.c (BPF_PROG_TEST_RUN) on a frame that is an array of these, and the program fills in the answers.
 */
#ifndef SPW_MAPS_LOOKUP_H
#define SPW_MAPS_LOOKUP_H

#include "types.h"

#define SPW_LOOKUPS_MAX 64u /* in one frame */

enum spw_lookup_flag {
	SPW_LOOKUP_ANSWERED = 1 << 0,	/* the rest is valid */
	SPW_LOOKUP_MANAGEMENT = 1 << 1, /* the source is in a management prefix */
	SPW_LOOKUP_INSIDE = 1 << 2,	/* rule 9 admits its new work for the service */
};

struct spw_lookup {
	u64 source_hi; /* left aligned: IPv4 is in the upper 32 bits */
	u64 source_lo;
	u8 family;   /* 4 or 6 */
	u8 service;  /* identity */
	u8 class_id; /* answer */
	u8 flags;    /* answer: enum spw_lookup_flag */
	u32 place;   /* answer: as in bpf/share.h; the source is in the share while it is below */
};

_Static_assert(sizeof(struct spw_lookup) == 24, "a frame of SPW_LOOKUPS_MAX fits into a page");

#endif
