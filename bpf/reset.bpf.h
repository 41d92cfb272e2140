/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `refuse: reset`: a SYN that rules 9 and 10 refuse is answered with a RST, so that the client fails at once. The frame is
 * turned around in place and sent back where it came from: VLAN tags are kept, IP options and TCP options are not, so it
 * never grows. Up to a rate per CPU: a spoofed flood is answered no further than that. Nobody else is answered.
 */
#ifndef SPW_BPF_RESET_BPF_H
#define SPW_BPF_RESET_BPF_H

#include <bpf/bpf_endian.h>

#include "maps/maps.bpf.h"
#include "light.bpf.h"
#include "meter.h"
#include "parse.h"
#include "verdict.h"

#define SPW_RESETS_PER_S      1000 /* and CPU */
#define SPW_RESETS_BURST      100
#define SPW_RESET_NS	      (1000000000ull / SPW_RESETS_PER_S)
#define SPW_RESET_HOP_LIMIT   64
#define SPW_RESET_NETWORK_MAX 22 /* Ethernet and two tags */

/* In place of an action. @network: offset of the IP header */
#define SPW_RESET_ACTION(network, class_id) (int)((network) << 8 | (u32)(class_id) << 16 | 255)

SPW_INLINE void store16(u8 *at, u32 value)
{
	*(u16 *)at = bpf_htons((u16)value);
}

SPW_INLINE void store32(u8 *at, u32 value)
{
	*(u32 *)at = bpf_htonl(value);
}

SPW_INLINE void swap32(u8 *one, u8 *other)
{
	u32 kept = *(u32 *)one;

	*(u32 *)one = *(u32 *)other;
	*(u32 *)other = kept;
}

/* The one's complement sum of @bytes (a multiple of 4) in the packet, added to @sum, in network order. */
SPW_INLINE u32 add_up(const u8 *at, u32 bytes, u32 sum)
{
	return (u32)bpf_csum_diff(NULL, 0, (void *)at, bytes, sum);
}

SPW_INLINE u16 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* The RST, with the ports of the SYN at @syn turned around: it acknowledges the SYN. @sum: of the pseudo header */
SPW_INLINE void write_tcp(u8 *tcp, u32 ports, u32 sequence, u32 sum)
{
	store32(tcp, ports << 16 | ports >> 16);
	store32(tcp + 4, 0);
	store32(tcp + 8, sequence + 1);
	store32(tcp + 12, 0x50140000); /* 20 bytes, RST and ACK, no window */
	store32(tcp + 16, 0);
	*(u16 *)(tcp + 16) = fold(add_up(tcp, SPW_TCP_BYTES, sum));
}

/* IPv4: returns the bytes from the IP header on; 0: another frame. */
SPW_INLINE u32 turn_ipv4(u8 *ip, u8 *end)
{
	u8 *tcp = ip + (ip[0] & 15) * 4;
	u32 ports, sequence;

	if (tcp + SPW_TCP_BYTES > end || ip + SPW_IPV4_BYTES + SPW_TCP_BYTES > end)
		return 0;
	ports = spw_load32(tcp);
	sequence = spw_load32(tcp + 4);
	swap32(ip + 12, ip + 16);
	store32(ip, 0x45000000 | (SPW_IPV4_BYTES + SPW_TCP_BYTES));
	store32(ip + 4, 0x4000); /* do not fragment */
	store32(ip + 8, SPW_RESET_HOP_LIMIT << 24 | SPW_IP_TCP << 16);
	*(u16 *)(ip + 10) = fold(add_up(ip, SPW_IPV4_BYTES, 0));
	write_tcp(ip + SPW_IPV4_BYTES, ports, sequence,
		  add_up(ip + 12, 8, bpf_htonl(SPW_IP_TCP << 16 | SPW_TCP_BYTES)));
	return SPW_IPV4_BYTES + SPW_TCP_BYTES;
}

SPW_INLINE u32 turn_ipv6(u8 *ip, u8 *end)
{
	u8 *tcp = ip + SPW_IPV6_BYTES;

	if (tcp + SPW_TCP_BYTES > end)
		return 0;
	for (u32 i = 8; i < 24; i += 4)
		swap32(ip + i, ip + i + 16);
	store32(ip, 0x60000000);
	store32(ip + 4, SPW_TCP_BYTES << 16 | SPW_IP_TCP << 8 | SPW_RESET_HOP_LIMIT);
	write_tcp(tcp, spw_load32(tcp), spw_load32(tcp + 4),
		  add_up(ip + 8, 32, bpf_htonl(SPW_IP_TCP << 16 | SPW_TCP_BYTES)));
	return SPW_IPV6_BYTES + SPW_TCP_BYTES;
}

/* To the station that sent it. */
SPW_INLINE void turn_ethernet(u8 *start)
{
	u32 high = *(u32 *)start, low = *(u16 *)(start + 4);

	*(u32 *)start = *(u32 *)(start + 6);
	*(u16 *)(start + 4) = *(u16 *)(start + 10);
	*(u32 *)(start + 6) = high;
	*(u16 *)(start + 10) = (u16)low;
}

/* Within the rate of this CPU? Counted by class, under service 0. */
SPW_INLINE bool bound_reset(u32 class_id)
{
	u32 index = spw_work_index(0, class_id & (SPW_CLASSES_MAX - 1));
	u64 *arrival_ns = bpf_map_lookup_elem(&resets, &only), now = bpf_ktime_get_ns();
	struct spw_light_counter *counter = bpf_map_lookup_elem(&light_counters, &index);

	if (!arrival_ns || !counter)
		return false;
	if (spw_meter_backlog(*arrival_ns, now) > SPW_RESETS_BURST * SPW_RESET_NS) {
		counter->unreset++;
		return false;
	}
	*arrival_ns = spw_meter_next(*arrival_ns, now, SPW_RESET_NS);
	counter->reset++;
	return true;
}

/* A SYN without extension headers, to this station alone, in one piece. */
SPW_INLINE bool can_turn(const u8 *start, u32 length, const u8 *ip, const u8 *end)
{
	if (start + SPW_ETH_BYTES > end || ip + SPW_IPV4_BYTES > end || start[0] & 1 ||
	    start + (length & 0xffff) != end)
		return false;
	return ip[0] >> 4 == 4 || (ip + SPW_IPV6_BYTES <= end && ip[6] == SPW_IP_TCP);
}

/*
 * Turn the SYN at hand around. Returns an action: on whatever is in the way, the frame is dropped. A global function:
 * verified once. @action: SPW_RESET_ACTION()
 */
__attribute__((noinline)) int send_reset(struct xdp_md *ctx, u32 action)
{
	u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *ip;
	u32 length = (u32)bpf_xdp_get_buff_len(ctx), network = action >> 8 & 255, bytes;

	if (network < SPW_ETH_BYTES || network > SPW_RESET_NETWORK_MAX) /* or in a tunnel */
		return XDP_DROP;
	ip = start + network;
	if (!can_turn(start, length, ip, end) || !bound_reset(action >> 16))
		return XDP_DROP;
	bytes = ip[0] >> 4 == 4 ? turn_ipv4(ip, end) : turn_ipv6(ip, end);
	if (!bytes)
		return XDP_DROP;
	turn_ethernet(start);
	return bpf_xdp_adjust_tail(ctx, (int)(network + bytes - length)) ? XDP_DROP : XDP_TX;
}

/* A SYN of a class with `refuse: reset`. */
SPW_INLINE void offer_reset(const struct spw_packet *packet, struct spw_judgement *judgement)
{
	if (judgement->verdict == SPW_DROP && judgement->open & SPW_REFUSED && packet->found & SPW_FOUND_SYN)
		judgement->open |= SPW_RESET;
}

#endif
