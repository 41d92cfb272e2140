/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * New work: what the maps know of it, for rules 9 and 10 and for its counters. Called by the pipeline (spillway.bpf.c)
 * for new work alone; a packet of an established connection touches none of these maps.
 */
#ifndef SPW_BPF_BUDGET_BPF_H
#define SPW_BPF_BUDGET_BPF_H

#include "maps/maps.bpf.h"
#include "fresh.h"
#include "verdict.h"

/* The word of a piece of new work, or NULL: it is fresh, and will not be remembered. */
SPW_INLINE u64 *spw_look_up(const struct spw_packet *packet)
{
	struct spw_fingerprints *memory = bpf_map_lookup_elem(&fingerprints, &only);

	return memory && packet->flow ? &memory->words[spw_fingerprint_index(packet->flow)] : NULL;
}

SPW_INLINE void spw_remember(u64 *word, const struct spw_packet *packet, bool admitted)
{
	u64 held = *word,
	    kept = spw_flow_remember(held, packet->flow, packet->found & SPW_FOUND_QUIC_INITIAL, admitted);

	/* Nothing changes when a SYN comes again: leave the line to the other CPUs. */
	if (kept != held)
		*word = kept;
}

/*
 * Rules 9 and 10: the reason of the verdict on new work that nothing before them refused. The cell that all CPUs share
 * comes last, so what is refused by its share never touches it, and what was refused lately only reads this CPU's
 * memory.
 */
SPW_INLINE u32 spw_ask_budget(const struct spw_packet *packet, const struct spw_slot *slot, u32 service,
			      struct spw_flow_lookup lookup)
{
	u32 class_id = slot->class_id & (SPW_CLASSES_MAX - 1), index = spw_work_index(service, class_id);
	const struct spw_service_admission *order;
	struct spw_budget_cell *cell;
	struct spw_refusal *refusal;
	u64 now, room;

	order = service ? bpf_map_lookup_elem(&admission, &service) : NULL;
	if (!order || !order->interval_ticks)
		return SPW_REASON_ADMITTED;
	now = bpf_jiffies64();
	room = lookup.continuing ? SPW_TOLERANCE_ALL : spw_tolerance(&order->classes[class_id], lookup.resent);
	if (!lookup.continuing && !spw_is_in(order->classes[class_id].share, packet->source_hi, order, now))
		return SPW_REASON_SHARE;
	cell = bpf_map_lookup_elem(&budget_cells, &service);
	refusal = bpf_map_lookup_elem(&refusals, &index);
	if (!cell || !refusal)
		return SPW_REASON_ADMITTED;
	return spw_is_over(order, room, &cell->arrival_ticks, refusal, spw_meter_ticks(now)) ? SPW_REASON_BUDGET
											     : SPW_REASON_ADMITTED;
}

#endif
