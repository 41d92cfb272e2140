/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of rules 6 and 8. Only packets from classes with limits touch them. */
#ifndef SPW_BPF_LIMITS_BPF_H
#define SPW_BPF_LIMITS_BPF_H

#include "maps/maps.bpf.h"
#include "limit.h"
#include "verdict.h"

/* The limits of the class that apply to the packet at this level. */
SPW_INLINE u32 spw_active_limits(const struct spw_limits *in_force, u32 class_id, u32 level, bool new_work)
{
	u32 active = in_force->classes[class_id].active[level & (SPW_LEVELS - 1)];

	return new_work ? active : active & ~SPW_LIMITS_NEW;
}

/*
 * The reason if a limit refuses the packet, else SPW_REASON_ADMITTED. State for spw_charge_limits() is in a per-CPU
 * map: the stack is too small.
 */
SPW_INLINE u32 spw_ask_limits(const struct spw_packet *packet, const struct spw_slot *slot, u32 level, bool new_work)
{
	const struct spw_limits *in_force = bpf_map_lookup_elem(&limits, &only);
	struct spw_meters *cells = bpf_map_lookup_elem(&meters, &only);
	struct spw_metering *current = bpf_map_lookup_elem(&metering, &only);
	u32 class_id = slot->class_id & (SPW_CLASSES_MAX - 1);

	if (!in_force || !cells || !current)
		return SPW_REASON_ADMITTED;
	current->active = spw_active_limits(in_force, class_id, level, new_work);
	if (!current->active)
		return SPW_REASON_ADMITTED;
	current->class_id = class_id;
	current->length = packet->length;
	current->now = spw_meter_ticks(bpf_jiffies64());
	return spw_limits_lookup(in_force, cells, packet->source_hi, packet->family, current);
}

/* Charge a packet that no rule refused, after spw_ask_limits(). */
SPW_INLINE void spw_charge_limits(void)
{
	const struct spw_limits *in_force = bpf_map_lookup_elem(&limits, &only);
	struct spw_meters *cells = bpf_map_lookup_elem(&meters, &only);
	const struct spw_metering *current = bpf_map_lookup_elem(&metering, &only);

	if (in_force && cells && current && current->active)
		spw_limits_charge(in_force, cells, current);
}

#endif
