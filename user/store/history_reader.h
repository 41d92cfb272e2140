/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a history (history.h). Called by `replay`, by `explain` when the agent is dead, and by thinning.c. */
#ifndef SPW_STORE_HISTORY_READER_H
#define SPW_STORE_HISTORY_READER_H

#include "base/error.h"
#include "config/policy.h"
#include "core/control/record.h"

struct spw_history_reader;

/**
 * spw_history_read() - begin to read @path: a state_dir (all segments in order) or one segment.
 * Returns 0, or -errno and @message.
 */
int spw_history_read(const char *path, struct spw_history_reader **reader, char message[SPW_MESSAGE_MAX]);

/* One tick, valid until the next call. */
struct spw_history_tick {
	const struct spw_record *record;
	const struct spw_named_policy *policy;
	const struct spw_learned *learned; /* at the time of the policy, by service index */
	const char *config;
	u64 policy_now_ns; /* both clocks when the policy came into force */
	u64 policy_wall_ns;
	u64 wall_ns;	/* CLOCK_REALTIME of the tick, from the clocks of its policy block */
	bool begins;	/* the first tick of another run, or after a reload */
	bool after_gap; /* ticks before this one were damaged or lost */
};

/**
 * spw_history_next() - the next tick. Memory is bounded whatever the file holds.
 * Returns 1, 0 (the end), or -errno (a file cannot be read). Damage is skipped, see spw_history_damage().
 */
int spw_history_next(struct spw_history_reader *reader, struct spw_history_tick *tick);

/** spw_history_damage() - what was skipped, one line each; "": nothing. */
const char *spw_history_damage(const struct spw_history_reader *reader);
void spw_history_read_end(struct spw_history_reader *reader);

#endif
