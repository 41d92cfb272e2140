/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent makes of samples, at every tick: talkers, what follows the drops, and one in how many is sampled next.
 * Nothing of it decides anything, and nothing of it can stop the agent: what fails is said once.
 */
#ifndef SPW_AGENT_SAMPLES_H
#define SPW_AGENT_SAMPLES_H

#include <jansson.h>

#include "core/talkers/sampling.h"
#include "core/talkers/source_kind.h"
#include "core/talkers/talkers.h"
#include "net/drop_stream.h"
#include "kernel/sample_ring.h"
#include "view/talkers.h"

struct agent;

/* Drops that are kept for whoever asks what was dropped just now. */
#define AGENT_RECENT_DROPS 100

struct agent_samples {
	struct spw_samples *ring;
	int ring_fd; /* that it reads; a reload may load a program with another */
	struct spw_talkers *talkers;
	struct spw_streams *streams;
	struct spw_sampling_choice choices[SPW_VERDICTS];
	struct spw_sampling before;
	struct spw_own_addresses own;
	u64 kinds[SPW_SOURCE_KINDS]; /* packets that the samples stand for, by kind of their source */
	struct spw_sample recent[AGENT_RECENT_DROPS];
	u64 dropped;	    /* samples of drops so far; the latest stands before recent[dropped % AGENT_RECENT_DROPS] */
	u64 ticked_ns;	    /* CLOCK_MONOTONIC; 0: no tick yet */
	u64 wall_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, as of this tick */
	u64 looked_ns;	    /* when own addresses were read */
	bool alarmed;
};

/** agent_begin_samples() - 0, or -ENOMEM. */
int agent_begin_samples(struct agent *agent);

/** agent_take_samples() - one tick; agent->control says how many are sampled from now on. */
void agent_take_samples(struct agent *agent, u64 now);

/** agent_handle_drops(), agent_handle_top() - requests of the control socket. */
json_t *agent_handle_drops(struct agent *agent, u64 client, const json_t *request);
json_t *agent_handle_top(struct agent *agent, const json_t *request);

/** agent_talkers_view() - for metrics; valid until the next tick. */
struct spw_talkers_view agent_talkers_view(const struct agent *agent);

void agent_end_samples(struct agent *agent);

#endif
