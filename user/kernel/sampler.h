/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned maps -> snapshot. Called by the agent for /metrics and by the verbs that look, with or without an agent.
 */
#ifndef SPW_IO_SAMPLER_H
#define SPW_IO_SAMPLER_H

#include "core/snapshot.h"
#include "pins.h"

/**
 * spw_sample() - read everything once.
 * @snapshot: filled in; free with spw_snapshot_free()
 * Returns 0 or -errno. Counters are read map by map, each exact at its moment; between two maps packets go on.
 */
int spw_sample(const struct spw_pins *pins, struct spw_snapshot *snapshot);
void spw_snapshot_free(struct spw_snapshot *snapshot);

/**
 * spw_sample_work() - the new work of one service, for the tick: one call to the kernel, some 5 us.
 * @service: identity
 * @classes: identities below this one are read, at most SPW_CLASSES_MAX
 * @counters: filled in, by class identity; those that are not read are zero
 * Returns 0 or -errno.
 */
int spw_sample_work(const struct spw_pins *pins, u32 service, u32 classes,
		    struct spw_work_counter counters[SPW_CLASSES_MAX]);

/** spw_sample_sampling() - how many samples were taken and lost; sums over CPUs, arrival_ns means nothing. 0 or -errno. */
int spw_sample_sampling(const struct spw_pins *pins, struct spw_sampling *sampling);

/** spw_monotonic_ns() - CLOCK_MONOTONIC. The only clock that anything here decides by. */
u64 spw_monotonic_ns(void);

#endif
