/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rate bound of rule 1's exemptions that anybody on the Internet could imitate: DHCP, IGMP, MLD and path MTU errors.
 * Per CPU, far above what any link needs; packets above it are judged like any other.
 */
#ifndef SPW_BPF_EXEMPT_BPF_H
#define SPW_BPF_EXEMPT_BPF_H

#include "account.bpf.h"
#include "maps/maps.bpf.h"
#include "meter.h"

#define SPW_FOUND_BOUNDED (SPW_FOUND_DHCP | SPW_FOUND_MULTICAST | SPW_FOUND_PATH_MTU)

#define SPW_EXEMPT_INTERVAL_NS (1000000000ull / SPW_EXEMPT_PER_S)

/* Global function: the verifier checks it once. */
__attribute__((noinline)) int bound_exemption(struct spw_packet *packet)
{
	u64 *arrival_ns = bpf_map_lookup_elem(&exempt, &only), now;

	if (!packet || !arrival_ns || !(packet->found & SPW_FOUND_BOUNDED))
		return 0;
	now = bpf_ktime_get_ns();
	if (spw_meter_backlog(*arrival_ns, now) > SPW_EXEMPT_BURST * SPW_EXEMPT_INTERVAL_NS) {
		packet->found &= ~SPW_FOUND_BOUNDED;
		spw_account_anomaly(SPW_ANOMALY_EXEMPT_LIMIT);
		return 0;
	}
	*arrival_ns = spw_meter_next(*arrival_ns, now, SPW_EXEMPT_INTERVAL_NS);
	return 0;
}

#endif
