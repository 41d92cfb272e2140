/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The history: every decision with its inputs, on disk and bounded. Written by the agent; read (history_reader.h) by
 * `replay`, and by `explain` when the agent is dead.
 *
 * Bounds: segments of an eighth of the maximum (64 MiB in all); the oldest are removed. The current segment holds every
 * tick. A full one is thinned in the background, a few ticks at each tick: where nothing happened (green, nothing
 * saturated, no override) and no level changed within 60 s before or after, every fifth tick is kept. Counts in the
 * facts are cumulative, so none are lost; times are accurate to half a second there.
 */
#ifndef SPW_STORE_HISTORY_H
#define SPW_STORE_HISTORY_H

#include "base/error.h"
#include "config/policy.h"
#include "core/control/record.h"

#define SPW_HISTORY_BYTES (64ull << 20)

struct spw_history;

/** spw_history_open() - begin a segment. @bytes_max: 0: SPW_HISTORY_BYTES. Returns 0, or -errno and @message. */
int spw_history_open(const char *state_dir, u64 bytes_max, struct spw_history **history, char message[SPW_MESSAGE_MAX]);

/**
 * spw_history_policy() - the policy of the following ticks; call before the first tick and after each reload.
 * @learned: by service index, services_count of them; NULL: none
 * @config: path of the configuration, for display
 * @now_ns, @wall_ns: the same moment by CLOCK_MONOTONIC and CLOCK_REALTIME
 */
void spw_history_policy(struct spw_history *history, const struct spw_named_policy *policy,
			const struct spw_learned *learned, const char *config, u64 now_ns, u64 wall_ns);

/** spw_history_tick() - add a tick. Writes once a second, without fsync(2). NULL: no-op. */
void spw_history_tick(struct spw_history *history, const struct spw_override *override, const struct spw_facts *facts,
		      const struct spw_decision *decision);

/* For metrics. */
struct spw_history_state {
	bool writing; /* false: the disk is full or broken; retried every 10 s */
	u64 ticks_kept;
	u64 ticks_lost; /* could not be written */
	u64 bytes;	/* of all segments */
};

struct spw_history_state spw_history_state(const struct spw_history *history);

/** spw_history_close() - write what is left and free. */
void spw_history_close(struct spw_history *history);

#endif
