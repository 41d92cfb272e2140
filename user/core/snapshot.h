/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of the datapath and its agent at one moment, as a value: read by kernel/snapshot_reader.c, rendered by
 * view/. Sums are over all possible CPUs.
 */
#ifndef SPW_CORE_SNAPSHOT_H
#define SPW_CORE_SNAPSHOT_H

#include <stddef.h>

#include "maps/control.h"
#include "maps/counters.h"
#include "maps/ban.h"
#include "maps/light.h"
#include "maps/registry.h"
#include "maps/sample.h"

/* Sums by verdict; packets[SPW_DROP] and so on. */
struct spw_sum {
	u64 packets[SPW_VERDICTS];
	u64 bytes[SPW_VERDICTS];
};

struct spw_list_snapshot {
	u16 id;
	struct spw_list_record record;
	struct spw_sum counter; /* of packets with an IP source */
	struct spw_ban_totals entries;
};

struct spw_class_snapshot {
	u8 id;
	struct spw_class_record record;
	struct spw_class_counter counter;
	u64 new_work[SPW_VERDICTS]; /* packets of new work, of all services and of none */
};

struct spw_service_snapshot {
	u8 id; /* 0: the ports that belong to no service */
	struct spw_service_record record;
	struct spw_work_counter classes[SPW_CLASSES_MAX]; /* by class identity */
	struct spw_light_counter light[SPW_CLASSES_MAX];  /* the same */
};

struct spw_snapshot {
	u64 now_ns; /* CLOCK_MONOTONIC */
	u64 wall_s; /* Unix time */
	struct spw_control control;
	struct spw_agent_record agent;
	bool agent_alive;
	struct spw_list_snapshot *lists; /* owned; named ones, by identity; lists[0] is "none" */
	size_t lists_count;
	struct spw_class_snapshot classes[SPW_CLASSES_MAX]; /* active ones by rank, then retired ones */
	size_t classes_count;
	struct spw_service_snapshot *services; /* owned; named ones, by identity; services[0] is "none" */
	size_t services_count;
	struct spw_sum reasons[SPW_REASONS_MAX]; /* SPW_REASON_MALFORMED holds both verdicts */
	struct spw_anomaly_counter anomalies[SPW_ANOMALIES_MAX];
	u64 limited[SPW_CLASSES_MAX][SPW_SCOPES][SPW_KINDS]; /* packets refused by limits, by class identity */
	struct spw_sampling sampling;
};

/** spw_lease_left_ns() - remaining time of the lease; 0: expired, everything passes. */
static inline u64 spw_lease_left_ns(const struct spw_snapshot *snapshot)
{
	u64 until = snapshot->control.lease_until_ns;

	return until > snapshot->now_ns ? until - snapshot->now_ns : 0;
}

/** spw_snapshot_class() - the class of an identity; NULL: none. */
const struct spw_class_snapshot *spw_snapshot_class(const struct spw_snapshot *snapshot, u32 id);

/** spw_snapshot_free() - free what the snapshot owns; may be called twice. */
void spw_snapshot_free(struct spw_snapshot *snapshot);

#endif
