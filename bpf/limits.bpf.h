/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits: what the maps know of a packet, for rules 6 and 8. Called by the pipeline (spillway.bpf.c) for the sources of
 * classes that have any limit; others touch none of these maps.
 */
#ifndef SPW_BPF_LIMITS_BPF_H
#define SPW_BPF_LIMITS_BPF_H

#include "../maps/maps.bpf.h"
#include "limit.h"
#include "verdict.h"

/*
 * The reason for which a limit refuses the packet; SPW_REASON_ADMITTED: none does. @active: set if any was looked at,
 * so that it is to be charged. What is found out stays in memory of this CPU until then, as the stack of all who call
 * each other is short.
 */
SPW_INLINE u32 spw_ask_limits(const struct spw_packet *packet, const struct spw_slot *slot,
			      const struct spw_order *order, bool new_work, bool *active)
{
	const struct spw_limits *standing = bpf_map_lookup_elem(&limits, &only);
	struct spw_meters *cells = bpf_map_lookup_elem(&meters, &only);
	struct spw_metering *at_hand = bpf_map_lookup_elem(&metering, &only);
	u32 class_id = slot->class_id & (SPW_CLASSES_MAX - 1), bits;

	if (!standing || !cells || !at_hand)
		return SPW_REASON_ADMITTED;
	bits = standing->classes[class_id].active[order->level & (SPW_LEVELS - 1)];
	if (!new_work)
		bits &= ~SPW_LIMITS_NEW;
	if (!bits)
		return SPW_REASON_ADMITTED;
	*active = true;
	at_hand->active = bits;
	at_hand->class_id = class_id;
	at_hand->length = packet->length;
	at_hand->now = spw_meter_ticks(bpf_jiffies64());
	spw_aim(standing, packet->source_hi, packet->family, at_hand);
	return spw_look(standing, cells, at_hand);
}

/* Behind all rules: what none of them has refused. */
SPW_INLINE void spw_charge_limits(void)
{
	const struct spw_limits *standing = bpf_map_lookup_elem(&limits, &only);
	struct spw_meters *cells = bpf_map_lookup_elem(&meters, &only);
	const struct spw_metering *at_hand = bpf_map_lookup_elem(&metering, &only);

	if (standing && cells && at_hand)
		spw_charge(standing, cells, at_hand);
}

#endif
