/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame -> struct spw_packet (maps/trace.h). Pure and on both sides: the datapath runs it on every packet, the host
 * tests run it under AddressSanitizer on every truncation of every kind of frame.
 *
 * What is read is bounded three times: by the frame, by what the IP header says is its own (Ethernet padding is never
 * read as a transport header), and by counts: two VLAN tags, SPW_EXT_HEADERS_MAX extension headers. A tunnel (GRE,
 * IPIP, VXLAN, ESP) is judged by its outer source.
 */
#ifndef SPW_BPF_PARSE_H
#define SPW_BPF_PARSE_H

#include "maps/trace.h"
#include "mix.h"

enum spw_ethertype {
	SPW_ETH_IPV4 = 0x0800,
	SPW_ETH_ARP = 0x0806,
	SPW_ETH_VLAN = 0x8100,
	SPW_ETH_IPV6 = 0x86dd,
	SPW_ETH_QINQ = 0x88a8,
	SPW_ETH_LLDP = 0x88cc,
	SPW_ETH_QINQ_OLD = 0x9100,
};

enum spw_protocol {
	SPW_IP_HOP_BY_HOP = 0,
	SPW_IP_ICMP = 1,
	SPW_IP_TCP = 6,
	SPW_IP_UDP = 17,
	SPW_IP_ROUTING = 43,
	SPW_IP_FRAGMENT = 44,
	SPW_IP_AUTH = 51,
	SPW_IP_ICMP6 = 58,
	SPW_IP_DESTINATION = 60,
	SPW_IP_MOBILITY = 135,
	SPW_IP_HIP = 139,
	SPW_IP_SHIM6 = 140,
};

enum spw_header_bytes {
	SPW_ETH_BYTES = 14,
	SPW_VLAN_BYTES = 4,
	SPW_IPV4_BYTES = 20,
	SPW_IPV6_BYTES = 40,
	SPW_TCP_BYTES = 20,
	SPW_UDP_BYTES = 8,
	SPW_ICMP_BYTES = 8,
	SPW_PORTS_BYTES = 4,
};

/*
 * Between two steps: where the next header begins, from the start of the frame, and how many bytes from there on belong
 * to the IP packet by its own word; these may be more than the linear part holds where the frame is larger than a page.
 */
struct spw_cursor {
	u32 network; /* where the IP header begins */
	u32 offset;
	u32 payload;
	u32 hop_limit;
	u32 transport; /* 1: there is a transport header to be read, or extension headers before it */
};

/* No chain of headers that is followed is longer; the mask keeps the verifier sure of it. */
#define SPW_OFFSET_MASK 0x7fffu

/* Bytes stand in network order and at any alignment. */
SPW_INLINE u32 spw_load16(const u8 *at)
{
	return __builtin_bswap16(SPW_LOAD(u16, at));
}

SPW_INLINE u32 spw_load32(const u8 *at)
{
	return __builtin_bswap32(SPW_LOAD(u32, at));
}

SPW_INLINE u64 spw_load64(const u8 *at)
{
	return __builtin_bswap64(SPW_LOAD(u64, at));
}

/* The IP header contradicts itself or its transport header is cut off. */
SPW_INLINE void spw_malformed(struct spw_packet *packet)
{
	packet->found |= SPW_FOUND_MALFORMED;
}

/*
 * The transport header is longer than what is there. In a fragment that is how fragments are, not an error; and in a
 * frame of several pages the header may lie behind the first one, where nobody puts it but to hide it.
 */
SPW_INLINE void spw_cut_off(const struct spw_cursor *cursor, u32 bytes, struct spw_packet *packet)
{
	if (packet->found & SPW_FOUND_FRAGMENT)
		return;
	if (cursor->payload >= bytes)
		packet->found |= SPW_FOUND_EXT_LIMIT;
	else
		spw_malformed(packet);
}

SPW_INLINE void spw_parse_tcp(const u8 *tcp, const u8 *end, const struct spw_cursor *cursor, struct spw_packet *packet)
{
	u32 header_bytes;

	if (cursor->payload < SPW_TCP_BYTES || tcp + SPW_TCP_BYTES > end) {
		spw_cut_off(cursor, SPW_TCP_BYTES, packet);
		return;
	}
	packet->sport = spw_load16(tcp);
	packet->dport = spw_load16(tcp + 2);
	packet->found |= SPW_FOUND_PORTS;
	header_bytes = (tcp[12] >> 4) * 4;
	if (header_bytes < SPW_TCP_BYTES || (header_bytes > cursor->payload && !(packet->found & SPW_FOUND_FRAGMENT))) {
		spw_malformed(packet);
		return;
	}
	if ((tcp[13] & 0x12) == 0x02) /* SYN, no ACK */
		packet->found |= SPW_FOUND_SYN;
}

/* RFC 9000, 17.2: long header, fixed bit, type Initial; RFC 9369 moved the type for version 2. @bytes: of the datagram.
 */
SPW_INLINE void spw_parse_quic(const u8 *quic, const u8 *end, u32 bytes, struct spw_packet *packet)
{
	u32 version;

	if (bytes < 5 || quic + 5 > end)
		return;
	version = spw_load32(quic + 1);
	if (((quic[0] & 0xf0) == 0xc0 && version == 1) || ((quic[0] & 0xf0) == 0xd0 && version == 0x6b3343cf))
		packet->found |= SPW_FOUND_QUIC_INITIAL;
}

SPW_INLINE bool spw_is_dhcp(const struct spw_packet *packet)
{
	u32 sport = packet->sport, dport = packet->dport;

	if (packet->family == 4)
		return (dport == 67 && (sport == 67 || sport == 68)) || (dport == 68 && sport == 67);
	return (dport == 547 && (sport == 546 || sport == 547)) || (dport == 546 && sport == 547);
}

SPW_INLINE void spw_parse_udp(const u8 *udp, const u8 *end, const struct spw_cursor *cursor, struct spw_packet *packet)
{
	u32 length;

	if (cursor->payload < SPW_UDP_BYTES || udp + SPW_UDP_BYTES > end) {
		spw_cut_off(cursor, SPW_UDP_BYTES, packet);
		return;
	}
	packet->sport = spw_load16(udp);
	packet->dport = spw_load16(udp + 2);
	packet->found |= SPW_FOUND_PORTS;
	length = spw_load16(udp + 4);
	if (length < SPW_UDP_BYTES ? length || packet->family == 4
				   : length > cursor->payload && !(packet->found & SPW_FOUND_FRAGMENT)) {
		spw_malformed(packet);
		return;
	}
	if (spw_is_dhcp(packet))
		packet->found |= SPW_FOUND_DHCP;
	if (!length || length > cursor->payload)
		length = cursor->payload; /* a jumbogram, or a fragment of a datagram */
	spw_parse_quic(udp + SPW_UDP_BYTES, end, length - SPW_UDP_BYTES, packet);
}

/* Neighbour and router discovery cannot come through a router: its hop limit is 255 (RFC 4861, 6.1 and 7.1). */
SPW_INLINE void spw_parse_icmp(const u8 *icmp, const u8 *end, const struct spw_cursor *cursor,
			       struct spw_packet *packet)
{
	if (cursor->payload < SPW_ICMP_BYTES || icmp + SPW_ICMP_BYTES > end) {
		spw_cut_off(cursor, SPW_ICMP_BYTES, packet);
		return;
	}
	if (packet->protocol == SPW_IP_ICMP6 && icmp[0] >= 133 && icmp[0] <= 137 && cursor->hop_limit == 255 &&
	    !(packet->found & SPW_FOUND_FRAGMENT))
		packet->found |= SPW_FOUND_NEIGHBOUR;
}

/* The last step: the header behind the IP header and its extensions. */
SPW_INLINE void spw_parse_transport(const u8 *start, const u8 *end, const struct spw_cursor *cursor,
				    struct spw_packet *packet)
{
	const u8 *at = start + (cursor->offset & SPW_OFFSET_MASK);

	if (!cursor->transport)
		return;
	if (packet->protocol == SPW_IP_TCP)
		spw_parse_tcp(at, end, cursor, packet);
	else if (packet->protocol == SPW_IP_UDP)
		spw_parse_udp(at, end, cursor, packet);
	else if (packet->protocol == (packet->family == 4 ? SPW_IP_ICMP : SPW_IP_ICMP6))
		spw_parse_icmp(at, end, cursor, packet);
}

/**
 * spw_parse_flow() - what tells a SYN or a QUIC Initial from every other: both addresses and ports, and of a SYN its
 * initial sequence number, which stands behind the ports; nothing else has a flow. Read for new work alone, after the
 * rest, so that nothing else pays for it, and from the frame, so that nothing is kept at hand for it meanwhile.
 * @seed: random and secret, so that nobody can look for flows of one hash
 */
SPW_INLINE void spw_parse_flow(const u8 *start, const u8 *end, const struct spw_cursor *cursor, u64 seed,
			       struct spw_packet *packet)
{
	const u8 *ip = start + (cursor->network & SPW_OFFSET_MASK);
	const u8 *transport = start + (cursor->offset & SPW_OFFSET_MASK);
	u64 flow = seed ^ packet->source_hi, ports = 0;

	if (!(packet->found & (SPW_FOUND_SYN | SPW_FOUND_QUIC_INITIAL)))
		return;
	if (packet->found & SPW_FOUND_SYN && transport + SPW_TCP_BYTES <= end)
		ports = spw_load64(transport);
	else if (transport + SPW_PORTS_BYTES <= end)
		ports = (u64)spw_load32(transport) << 32;
	if (packet->family == 4 && ip + SPW_IPV4_BYTES <= end) {
		flow = spw_mix_in(flow, spw_load32(ip + 16));
	} else if (packet->family == 6 && ip + SPW_IPV6_BYTES <= end) {
		flow = spw_mix_in(flow, spw_load64(ip + 16));
		flow = spw_mix_in(flow, spw_load64(ip + 24) ^ spw_load64(ip + 32));
	}
	packet->flow = spw_mix(flow ^ ports) | 1;
}

SPW_INLINE bool spw_is_extension(const struct spw_packet *packet)
{
	u32 protocol = packet->protocol;

	return packet->family == 6 &&
	       (protocol == SPW_IP_HOP_BY_HOP || protocol == SPW_IP_ROUTING || protocol == SPW_IP_FRAGMENT ||
		protocol == SPW_IP_AUTH || protocol == SPW_IP_DESTINATION || protocol == SPW_IP_MOBILITY ||
		protocol == SPW_IP_HIP || protocol == SPW_IP_SHIM6);
}

/*
 * Step over one extension header. False: there is no transport header to be had, and packet->found says why unless it
 * is a later fragment.
 */
SPW_INLINE bool spw_parse_extension(const u8 *start, const u8 *end, struct spw_cursor *cursor,
				    struct spw_packet *packet)
{
	const u8 *header = start + (cursor->offset & SPW_OFFSET_MASK);
	u32 bytes, protocol = packet->protocol;
	bool later_fragment = false;

	if (cursor->payload < 8 || header + 8 > end) {
		spw_cut_off(cursor, 8, packet);
		return false;
	}
	bytes = (header[1] + 1) * 8;
	if (protocol == SPW_IP_AUTH)
		bytes = (header[1] + 2) * 4;
	if (protocol == SPW_IP_FRAGMENT) {
		packet->found |= SPW_FOUND_FRAGMENT;
		bytes = 8;
		later_fragment = spw_load16(header + 2) & 0xfff8;
	}
	if (bytes > cursor->payload) {
		spw_cut_off(cursor, bytes, packet);
		return false;
	}
	packet->protocol = header[0];
	cursor->offset += bytes;
	cursor->payload -= bytes;
	return !later_fragment;
}

/* The middle step, for IPv6 packets that have any: follow the extension headers. */
SPW_INLINE void spw_parse_extensions(const u8 *start, const u8 *end, struct spw_cursor *cursor,
				     struct spw_packet *packet)
{
	for (u32 i = 0; i < SPW_EXT_HEADERS_MAX && spw_is_extension(packet); i++) {
		if (!spw_parse_extension(start, end, cursor, packet)) {
			cursor->transport = 0;
			return;
		}
	}
	if (spw_is_extension(packet)) {
		packet->found |= SPW_FOUND_EXT_LIMIT;
		cursor->transport = 0;
	}
}

/* @total: bytes of the whole frame from the IP header on. */
SPW_INLINE void spw_parse_ipv4(const u8 *ip, const u8 *end, u32 total, struct spw_cursor *cursor,
			       struct spw_packet *packet)
{
	u32 header_bytes, length, fragment;

	if (ip + SPW_IPV4_BYTES > end || ip[0] >> 4 != 4) {
		spw_malformed(packet);
		return;
	}
	header_bytes = (ip[0] & 15) * 4;
	length = spw_load16(ip + 2);
	packet->family = 4;
	packet->found |= SPW_FOUND_IP;
	packet->source_hi = (u64)spw_load32(ip + 12) << 32;
	packet->protocol = ip[9];
	fragment = spw_load16(ip + 6) & 0x3fff; /* more fragments, and the offset */
	if (fragment)
		packet->found |= SPW_FOUND_FRAGMENT;
	if (header_bytes < SPW_IPV4_BYTES || length < header_bytes || length > total) {
		spw_malformed(packet);
		return;
	}
	cursor->offset += header_bytes;
	cursor->payload = length - header_bytes;
	cursor->transport = !(fragment & 0x1fff);
}

SPW_INLINE void spw_parse_ipv6(const u8 *ip, const u8 *end, u32 total, struct spw_cursor *cursor,
			       struct spw_packet *packet)
{
	if (ip + SPW_IPV6_BYTES > end || ip[0] >> 4 != 6) {
		spw_malformed(packet);
		return;
	}
	packet->family = 6;
	packet->found |= SPW_FOUND_IP;
	packet->source_hi = spw_load64(ip + 8);
	packet->source_lo = spw_load64(ip + 16);
	packet->protocol = ip[6];
	total -= SPW_IPV6_BYTES;
	cursor->payload = spw_load16(ip + 4);
	if (cursor->payload > total) {
		spw_malformed(packet);
		return;
	}
	if (!cursor->payload && packet->protocol == SPW_IP_HOP_BY_HOP)
		cursor->payload = total; /* a jumbogram (RFC 2675) */
	cursor->offset += SPW_IPV6_BYTES;
	cursor->hop_limit = ip[7];
	cursor->transport = 1;
}

/**
 * spw_parse_network() - the first step: Ethernet, VLAN tags, IP header.
 * @start, @end: the linear part of the frame
 * @length: bytes of the whole frame; at least @end - @start
 * @cursor: filled in
 * @packet: all zero; what is found is filled in
 */
SPW_INLINE void spw_parse_network(const u8 *start, const u8 *end, u32 length, struct spw_cursor *cursor,
				  struct spw_packet *packet)
{
	u32 ethertype, offset = SPW_ETH_BYTES;

	*cursor = (struct spw_cursor){0};
	packet->length = length;
	if (start + SPW_ETH_BYTES > end) {
		spw_malformed(packet);
		return;
	}
	ethertype = spw_load16(start + 12);
	for (u32 i = 0; i <= SPW_VLANS_MAX; i++) {
		if (ethertype != SPW_ETH_VLAN && ethertype != SPW_ETH_QINQ && ethertype != SPW_ETH_QINQ_OLD)
			break;
		if (i == SPW_VLANS_MAX) {
			packet->found |= SPW_FOUND_VLAN_LIMIT;
			return;
		}
		if (start + offset + SPW_VLAN_BYTES > end) {
			spw_malformed(packet);
			return;
		}
		packet->vlan[i] = spw_load16(start + offset) & 0x0fff;
		packet->vlans = i + 1;
		ethertype = spw_load16(start + offset + 2);
		offset += SPW_VLAN_BYTES;
	}
	cursor->network = cursor->offset = offset;
	if (ethertype == SPW_ETH_IPV4)
		spw_parse_ipv4(start + offset, end, length - offset, cursor, packet);
	else if (ethertype == SPW_ETH_IPV6)
		spw_parse_ipv6(start + offset, end, length - offset, cursor, packet);
	else if (ethertype == SPW_ETH_ARP)
		packet->found |= SPW_FOUND_ARP;
	else if (ethertype == SPW_ETH_LLDP)
		packet->found |= SPW_FOUND_LLDP;
}

/** spw_parse() - all three steps; arguments as above. The datapath calls them one by one, for the verifier's sake. */
SPW_INLINE void spw_parse(const u8 *start, const u8 *end, u32 length, struct spw_cursor *cursor,
			  struct spw_packet *packet)
{
	spw_parse_network(start, end, length, cursor, packet);
	if (cursor->transport && spw_is_extension(packet))
		spw_parse_extensions(start, end, cursor, packet);
	spw_parse_transport(start, end, cursor, packet);
}

/*
 * THE USUAL FRAME: TCP or UDP in IP without options, extensions, fragments or tags, and nothing odd about it. These
 * find what the three steps find, so the verdict is the same; but behind them compiler and verifier know that all the
 * rest cannot be. False: nothing is said of the frame, and nothing was written.
 */
SPW_INLINE bool spw_parse_usual_tcp(const u8 *tcp, u32 payload, struct spw_packet *packet)
{
	u32 header_bytes = (tcp[12] >> 4) * 4;

	if (payload < SPW_TCP_BYTES || header_bytes < SPW_TCP_BYTES || header_bytes > payload)
		return false;
	packet->protocol = SPW_IP_TCP;
	packet->found = SPW_FOUND_IP | SPW_FOUND_PORTS | ((tcp[13] & 0x12) == 0x02 ? SPW_FOUND_SYN : 0);
	return true;
}

SPW_INLINE bool spw_parse_usual_udp(const u8 *udp, const u8 *end, u32 payload, struct spw_packet *packet)
{
	u32 length = spw_load16(udp + 4);

	if (length < SPW_UDP_BYTES || length > payload)
		return false;
	packet->protocol = SPW_IP_UDP;
	packet->found = SPW_FOUND_IP | SPW_FOUND_PORTS;
	spw_parse_quic(udp + SPW_UDP_BYTES, end, length - SPW_UDP_BYTES, packet);
	return true;
}

/* Both ends of DHCP and DHCPv6. */
SPW_INLINE bool spw_is_dhcp_port(u32 port)
{
	return port == 67 || port == 68 || port == 546 || port == 547;
}

/* Behind the IP header; at least the bytes of a TCP header are there. DHCP is none of what is usual. */
SPW_INLINE bool spw_parse_usual_transport(const u8 *at, const u8 *end, u32 protocol, u32 payload,
					  struct spw_packet *packet)
{
	u32 ports = spw_load32(at);

	if (protocol == SPW_IP_TCP) {
		if (!spw_parse_usual_tcp(at, payload, packet))
			return false;
	} else if (protocol != SPW_IP_UDP || spw_is_dhcp_port(ports >> 16) ||
		   !spw_parse_usual_udp(at, end, payload, packet)) {
		return false;
	}
	packet->sport = ports >> 16;
	packet->dport = ports & 0xffff;
	return true;
}

/** spw_parse_usual4(), spw_parse_usual6() - of IPv4, of IPv6; arguments as for spw_parse_network(). */
SPW_INLINE bool spw_parse_usual4(const u8 *start, const u8 *end, u32 length, struct spw_cursor *cursor,
				 struct spw_packet *packet)
{
	const u8 *ip = start + SPW_ETH_BYTES, *transport = ip + SPW_IPV4_BYTES;
	u32 total;

	/* Ethertype, version and header length in one comparison. */
	if (transport + SPW_TCP_BYTES > end || spw_load32(start + 12) >> 8 != (SPW_ETH_IPV4 << 8 | 0x45))
		return false;
	total = spw_load16(ip + 2);
	if (spw_load16(ip + 6) & 0x3fff || total > length - SPW_ETH_BYTES || total < SPW_IPV4_BYTES ||
	    !spw_parse_usual_transport(transport, end, ip[9], total - SPW_IPV4_BYTES, packet))
		return false;
	packet->family = 4;
	packet->length = length;
	packet->source_hi = (u64)spw_load32(ip + 12) << 32;
	*cursor = (struct spw_cursor){.network = SPW_ETH_BYTES,
				      .offset = SPW_ETH_BYTES + SPW_IPV4_BYTES,
				      .payload = total - SPW_IPV4_BYTES,
				      .transport = 1};
	return true;
}

SPW_INLINE bool spw_parse_usual6(const u8 *start, const u8 *end, u32 length, struct spw_cursor *cursor,
				 struct spw_packet *packet)
{
	const u8 *ip = start + SPW_ETH_BYTES, *transport = ip + SPW_IPV6_BYTES;
	u32 payload;

	if (transport + SPW_TCP_BYTES > end || spw_load32(start + 12) >> 12 != (SPW_ETH_IPV6 << 4 | 6))
		return false;
	payload = spw_load16(ip + 4);
	if (payload > length - SPW_ETH_BYTES - SPW_IPV6_BYTES ||
	    !spw_parse_usual_transport(transport, end, ip[6], payload, packet))
		return false;
	packet->family = 6;
	packet->length = length;
	packet->source_hi = spw_load64(ip + 8);
	packet->source_lo = spw_load64(ip + 16);
	*cursor = (struct spw_cursor){.network = SPW_ETH_BYTES,
				      .offset = SPW_ETH_BYTES + SPW_IPV6_BYTES,
				      .payload = payload,
				      .hop_limit = ip[7],
				      .transport = 1};
	return true;
}

#endif
