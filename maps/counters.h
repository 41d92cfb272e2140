/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the datapath counts: exact, per CPU, never sampled, never reset. Only the datapath writes; readers add up the
 * values of all possible CPUs. Counters wrap at 2^64 (bytes: after 4,600 years at 1 Tbit/s).
 */
#ifndef SPW_MAPS_COUNTERS_H
#define SPW_MAPS_COUNTERS_H

#include "types.h"

struct spw_count {
	u64 packets;
	u64 bytes;
};

/*
 * Map list_counters, by list identity: every packet counts exactly once, under the list of its source and the reason of
 * its verdict. One lookup and one cache line per packet; readers compute sums by list, class, verdict or reason.
 * Packets without an IP source count under list 0.
 */
struct spw_list_tally {
	struct spw_count by_reason[SPW_REASONS_MAX];
};

/* Hypothetical judgements, counted beside the real one. */
enum spw_shadow {
	SPW_SHADOW_ENFORCED = 0,   /* dropped, were the mode enforce and the lease valid, at this level */
	SPW_SHADOW_NEXT_LEVEL = 1, /* the same, one level up */
	SPW_SHADOWS = 2,
};

/* Map class_counters, by class identity. */
struct spw_class_counter {
	u64 shadow_packets[SPW_SHADOWS];  /* passed, but would have been dropped */
	u64 shadow_new_work[SPW_SHADOWS]; /* of these, new work */
};

/*
 * Map work_counters, by spw_work_index(): every packet of new work counts exactly once, so a class's new work is the
 * sum over services. The sum of `fresh` over verdicts is demand. Resent: a SYN sent again because the first was refused
 * or lost, and later QUIC Initials of a handshake. On ports of no service, and on `udp` and `udp_each` ports,
 * everything counts as fresh. What rules 6 and 8 drop is not looked up and no demand: it counts as `limited`.
 */
struct spw_work_counter {
	u64 fresh[SPW_VERDICTS];
	u64 resent[SPW_VERDICTS];
	u64 crowded; /* fresh, refused by the budget (rule 10) although the source is in the share */
	u64 limited; /* dropped by a limit, neither fresh nor resent */
};

#define SPW_WORK_COUNTERS (SPW_SERVICE_IDENTITIES * SPW_CLASSES_MAX)

/* @service: identity as in struct spw_port; 0: the port belongs to none. */
SPW_INLINE u32 spw_work_index(u32 service, u32 class_id)
{
	return service * SPW_CLASSES_MAX + class_id;
}

/* Map anomaly_counters, by enum spw_anomaly. */
struct spw_anomaly_counter {
	u64 packets;
};

_Static_assert(sizeof(struct spw_list_tally) == 512, "layout of the pinned list_counters map");
_Static_assert(sizeof(struct spw_class_counter) == 32, "layout of the pinned class_counters map");
_Static_assert(sizeof(struct spw_work_counter) == 48, "layout of the pinned work_counters map");

#endif
