/* SPDX-License-Identifier: GPL-2.0-only */
/* Pinned maps -> snapshot. Used by the agent for /metrics and by read-only verbs, with or without an agent. */
#ifndef SPW_KERNEL_SNAPSHOT_READER_H
#define SPW_KERNEL_SNAPSHOT_READER_H

#include "core/snapshot.h"
#include "pins.h"

/**
 * spw_snapshot_read() - read everything once.
 * @snapshot: filled in; free with spw_snapshot_free()
 * Returns 0 or -errno. Each map is exact at the moment it is read; packets go on between two maps.
 */
int spw_snapshot_read(const struct spw_pins *pins, struct spw_snapshot *snapshot);

/**
 * spw_read_work() - the new work of one service, for the tick: one system call, some 5 us.
 * @service: identity
 * @classes: reads identities below this one, at most SPW_CLASSES_MAX
 * @counters: filled in, by class identity; zero if not read
 * Returns 0 or -errno.
 */
int spw_read_work(const struct spw_pins *pins, u32 service, u32 classes,
		  struct spw_work_counter counters[SPW_CLASSES_MAX]);

/** spw_read_light() - light answers of a service. @counters: filled in, by class identity. Returns 0 or -errno. */
int spw_read_light(const struct spw_pins *pins, u32 service, struct spw_light_counter counters[SPW_CLASSES_MAX]);

/** spw_read_sampling() - samples taken and lost, summed over CPUs (arrival_ns is meaningless). Returns 0 or -errno. */
int spw_read_sampling(const struct spw_pins *pins, struct spw_sampling *sampling);

#endif
