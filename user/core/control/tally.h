/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs of bpf/signals.bpf.c have counted -> facts. Pure; called by read_wait.c. */
#ifndef SPW_CORE_TALLY_H
#define SPW_CORE_TALLY_H

#include <stddef.h>

#include "facts.h"

/**
 * spw_tally_sum() - fill in waits, first_reads, later_requests, later_reads, oldest_unread_ns, answer_waits, requests and unanswered.
 * @per_cpu: @cpus tallies of one service, @stride bytes apart
 * @now_ns: CLOCK_MONOTONIC, at or before they were read
 *
 * Ages of unread data are measured from the end of their epoch: too low by up to 34 ms, never too high, at most
 * SPW_UNREAD_SPAN_NS. On connections that were read before they are at most the time since the service last read
 * anything (maps/signal.h says why).
 */
void spw_tally_sum(const void *per_cpu, size_t stride, int cpus, u64 now_ns, struct spw_service_facts *facts);

#endif
