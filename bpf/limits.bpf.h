/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits: what the maps know of a packet, for rules 6 and 8. Called by the pipeline (spillway.bpf.c) for the sources of
 * classes that have any limit; others touch none of these maps.
 */
#ifndef SPW_BPF_LIMITS_BPF_H
#define SPW_BPF_LIMITS_BPF_H

#include "maps/maps.bpf.h"
#include "limit.h"
#include "verdict.h"

/* Of those of its class, those that a packet is to be held against now. */
SPW_INLINE u32 spw_active_limits(const struct spw_limits *standing, u32 class_id, const struct spw_admission *order,
				 bool new_work)
{
	u32 active = standing->classes[class_id].active[order->level & (SPW_LEVELS - 1)];

	return new_work ? active : active & ~SPW_LIMITS_NEW;
}

/*
 * The reason for which a limit refuses the packet; SPW_REASON_ADMITTED: none does. @asked: rules 6 and 8 are asked at
 * all (spw_is_limited()). What is found out stays in memory of this CPU for spw_charge_limits(), as the stack of all
 * who call each other is short.
 */
SPW_INLINE u32 spw_ask_limits(const struct spw_packet *packet, const struct spw_slot *slot,
			      const struct spw_admission *order, bool new_work, bool asked)
{
	const struct spw_limits *standing = bpf_map_lookup_elem(&limits, &only);
	struct spw_meters *cells = bpf_map_lookup_elem(&meters, &only);
	struct spw_metering *at_hand = bpf_map_lookup_elem(&metering, &only);
	u32 class_id = slot->class_id & (SPW_CLASSES_MAX - 1);

	if (!standing || !cells || !at_hand)
		return SPW_REASON_ADMITTED;
	at_hand->active = asked ? spw_active_limits(standing, class_id, order, new_work) : 0;
	if (!at_hand->active)
		return SPW_REASON_ADMITTED;
	at_hand->class_id = class_id;
	at_hand->length = packet->length;
	at_hand->now = spw_meter_ticks(bpf_jiffies64());
	return spw_look(standing, cells, packet->source_hi, packet->family, at_hand);
}

/* Behind all rules: what none of them has refused, after spw_ask_limits(). */
SPW_INLINE void spw_charge_limits(void)
{
	const struct spw_limits *standing = bpf_map_lookup_elem(&limits, &only);
	struct spw_meters *cells = bpf_map_lookup_elem(&meters, &only);
	const struct spw_metering *at_hand = bpf_map_lookup_elem(&metering, &only);

	if (standing && cells && at_hand && at_hand->active)
		spw_charge(standing, cells, at_hand);
}

#endif
