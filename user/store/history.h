/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The history: every decision with its inputs, on disk and bounded. Written by the agent, read by `replay` and by
 * `explain` when the agent is dead.
 *
 * FORMAT, version 1; numbers are little-endian. Files <state_dir>/history.NNNNNN, in the order of their numbers; an
 * agent never goes on in a file of another run. A file is eight bytes "spwhist" NUL, u32 version, u32 0, and then
 * blocks:
 *
 *   u32 magic "spwb" | u8 kind | u8[3] 0 | u32 bytes | u32 check | bytes
 *
 *   check   CRC-32 of the bytes (IEEE 802.3), exclusive-or the kind
 *   kind 1  policy: JSON; what the ticks that follow were decided by, names of classes (by rank) and services, both
 * clocks at that moment, what was learned of each service. Begins each file, and comes again after a reload. kind 2
 * ticks, the first one in full, that is as difference to a record of zeros kind 3  ticks, going on from the block
 * before
 *
 * Ticks stand one behind the other in the form of core/record.h. A block is written by one write() a second. A block
 * that was torn off or damaged ends nothing but the ticks up to the next block of kind 1 or 2.
 *
 * BOUNDS. Segments of an eighth of what was asked for (64 MiB in all); the oldest go. The segment that is written holds
 * every tick. A segment that is full is thinned in the background, some ticks at each tick: where nothing moved (green,
 * nothing saturated, no operator's override) and no level changed within 60 s before or after, each fifth tick is kept.
 * Counts of the facts are sums, so nothing goes missing; times are told to half a second there.
 */
#ifndef SPW_IO_HISTORY_H
#define SPW_IO_HISTORY_H

#include "config/policy.h"
#include "core/control/record.h"
#include "learned.h"

#define SPW_HISTORY_BYTES (64ull << 20)

struct spw_history;

/** spw_history_open() - begin a segment. @bytes_max: 0: SPW_HISTORY_BYTES. Returns 0, or -errno and @message. */
int spw_history_open(const char *state_dir, u64 bytes_max, struct spw_history **history, char message[SPW_MESSAGE_MAX]);

/**
 * spw_history_policy() - what the ticks from now on are decided by; before the first tick and after each reload.
 * @learned: by index of service, services_count of them; NULL: nothing
 * @config: path of the configuration, for people
 * @now_ns, @wall_ns: the same moment by CLOCK_MONOTONIC and CLOCK_REALTIME
 */
void spw_history_policy(struct spw_history *history, const struct spw_named_policy *policy,
			const struct spw_learned *learned, const char *config, u64 now_ns, u64 wall_ns);

/** spw_history_tick() - keep a tick. Writes once a second, never waits for the disk (no fsync); NULL: no-op. */
void spw_history_tick(struct spw_history *history, const struct spw_override *override, const struct spw_facts *facts,
		      const struct spw_decision *decision);

/* For metrics. */
struct spw_history_state {
	bool writing; /* false: the disk is full or broken; tried again each 10 s */
	u64 ticks_kept;
	u64 ticks_lost; /* could not be written */
	u64 bytes;	/* of all segments */
};

struct spw_history_state spw_history_state(const struct spw_history *history);

/** spw_history_close() - write what is left and let go. */
void spw_history_close(struct spw_history *history);

/* ---- reading ---- */

struct spw_history_reader;

/**
 * spw_history_read() - begin to read @path: a state_dir (all segments in order) or one segment.
 * Returns 0, or -errno and @message.
 */
int spw_history_read(const char *path, struct spw_history_reader **reader, char message[SPW_MESSAGE_MAX]);

/* One tick as it was read; borrowed until the next call. */
struct spw_history_tick {
	const struct spw_record *record;
	const struct spw_named_policy *policy;
	const struct spw_learned *learned; /* at the time of the policy, by index of service */
	const char *config;
	u64 policy_now_ns; /* both clocks when the policy came into force */
	u64 policy_wall_ns;
	u64 wall_ns;	/* CLOCK_REALTIME of the tick, by the clocks of its policy block */
	bool begins;	/* the first tick of another run, or after a reload */
	bool after_gap; /* ticks before this one were damaged or lost */
};

/**
 * spw_history_next() - the next tick. Bounded memory, whatever the file holds.
 * Returns 1, 0 (the end), or -errno (a file cannot be read; what is merely damaged is passed over, see _damage()).
 */
int spw_history_next(struct spw_history_reader *reader, struct spw_history_tick *tick);

/** spw_history_damage() - what was passed over, a line each; "": nothing. */
const char *spw_history_damage(const struct spw_history_reader *reader);
void spw_history_read_end(struct spw_history_reader *reader);

#endif
