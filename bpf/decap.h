/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels of balancers (maps/decap.h): where the inner IP header is. Pure.
 *
 * From a balancer of the configuration, and for this host, a packet is judged by its inner IP header: source, ports, new
 * work, and whether it is for this host. One level: a tunnel inside a tunnel is judged by the first inner source.
 * Everything else is judged by its outer source: tunnels of others, fragments, control messages, headers that are
 * inconsistent, and inner headers beyond SPW_INNER_MAX.
 */
#ifndef SPW_BPF_DECAP_H
#define SPW_BPF_DECAP_H

#include "maps/decap.h"
#include "parse.h"

enum spw_decap_numbers {
	SPW_IP_IPIP = 4,
	SPW_IP_IPV6 = 41,
	SPW_PORT_VXLAN = 4789,
	SPW_PORT_GUE = 6080,
	SPW_PORT_GENEVE = 6081,
	SPW_ETH_BRIDGED = 0x6558, /* an Ethernet frame in Geneve */
};

#define SPW_INNER_MAX  255u /* offset of the inner IP header in the frame: spw_packet.network */
#define SPW_INNER_NONE (~0u)

/** spw_tunnel_kind() - the kind of tunnel that a packet may be, by protocol and port: enum spw_tunnel; 0: none. */
SPW_INLINE u32 spw_tunnel_kind(const struct spw_packet *packet)
{
	if ((packet->found & (SPW_FOUND_IP | SPW_FOUND_MALFORMED | SPW_FOUND_FRAGMENT | SPW_FOUND_OTHERS)) !=
	    SPW_FOUND_IP)
		return 0;
	if (packet->protocol == SPW_IP_IPIP || packet->protocol == SPW_IP_IPV6)
		return SPW_TUNNEL_IPIP;
	if (packet->protocol != SPW_IP_UDP || !(packet->found & SPW_FOUND_PORTS))
		return 0;
	if (packet->dport == SPW_PORT_GUE)
		return SPW_TUNNEL_GUE;
	if (packet->dport == SPW_PORT_GENEVE)
		return SPW_TUNNEL_GENEVE;
	return packet->dport == SPW_PORT_VXLAN ? SPW_TUNNEL_VXLAN : 0;
}

/** spw_is_balancer() - whether the packet's source may send tunnels of @kind. */
SPW_INLINE bool spw_is_balancer(const struct spw_balancers *balancers, const struct spw_packet *packet, u32 kind)
{
	for (u32 i = 0; i < SPW_BALANCERS_MAX; i++) {
		const struct spw_balancer *balancer = &balancers->all[i];

		if (!balancer->family)
			break;
		if (balancer->family == packet->family && balancer->tunnels & kind &&
		    (packet->source_hi & balancer->mask_hi) == balancer->hi &&
		    (packet->source_lo & balancer->mask_lo) == balancer->lo)
			return true;
	}
	return false;
}

/* GUE (draft-ietf-intarea-gue): version 0 with a data message, or version 1, where IP follows at once. @gue: readable */
SPW_INLINE u32 spw_gue_bytes(const u8 *gue)
{
	u32 first = gue[0];

	if (first >> 6 == 1)
		return 0;
	if (first & 0xe0 || (gue[1] != SPW_IP_IPIP && gue[1] != SPW_IP_IPV6))
		return SPW_INNER_NONE;
	return 4 + (first & 31) * 4;
}

/* Geneve (RFC 8926): options, then IP or an Ethernet frame. @header: 8 bytes are readable */
SPW_INLINE u32 spw_geneve_bytes(const u8 *header, bool *frame)
{
	u32 type = spw_load16(header + 2);

	*frame = type == SPW_ETH_BRIDGED;
	if (header[0] >> 6 || header[1] & 0x80 || (!*frame && type != SPW_ETH_IPV4 && type != SPW_ETH_IPV6))
		return SPW_INNER_NONE;
	return 8 + (header[0] & 63) * 4;
}

/* From the UDP header on to the end of that of the tunnel. @frame: an Ethernet frame follows, not IP */
SPW_INLINE u32 spw_tunnel_bytes(const u8 *udp, u32 kind, bool *frame)
{
	const u8 *header = udp + SPW_UDP_BYTES;
	u32 bytes;

	*frame = kind == SPW_TUNNEL_VXLAN;
	if (kind == SPW_TUNNEL_VXLAN)
		bytes = header[0] & 8 ? 8 : SPW_INNER_NONE; /* RFC 7348 */
	else if (kind == SPW_TUNNEL_GENEVE)
		bytes = spw_geneve_bytes(header, frame);
	else
		bytes = spw_gue_bytes(header);
	return bytes == SPW_INNER_NONE ? bytes : SPW_UDP_BYTES + bytes;
}

/**
 * spw_inner_bytes() - bytes from the outer transport header @at to the inner IP header.
 * @bytes: from @at on, by the outer IP header
 * @kind: spw_tunnel_kind()
 * Returns SPW_INNER_NONE if there is no IP packet inside.
 */
SPW_INLINE u32 spw_inner_bytes(const u8 *at, const u8 *end, u32 bytes, u32 kind)
{
	bool frame = false;
	u32 skip = 0;

	if (kind != SPW_TUNNEL_IPIP) {
		if (bytes < SPW_UDP_BYTES + 8 || at + SPW_UDP_BYTES + 8 > end)
			return SPW_INNER_NONE;
		skip = spw_tunnel_bytes(at, kind, &frame);
		if (skip > SPW_INNER_MAX)
			return SPW_INNER_NONE;
	}
	SPW_OPAQUE(skip);
	at += skip & 0x1ff;
	if (frame) {
		if (at + SPW_ETH_BYTES > end ||
		    (spw_load16(at + 12) != SPW_ETH_IPV4 && spw_load16(at + 12) != SPW_ETH_IPV6)) /* no tags */
			return SPW_INNER_NONE;
		at += SPW_ETH_BYTES;
		skip += SPW_ETH_BYTES;
	}
	if (bytes < skip + SPW_IPV4_BYTES || at + SPW_IPV4_BYTES > end || (at[0] >> 4 != 4 && at[0] >> 4 != 6))
		return SPW_INNER_NONE;
	return skip;
}

/**
 * spw_parse_inner() - replace what the outer headers say by what the inner IP header says. The caller goes on with
 * extension headers and transport header.
 * @bytes: from the inner IP header on
 * @cursor: at the inner IP header
 * @packet: of the outer headers; keeps length and tags
 */
SPW_INLINE void spw_parse_inner(const u8 *start, const u8 *end, u32 bytes, struct spw_cursor *cursor,
				struct spw_packet *packet)
{
	const u8 *ip = start + (cursor->network & SPW_OFFSET_MASK);

	packet->source_hi = packet->source_lo = packet->flow = 0;
	packet->sport = packet->dport = 0;
	packet->found = 0;
	packet->family = packet->protocol = 0;
	packet->network = (u8)cursor->network;
	if (ip + 1 <= end && ip[0] >> 4 == 6)
		spw_parse_ipv6(ip, end, bytes, cursor, packet);
	else
		spw_parse_ipv4(ip, end, bytes, cursor, packet);
}

/* What only the link's own neighbours may send is not believed from inside a tunnel. */
#define SPW_FOUND_LINK_ONLY (SPW_FOUND_NEIGHBOUR | SPW_FOUND_DHCP | SPW_FOUND_MULTICAST)

#endif
