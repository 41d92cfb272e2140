/* SPDX-License-Identifier: GPL-2.0-only */
/* Common to the textbook program and its user space. */
#ifndef SPW_BENCH_TEXTBOOK_H
#define SPW_BENCH_TEXTBOOK_H

#include "maps/types.h"

#define BENCH_TEXTBOOK_STATES  (1u << 20)
#define BENCH_TEXTBOOK_CLASSES 64u

/* The rule of a prefix; the longest prefix of the source counts. */
struct bench_textbook_rule {
	u8 len;
	u8 class_id;
	u8 cut; /* 1: dropped */
	u8 reserved;
};

struct bench_textbook_bucket {
	u64 filled_ns; /* when the tokens were counted */
	u64 tokens;    /* times 2^20 */
};

/* State of a source. */
struct bench_textbook_state {
	struct bench_textbook_bucket packets;
	struct bench_textbook_bucket new_work;
};

enum bench_textbook_count {
	BENCH_TEXTBOOK_PASSED,
	BENCH_TEXTBOOK_CUT,
	BENCH_TEXTBOOK_OVER,
	BENCH_TEXTBOOK_COUNTS,
};

struct bench_textbook_tally {
	u64 packets[BENCH_TEXTBOOK_COUNTS];
	u64 bytes[BENCH_TEXTBOOK_COUNTS];
};

#endif
