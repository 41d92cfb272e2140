/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the real program on single frames, by BPF_PROG_TEST_RUN, with a trace of each judgement. Nothing is attached or
 * pinned, and the running datapath's counters do not change. Used by `simulate`.
 */
#ifndef SPW_KERNEL_SIMULATION_H
#define SPW_KERNEL_SIMULATION_H

#include "maps/control.h"
#include "maps/ruleset.h"
#include "maps/trace.h"
#include "pins.h"

/* Frame lengths: from an Ethernet header to the longest IP packet with two VLAN tags. */
#define SPW_SIMULATED_BYTES_MIN 14u
#define SPW_SIMULATED_BYTES_MAX 65557u

struct spw_simulation;

/**
 * spw_simulation_open() - load the program with @ruleset, under a lease without end.
 * @bytes: of @ruleset
 * @level: enum spw_level; @mode: enum spw_mode
 * Returns 0, or -errno and @message. Free with spw_simulation_close().
 */
int spw_simulation_open(const struct spw_ruleset *ruleset, size_t bytes, u32 level, u32 mode,
			struct spw_simulation **simulation, char message[SPW_MESSAGE_MAX]);

/**
 * spw_simulation_judge() - judge one Ethernet frame of at least SPW_SIMULATED_BYTES_MIN bytes, truncated to
 * SPW_SIMULATED_BYTES_MAX. Returns 0, or -errno and @message.
 */
int spw_simulation_judge(struct spw_simulation *simulation, const u8 *frame, u32 length, struct spw_trace *trace,
			 char message[SPW_MESSAGE_MAX]);
void spw_simulation_close(struct spw_simulation *simulation);

#endif
