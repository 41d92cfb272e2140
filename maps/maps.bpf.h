/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every map, once, with its one writer. Where the kernel can hold the datapath to that, it does: BPF_F_RDONLY_PROG.
 * The agent never writes a counter; that is kept by user/kernel/ having no function that could.
 *
 *   map                writer     value
 *   ruleset            agent      one inner array of one struct spw_ruleset, read-only to programs; replacing the
 *                                 inner map is the publication, and the kernel frees the old one when no program
 *                                 runs with it any more
 *   control            agent      struct spw_control
 *   list_counters      datapath   struct spw_list_tally, by list identity
 *   class_counters     datapath   struct spw_class_counter, by class identity
 *   anomaly_counters   datapath   struct spw_anomaly_counter, by enum spw_anomaly
 *   work_counters      datapath   struct spw_work_counter, by spw_work_index(): service and class
 *   orders             agent      struct spw_service_admission, by service identity
 *   budget_cells       datapath   struct spw_budget_cell, by service identity
 *   refusals           datapath   struct spw_refusal, by spw_work_index(); not pinned
 *   fingerprints       datapath   struct spw_fingerprints, one value
 *   limits             agent      struct spw_limits, one value
 *   meters             datapath   struct spw_meters, one value
 *   metering           datapath   struct spw_metering, one value, per CPU; of the packet at hand, not pinned
 *   sampling           datapath   struct spw_sampling, one value
 *   samples            datapath   ring of struct spw_sample; read by the agent, not pinned
 *   trace              datapath   struct spw_trace; only when loaded for `simulate`
 *   entries            agent      struct spw_ban_value, by struct spw_ban_key; allocated one by one, as only the
 *                                 agent adds any
 *   entry_filter       agent      struct spw_ban_filter, one value
 *   entry_counts       datapath   struct spw_ban_count, by the number that an entry names
 *   list_registry      agent      struct spw_list_record     \
 *   class_registry     agent      struct spw_class_record     \ the datapath does not see these: made by user/kernel/pins.c
 *   service_registry   agent      struct spw_service_record   /
 *   agent_registry     agent      struct spw_agent_record    /
 *   entry_totals       agent      struct spw_ban_totals   /
 */
#ifndef SPW_MAPS_MAPS_BPF_H
#define SPW_MAPS_MAPS_BPF_H

#include "control.h"
#include "counters.h"
#include "ban.h"
#include "fingerprint.h"
#include "limit.h"
#include "admission.h"
#include "ruleset.h"
#include "sample.h"
#include "trace.h"

/* The key of the maps that have one value. */
static const u32 only = 0;

/* The agent makes the inner array, sized to the ruleset, and hands it to the loader as the template. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} ruleset SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, u32);
	__type(value, struct spw_control);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_LISTS_MAX);
	__type(key, u32);
	__type(value, struct spw_list_tally);
} list_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_CLASSES_MAX);
	__type(key, u32);
	__type(value, struct spw_class_counter);
} class_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_ANOMALIES_MAX);
	__type(key, u32);
	__type(value, struct spw_anomaly_counter);
} anomaly_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_WORK_COUNTERS);
	__type(key, u32);
	__type(value, struct spw_work_counter);
} work_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SPW_SERVICE_IDENTITIES);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, u32);
	__type(value, struct spw_service_admission);
} orders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SPW_SERVICE_IDENTITIES);
	__type(key, u32);
	__type(value, struct spw_budget_cell);
} budget_cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_WORK_COUNTERS);
	__type(key, u32);
	__type(value, struct spw_refusal);
} refusals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spw_fingerprints);
} fingerprints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spw_sampling);
} sampling SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SPW_SAMPLES_BYTES);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
	__type(key, u32);
	__type(value, struct spw_limits);
} limits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct spw_meters);
} meters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spw_metering);
} metering SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spw_trace);
} trace SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SPW_BANS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct spw_ban_key);
	__type(value, struct spw_ban_value);
} entries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE); /* the kernel lets nobody map what is read-only to programs for writing */
	__type(key, u32);
	__type(value, struct spw_ban_filter);
} entry_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SPW_BAN_COUNTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct spw_ban_count);
} entry_counts SEC(".maps");

#endif
