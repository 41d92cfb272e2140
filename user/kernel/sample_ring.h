/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring buffer of sampled packets, read by the agent at each tick. When it is full, samples are lost and counted. */
#ifndef SPW_KERNEL_SAMPLE_RING_H
#define SPW_KERNEL_SAMPLE_RING_H

#include "maps/sample.h"
#include "maps/trace.h"
#include "core/talkers/source_kind.h"

struct spw_samples;

/** @sample, @packet: valid during the call. @packet was parsed from the sampled bytes, which may end early. */
typedef void spw_sample_handler(void *context, const struct spw_sample *sample, const struct spw_packet *packet);

/** spw_sample_parse() - parse the sampled bytes. */
void spw_sample_parse(const struct spw_sample *sample, struct spw_packet *packet);

/** spw_samples_open() - @ring_fd: of map samples; borrowed. Returns 0 or -errno. */
int spw_samples_open(int ring_fd, struct spw_samples **samples);

/** spw_samples_read() - deliver at most @most samples; does not wait. Returns how many, or -errno. */
int spw_samples_read(struct spw_samples *samples, u32 most, spw_sample_handler *handler, void *context);
void spw_samples_close(struct spw_samples *samples);

/** spw_own_addresses() - of all interfaces in this network namespace. Returns 0, or -errno: @own is unchanged. */
int spw_own_addresses(struct spw_own_addresses *own);

#endif
