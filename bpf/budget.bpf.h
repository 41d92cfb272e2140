/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * New work: the maps of rules 9 and 10 and of the fingerprints. Packets of established connections touch none of them.
 */
#ifndef SPW_BPF_BUDGET_BPF_H
#define SPW_BPF_BUDGET_BPF_H

#include "maps/maps.bpf.h"
#include "fresh.h"
#include "verdict.h"

/* The fingerprint word of a packet of new work; NULL: it counts as fresh and is not remembered. */
SPW_INLINE u64 *spw_fingerprint_word(const struct spw_packet *packet)
{
	struct spw_fingerprints *memory = bpf_map_lookup_elem(&fingerprints, &only);

	return memory && packet->flow ? &memory->words[spw_fingerprint_index(packet->flow)] : NULL;
}

SPW_INLINE void spw_remember(u64 *word, const struct spw_packet *packet, bool admitted)
{
	u64 held = *word,
	    kept = spw_flow_remember(held, packet->flow, packet->found & SPW_FOUND_QUIC_INITIAL, admitted);

	/* Nothing new, as for a resent SYN: do not dirty the cache line. */
	if (kept != held)
		*word = kept;
}

/*
 * Rules 9 and 10: the reason if either refuses, else SPW_REASON_ADMITTED. The shared cell comes last: a refusal by
 * share never touches it, and a class refused lately reads per-CPU memory only.
 */
SPW_INLINE u32 spw_ask_budget(const struct spw_packet *packet, const struct spw_slot *slot, u32 service,
			      struct spw_flow_lookup lookup)
{
	u32 class_id = slot->class_id & (SPW_CLASSES_MAX - 1), index = spw_work_index(service, class_id);
	const struct spw_service_admission *budget;
	struct spw_budget_cell *cell;
	struct spw_refusal *refusal;
	u64 now, tolerance;

	budget = service ? bpf_map_lookup_elem(&admission, &service) : NULL;
	if (!budget || !budget->interval_ticks)
		return SPW_REASON_ADMITTED;
	now = bpf_jiffies64();
	tolerance = lookup.continuing ? SPW_TOLERANCE_ALL : spw_tolerance(&budget->classes[class_id], lookup.resent);
	if (!lookup.continuing && !spw_is_in(budget->classes[class_id].share, packet->source_hi, budget, now))
		return SPW_REASON_SHARE;
	cell = bpf_map_lookup_elem(&budget_cells, &service);
	refusal = bpf_map_lookup_elem(&refusals, &index);
	if (!cell || !refusal)
		return SPW_REASON_ADMITTED;
	if (spw_is_over(budget, tolerance, &cell->arrival_ticks, refusal, spw_meter_ticks(now)))
		return SPW_REASON_BUDGET;
	return SPW_REASON_ADMITTED;
}

#endif
