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
 * Map list_counters, by list identity: every packet counts in exactly one place, under the list of its source and the
 * reason of its verdict. One look-up and one cache line a packet; sums by list, class, verdict or reason are the
 * readers'. What has no IP source counts under list 0.
 */
struct spw_list_tally {
	struct spw_count by_reason[SPW_REASONS_MAX];
};

/* Which other judgement is counted beside the one that held. */
enum spw_shadow {
	SPW_SHADOW_ENFORCED = 0,   /* dropped, if the mode were enforce and the lease valid, at this level */
	SPW_SHADOW_NEXT_LEVEL = 1, /* the same, one level further up */
	SPW_SHADOWS = 2,
};

/* Map class_counters, by class identity. */
struct spw_class_counter {
	u64 shadow_packets[SPW_SHADOWS];  /* passed, but would have been dropped */
	u64 shadow_new_work[SPW_SHADOWS]; /* of these, new work */
};

/*
 * Map work_counters, by spw_work_index(): every packet of new work counts in exactly one place, so the new work of a
 * class is the sum over services. Fresh is what was not seen before: the sum of `fresh` over verdicts is demand. A SYN
 * that is sent again because the first was refused or lost counts as resent, and so does a QUIC Initial of a handshake
 * that goes on. On ports of no service, and where every datagram is new work, everything counts as fresh: nothing is
 * remembered. What rules 6 and 8 drop is looked up by nobody and is no demand: it counts by itself.
 */
struct spw_work_counter {
	u64 fresh[SPW_VERDICTS];
	u64 resent[SPW_VERDICTS];
	u64 crowded; /* of the refused fresh: by the budget (rule 10), although their source is in the share */
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
