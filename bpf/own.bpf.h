/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks packets that are not for this host (own.h). The fast path tests the two usual cells, inlined; whatever misses
 * them goes to a global function, which reads the frame again: no stack of the pipeline, and verified once.
 */
#ifndef SPW_BPF_OWN_BPF_H
#define SPW_BPF_OWN_BPF_H

#include "own.h"
#include "parse.h"

/* Written by the agent alone (maps/own.h). */
struct spw_own spw_own;

SPW_INLINE const struct spw_own_part *own_part(u32 active)
{
	return &spw_own.parts[(active - 1) & 1];
}

/* A frame to a station that is not the host's. */
SPW_INLINE u32 station_of_others(u32 interface)
{
	for (u32 i = 0; i < SPW_OWN_PORTS_MAX; i++)
		if (spw_own.bridge_ports[i] == interface)
			return SPW_FOUND_BRIDGED;
	return SPW_FOUND_OVERHEARD;
}

SPW_INLINE bool is_own(const struct spw_own_part *part, const u8 *ip, const u8 *end)
{
	u64 hi, lo;

	if (ip + SPW_IPV4_BYTES > end)
		return true;
	if (ip[0] >> 4 == 4) {
		hi = (u64)spw_load32(ip + 16) << 32;
		return spw_own_whole4(part, hi) || spw_own_always(4, hi) || spw_own_prefix(part, 4, hi, 0);
	}
	if (ip + SPW_IPV6_BYTES > end)
		return true;
	hi = spw_load64(ip + 24);
	lo = spw_load64(ip + 32);
	return spw_own_whole6(part, hi, lo) || spw_own_always(6, hi) || spw_own_prefix(part, 6, hi, lo);
}

/* For whom is a frame with an IP header at @network? Returns 0: for this host; or enum spw_found. */
__attribute__((noinline)) int find_owner(struct xdp_md *ctx, u32 network)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 active = spw_own.active;
	const struct spw_own_part *part = own_part(active);

	if (!active || start + SPW_ETH_BYTES > end)
		return 0;
	if (!spw_own_station(part, spw_load64(start) >> 16))
		return station_of_others(ctx->ingress_ifindex);
	return is_own(part, start + (network & SPW_OFFSET_MASK), end) ? 0 : SPW_FOUND_FORWARDED;
}

/* The same for a frame of the fast path. */
SPW_INLINE u32 find_owner_usual(struct xdp_md *ctx, const u8 *start, u32 family)
{
	const u8 *ip = start + SPW_ETH_BYTES;
	u32 active = spw_own.active;
	const struct spw_own_part *part = own_part(active);

	if (!active)
		return 0;
	if (spw_own_station(part, spw_load64(start) >> 16) &&
	    (family == 4 ? spw_own_whole4(part, (u64)spw_load32(ip + 16) << 32)
			 : spw_own_whole6(part, spw_load64(ip + 24), spw_load64(ip + 32))))
		return 0;
	return (u32)find_owner(ctx, SPW_ETH_BYTES);
}

#endif
