/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads the feeder, sets sources and targets, and runs packets: the primitive of all measurements. */
#ifndef SPW_BENCH_FEEDER_H
#define SPW_BENCH_FEEDER_H

#include <stdbool.h>
#include <stddef.h>

#include "feed.h"

struct feed_bpf;

struct bench_feeder {
	struct feed_bpf *skeleton;
	struct bench_sources *sources; /* the program's table, mapped */
	bool service;		       /* frames are new work for a service, each of them fresh */
};

#define BENCH_FRAME_BYTES 74
#define BENCH_PACKETS_MAX ((BENCH_STAMPS_MAX - 2) * BENCH_SEGMENT)

/** bench_feeder_load() - ends the program when it cannot. */
void bench_feeder_load(struct bench_feeder *feeder);
void bench_feeder_free(struct bench_feeder *feeder);

/**
 * bench_feeder_run() - nanoseconds per packet through feeder and target: the median over segments of BENCH_SEGMENT
 * packets. The first ones, until every source was seen or a quarter is over, do not count.
 * @target: descriptor of the program
 * @sources: a power of two
 */
double bench_feeder_run(struct bench_feeder *feeder, u8 family, int target, u32 sources, u32 packets);

/**
 * bench_feeder_median() - the same for the last @packets that were fed, by any means.
 * At most BENCH_PACKETS_MAX of them.
 */
double bench_feeder_median(const struct bench_feeder *feeder, u32 sources, u32 packets);

/** Ports of the frames: one of a service, and one of none. */
#define BENCH_SERVICE_PORT 443
#define BENCH_OTHER_PORT   8443

/** bench_frame() - make the frame to send: a TCP SYN. Returns its length. */
size_t bench_frame(u8 family, u16 port, u8 frame[BENCH_FRAME_BYTES]);

/** bench_quiet_libbpf() - show only warnings of libbpf. */
void bench_quiet_libbpf(void);

#endif
