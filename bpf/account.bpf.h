/* SPDX-License-Identifier: GPL-2.0-only */
/* The last step of the pipeline: counting. All counters are per CPU: no lock, no loss. */
#ifndef SPW_BPF_ACCOUNT_BPF_H
#define SPW_BPF_ACCOUNT_BPF_H

#include "maps/maps.bpf.h"
#include "verdict.h"

/* Returns this CPU's packets of the list and reason, this one included. */
SPW_INLINE u64 spw_account_packet(const struct spw_slot *slot, u32 reason, u32 length)
{
	u32 list = slot->list;
	struct spw_list_tally *tally = bpf_map_lookup_elem(&list_counters, &list);

	if (!tally)
		return 0;
	reason &= SPW_REASONS_MAX - 1;
	tally->by_reason[reason].bytes += length;
	return ++tally->by_reason[reason].packets;
}

SPW_INLINE void spw_account_anomaly(u32 anomaly)
{
	struct spw_anomaly_counter *counter = bpf_map_lookup_elem(&anomaly_counters, &anomaly);

	if (counter)
		counter->packets++;
}

SPW_INLINE void spw_account_anomalies(u32 found)
{
	if (!(found & (SPW_FOUND_MALFORMED | SPW_FOUND_FRAGMENT | SPW_FOUND_EXT_LIMIT | SPW_FOUND_VLAN_LIMIT)))
		return;
	if (found & SPW_FOUND_MALFORMED)
		spw_account_anomaly(SPW_ANOMALY_MALFORMED);
	if (found & SPW_FOUND_FRAGMENT)
		spw_account_anomaly(SPW_ANOMALY_FRAGMENT);
	if (found & SPW_FOUND_EXT_LIMIT)
		spw_account_anomaly(SPW_ANOMALY_EXT_LIMIT);
	if (found & SPW_FOUND_VLAN_LIMIT)
		spw_account_anomaly(SPW_ANOMALY_VLAN_LIMIT);
}

SPW_INLINE void spw_account_new_work(const struct spw_slot *slot, u32 service, bool resent,
				     struct spw_judgement judgement)
{
	u32 index = spw_work_index(service, slot->class_id);
	struct spw_work_counter *counter = bpf_map_lookup_elem(&work_counters, &index);

	if (!counter)
		return;
	if (resent)
		counter->resent[judgement.verdict & 1]++;
	else
		counter->fresh[judgement.verdict & 1]++;
	if (judgement.reason == SPW_REASON_BUDGET && !resent)
		counter->crowded++;
}

/* New work dropped by a limit is not demand: rules 6 and 8 would drop it at any capacity. */
SPW_INLINE void spw_account_limited(const struct spw_slot *slot, u32 service)
{
	u32 index = spw_work_index(service, slot->class_id);
	struct spw_work_counter *counter = bpf_map_lookup_elem(&work_counters, &index);

	if (counter)
		counter->limited++;
}

SPW_INLINE void spw_account_shadow(const struct spw_slot *slot, u32 shadow, bool new_work)
{
	u32 class_id = slot->class_id;
	struct spw_class_counter *counter = bpf_map_lookup_elem(&class_counters, &class_id);

	if (counter && shadow < SPW_SHADOWS) {
		counter->shadow_packets[shadow]++;
		counter->shadow_new_work[shadow] += new_work;
	}
}

/*
 * Shadow counters of a packet that passed: would this level, if enforced, or the next one have dropped it?
 * @refused: by rule 6, 8, 9 or 10. Without a lease and for the next level these are not evaluated: their parameters
 * are stale or missing.
 */
SPW_INLINE void spw_account_shadows(const struct spw_packet *packet, const struct spw_slot *slot,
				    const struct spw_ruleset *ruleset, const struct spw_admission *admission,
				    bool new_work, bool refused)
{
	if ((!admission->leased || admission->observing) &&
	    (refused || spw_would_drop(packet, slot, ruleset, admission->level, new_work)))
		spw_account_shadow(slot, SPW_SHADOW_ENFORCED, new_work);
	if (admission->level < SPW_RED && spw_would_drop(packet, slot, ruleset, admission->level + 1, new_work))
		spw_account_shadow(slot, SPW_SHADOW_NEXT_LEVEL, new_work);
}

#endif
