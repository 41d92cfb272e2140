/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The datapath's part of the light listener (light.h): SYNs that rules 9 and 10 refused, of classes with `refuse: light`.
 * Where no class has it, a SYN to a service pays one load and a branch; other packets nothing.
 */
#ifndef SPW_BPF_LIGHT_BPF_H
#define SPW_BPF_LIGHT_BPF_H

#include "light.h"
#include "maps/maps.bpf.h"
#include "meter.h"
#include "own.h"
#include "parse.h"

/* Written by the agent alone. */
struct spw_light_rules spw_light;

#define SPW_LIGHT_CLASS_SHIFT 8		 /* in the argument of settle_light() */
#define SPW_LIGHT_ADMITTED    (1u << 16) /* the same: the SYN passes, so the flow is no longer the light listener's */

/*
 * The flow of a TCP segment without extension headers. @network: offset of the IP header. Returns enum spw_light_ready, of
 * its family; 0: another frame.
 */
SPW_INLINE u32 read_light_flow(struct xdp_md *ctx, u32 network, struct spw_light_flow *flow)
{
	const u8 *ip = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *tcp;
	u32 family = SPW_LIGHT_IPV6;

	ip += network & SPW_OFFSET_MASK;
	if (ip + SPW_IPV4_BYTES > end)
		return 0;
	if (ip[0] >> 4 == 4) {
		family = SPW_LIGHT_IPV4;
		flow->remote_hi = (u64)spw_load32(ip + 12) << 32;
		flow->local_hi = (u64)spw_load32(ip + 16) << 32;
		flow->remote_lo = flow->local_lo = 0;
		tcp = ip + (ip[0] & 15) * 4;
	} else {
		if (ip + SPW_IPV6_BYTES > end || ip[6] != SPW_IP_TCP)
			return 0;
		flow->remote_hi = spw_load64(ip + 8);
		flow->remote_lo = spw_load64(ip + 16);
		flow->local_hi = spw_load64(ip + 24);
		flow->local_lo = spw_load64(ip + 32);
		tcp = ip + SPW_IPV6_BYTES;
	}
	if (tcp + 4 > end)
		return 0;
	flow->ports = spw_load32(tcp);
	return family;
}

SPW_INLINE void count_light(u32 service, u32 class_id, bool answered)
{
	u32 index = spw_work_index(service, class_id);
	struct spw_light_counter *counter = bpf_map_lookup_elem(&light_counters, &index);

	if (!counter)
		return;
	if (answered)
		counter->answered++;
	else
		counter->over++;
}

/* Within the budget of light answers? Charges it. */
SPW_INLINE bool admit_light(struct spw_light *table, u32 service, u64 now)
{
	const struct spw_light_service *rule = &spw_light.services[service];
	u64 arrival;

	return spw_meter_admit(&table->cells[service].arrival_ticks, spw_meter_ticks(now), rule->interval_ticks,
			       rule->tolerance_ticks, &arrival);
}

/*
 * A SYN of a class with `refuse: light`; 1: it was refused, and the light listener answers it. Global function: verified
 * once, and with a stack of its own. @word: service, class, SPW_LIGHT_ADMITTED
 */
__attribute__((noinline)) int settle_light(struct xdp_md *ctx, u32 network, u32 word)
{
	u32 service = word & 0xff, class_id = word >> SPW_LIGHT_CLASS_SHIFT & (SPW_CLASSES_MAX - 1), family;
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	struct spw_light *table = bpf_map_lookup_elem(&light, &only);
	struct spw_light_flow flow;
	u64 hash, now;
	bool answered;

	if (!state || !table || service >= SPW_SERVICE_IDENTITIES || !spw_light.services[service].interval_ticks)
		return 0;
	family = read_light_flow(ctx, network, &flow);
	if (!family)
		return 0;
	hash = spw_light_hash(&flow, state->seed);
	now = bpf_jiffies64();
	if (word & SPW_LIGHT_ADMITTED) {
		spw_light_unmark(table->sets[spw_light_set(hash)], hash, now);
		return 0;
	}
	if (!(spw_light.services[service].ready & family))
		return 0;
	answered = admit_light(table, service, now) &&
		   spw_light_mark(table->sets[spw_light_set(hash)], hash, now, service);
	count_light(service, class_id, answered);
	return answered;
}

#endif
