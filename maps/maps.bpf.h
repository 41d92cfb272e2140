/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every map of the datapath. Pinned ones come from pinned.h, with their writers; the others are
 *
 *   ruleset     agent      one inner array of one struct spw_ruleset, read-only to programs. Replacing the inner map
 *                          publishes; the kernel frees the old one when no program uses it any more
 *   refusals    datapath   struct spw_refusal, by spw_work_index()
 *   metering    datapath   struct spw_metering, one value per CPU: scratch space for the packet at hand
 *   exempt      datapath   arrival time of what rule 1 exempts up to a rate, per CPU (limit.h)
 *   resets      datapath   arrival time of RSTs, per CPU, in ns (bpf/reset.bpf.h)
 *   samples     datapath   ring buffer of struct spw_sample, read by the agent
 *   trace       datapath   struct spw_trace, one value; only when loaded for `simulate`
 */
#ifndef SPW_MAPS_MAPS_BPF_H
#define SPW_MAPS_MAPS_BPF_H

#include "pinned.h"
#include "ruleset.h"
#include "trace.h"

/* The key of maps with one value. */
static const u32 only = 0;

#define DECLARE_MAP(identifier, pin, name, writer, kind, key_type, value_type, entries, flags)                         \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_##kind);                                                                     \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} identifier SEC(".maps");
#define NOT_IN_DATAPATH(...)

SPW_PINNED_MAPS(DECLARE_MAP, NOT_IN_DATAPATH)

/* The agent makes the inner array, sized to the ruleset, and passes it to the loader as the template. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} ruleset SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_WORK_COUNTERS);
	__type(key, u32);
	__type(value, struct spw_refusal);
} refusals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spw_metering);
} metering SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} exempt SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} resets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SPW_SAMPLES_BYTES);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spw_trace);
} trace SEC(".maps");

#endif
