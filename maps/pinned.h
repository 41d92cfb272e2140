/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pinned maps: those that outlive the agent. Each is described once, here; the datapath's declarations
 * (maps.bpf.h), the pins and their checks (user/kernel/pins.[ch]) and the loader (datapath.c) expand it.
 *
 * SHARED maps are used by the program, PRIVATE ones only by the agent and the verbs. First line: identifier in C,
 * identifier of the pin, file name of the pin (unchanged across versions: never rename), and who writes it. Second line:
 * map type, key, value, entries, flags.
 *
 * What the agent writes is BPF_F_RDONLY_PROG: the kernel keeps programs from writing it. Only ban_filter is not: the
 * agent maps it for writing, which the kernel refuses for such a map. The agent never writes the datapath's counters:
 * user/kernel has no function that could.
 *
 * Keys: list_* by list identity, class_* by class identity; admission, budget_cells and service_registry by service
 * identity; anomaly_counters by enum spw_anomaly; work_counters and light_counters by spw_work_index(); ban_counts by
 * spw_ban_value.counter. bans is not preallocated, as only the agent inserts.
 */
#ifndef SPW_MAPS_PINNED_H
#define SPW_MAPS_PINNED_H

#include "admission.h"
#include "ban.h"
#include "control.h"
#include "counters.h"
#include "fingerprint.h"
#include "light.h"
#include "limit.h"
#include "registry.h"
#include "sample.h"
#include "session.h"

/* clang-format off */
#define SPW_PINNED_MAPS(SHARED, PRIVATE)									\
	SHARED(control, CONTROL, "control", AGENT,								\
	       ARRAY, u32, struct spw_control, 1, BPF_F_RDONLY_PROG)						\
	SHARED(list_counters, LIST_COUNTERS, "list_counters", DATAPATH,						\
	       PERCPU_ARRAY, u32, struct spw_list_tally, SPW_LISTS_MAX, 0)					\
	SHARED(class_counters, CLASS_COUNTERS, "class_counters", DATAPATH,					\
	       PERCPU_ARRAY, u32, struct spw_class_counter, SPW_CLASSES_MAX, 0)					\
	SHARED(anomaly_counters, ANOMALY_COUNTERS, "anomaly_counters", DATAPATH,				\
	       PERCPU_ARRAY, u32, struct spw_anomaly_counter, SPW_ANOMALIES_MAX, 0)				\
	SHARED(work_counters, WORK_COUNTERS, "work_counters", DATAPATH,						\
	       PERCPU_ARRAY, u32, struct spw_work_counter, SPW_WORK_COUNTERS, 0)				\
	SHARED(admission, ADMISSION, "orders", AGENT,								\
	       ARRAY, u32, struct spw_service_admission, SPW_SERVICE_IDENTITIES, BPF_F_RDONLY_PROG)		\
	SHARED(budget_cells, BUDGET_CELLS, "budget_cells", DATAPATH,						\
	       ARRAY, u32, struct spw_budget_cell, SPW_SERVICE_IDENTITIES, 0)					\
	SHARED(fingerprints, FINGERPRINTS, "fingerprints", DATAPATH,						\
	       ARRAY, u32, struct spw_fingerprints, 1, 0)							\
	SHARED(sessions, SESSIONS, "sessions", DATAPATH,							\
	       ARRAY, u32, struct spw_sessions, 1, BPF_F_MMAPABLE)						\
	SHARED(light, LIGHT, "light", DATAPATH,									\
	       ARRAY, u32, struct spw_light, 1, 0)								\
	SHARED(light_counters, LIGHT_COUNTERS, "light_counters", DATAPATH,					\
	       PERCPU_ARRAY, u32, struct spw_light_counter, SPW_WORK_COUNTERS, 0)				\
	SHARED(limits, LIMITS, "limits", AGENT,									\
	       ARRAY, u32, struct spw_limits, 1, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG)				\
	SHARED(meters, METERS, "meters", DATAPATH,								\
	       ARRAY, u32, struct spw_meters, 1, BPF_F_MMAPABLE)						\
	SHARED(sampling, SAMPLING, "sampling", DATAPATH,							\
	       PERCPU_ARRAY, u32, struct spw_sampling, 1, 0)							\
	SHARED(bans, BANS, "entries", AGENT,									\
	       HASH, struct spw_ban_key, struct spw_ban_value, SPW_BANS_MAX, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG) \
	SHARED(ban_filter, BAN_FILTER, "entry_filter", AGENT,							\
	       ARRAY, u32, struct spw_ban_filter, 1, BPF_F_MMAPABLE)						\
	SHARED(ban_counts, BAN_COUNTS, "entry_counts", DATAPATH,						\
	       ARRAY, u32, struct spw_ban_count, SPW_BAN_COUNTS, BPF_F_MMAPABLE)				\
	PRIVATE(ban_totals, BAN_TOTALS, "entry_totals", AGENT,							\
	        ARRAY, u32, struct spw_ban_totals, SPW_LISTS_MAX, BPF_F_RDONLY_PROG)				\
	PRIVATE(list_registry, LIST_REGISTRY, "list_registry", AGENT,						\
	        ARRAY, u32, struct spw_list_record, SPW_LISTS_MAX, BPF_F_RDONLY_PROG)				\
	PRIVATE(class_registry, CLASS_REGISTRY, "class_registry", AGENT,					\
	        ARRAY, u32, struct spw_class_record, SPW_CLASSES_MAX, BPF_F_RDONLY_PROG)			\
	PRIVATE(service_registry, SERVICE_REGISTRY, "service_registry", AGENT,					\
	        ARRAY, u32, struct spw_service_record, SPW_SERVICE_IDENTITIES, BPF_F_RDONLY_PROG)		\
	PRIVATE(agent_registry, AGENT_REGISTRY, "agent_registry", AGENT,					\
	        ARRAY, u32, struct spw_agent_record, 1, BPF_F_RDONLY_PROG)
/* clang-format on */

#endif
