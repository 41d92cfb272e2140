/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring of samples, read by the agent at each tick. Whoever reads too little loses samples, which the datapath
 * counts, and never a packet.
 */
#ifndef SPW_IO_SAMPLES_H
#define SPW_IO_SAMPLES_H

#include "maps/sample.h"
#include "maps/trace.h"
#include "core/talkers/source_kind.h"

struct spw_samples;

/** A sample and what its bytes say, for the time of the call. What they don't say (they end early) is not in @found. */
typedef void spw_sample_handler(void *context, const struct spw_sample *sample, const struct spw_packet *packet);

/** spw_sample_parse() - what its bytes say. */
void spw_sample_parse(const struct spw_sample *sample, struct spw_packet *packet);

/** spw_samples_open() - @ring_fd: of map samples; borrowed. Returns 0 or -errno. */
int spw_samples_open(int ring_fd, struct spw_samples **samples);

/** spw_samples_read() - hand over what is there, no more than @most. Never waits. Returns how many, or -errno. */
int spw_samples_read(struct spw_samples *samples, u32 most, spw_sample_handler *handler, void *context);
void spw_samples_close(struct spw_samples *samples);

/** spw_own_addresses() - of all interfaces in this network namespace. Returns 0, or -errno: @own is as it was. */
int spw_own_addresses(struct spw_own_addresses *own);

#endif
