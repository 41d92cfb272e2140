/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame -> struct spw_packet (maps/packet.h). Pure: the datapath runs it on every packet, the unit tests run it under
 * AddressSanitizer on every truncation of every kind of frame.
 *
 * Reads are bounded by the frame, by the lengths in the IP header (Ethernet padding is never taken for a transport
 * header), and by counts: two VLAN tags, SPW_EXT_HEADERS_MAX extension headers. Tunnels are judged by
 * their outer source, but for those of balancers (decap.h).
 */
#ifndef SPW_BPF_PARSE_H
#define SPW_BPF_PARSE_H

#include "maps/local.h"
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
	SPW_IP_IGMP = 2,
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
	SPW_IGMP_BYTES = 8,
	SPW_BOOTP_BYTES = 240, /* with the magic cookie of DHCP */
	SPW_PORTS_BYTES = 4,
};

/* State between the steps of parsing. Offsets are from the start of the frame. */
struct spw_cursor {
	u32 network; /* offset of the IP header */
	u32 offset;  /* of the next header */
	u32 payload; /* bytes from there on, by the IP header; may exceed the linear part of the frame */
	u32 hop_limit;
	u32 transport; /* 1: a transport header follows, or extension headers before it */
};

/* Longer than any chain of headers; bounds offsets for the verifier. */
#define SPW_OFFSET_MASK 0x7fffu

/* Network order, any alignment. */
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

/* The IP header is inconsistent or the transport header is cut off. */
SPW_INLINE void spw_malformed(struct spw_packet *packet)
{
	packet->found |= SPW_FOUND_MALFORMED;
}

/*
 * The transport header does not fit. Normal in a fragment. In a multi-buffer frame it may lie behind the first buffer,
 * which only an attacker would send.
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

/* RFC 9000, 17.2: long header, fixed bit, type Initial; RFC 9369 moved the type for version 2. @bytes: of payload */
SPW_INLINE void spw_parse_quic(const u8 *quic, const u8 *end, u32 bytes, struct spw_packet *packet)
{
	u32 version;

	if (bytes < 5 || quic + 5 > end)
		return;
	version = spw_load32(quic + 1);
	if (((quic[0] & 0xf0) == 0xc0 && version == 1) || ((quic[0] & 0xf0) == 0xd0 && version == 0x6b3343cf))
		packet->found |= SPW_FOUND_QUIC_INITIAL;
}

/* Unspecified or link-local: no router forwards it. */
SPW_INLINE bool spw_is_link_source(const struct spw_packet *packet)
{
	u64 hi = packet->source_hi;

	if (packet->family == 4)
		return !hi || hi >> 48 == 0xa9fe;
	return hi >> 54 == 0xfe80 >> 6 || !(hi | packet->source_lo);
}

/*
 * DHCP (RFC 2131), as narrow as possible: a request of a client without an address, or a reply to this host. The
 * server's address is not known, so a reply must carry the frame's destination address, which nobody off the link
 * knows.
 * @bytes: of payload
 */
SPW_INLINE bool spw_is_dhcp4(const u8 *frame, const u8 *bootp, const u8 *end, u32 bytes,
			     const struct spw_packet *packet)
{
	if (bytes < SPW_BOOTP_BYTES || bootp + SPW_BOOTP_BYTES > end || frame + SPW_ETH_BYTES > end ||
	    spw_load16(bootp + 1) != 0x0106 || spw_load32(bootp + 236) != 0x63825363)
		return false;
	if (packet->dport == 67)
		return packet->sport == 68 && bootp[0] == 1 && spw_is_link_source(packet);
	return packet->dport == 68 && packet->sport == 67 && bootp[0] == 2 &&
	       (frame[0] & 1 ||
		(spw_load32(bootp + 28) == spw_load32(frame) && spw_load16(bootp + 32) == spw_load16(frame + 4)));
}

/* DHCPv6 on the link (RFC 8415); types 1 to 11 are between clients and servers. */
SPW_INLINE bool spw_is_dhcp6(const u8 *message, const u8 *end, u32 bytes, const struct spw_packet *packet)
{
	u32 sport = packet->sport, dport = packet->dport;

	if (bytes < 4 || message + 4 > end || !message[0] || message[0] > 11 || !spw_is_link_source(packet))
		return false;
	return (dport == 547 && sport == 546) || (dport == 546 && sport == 547);
}

SPW_INLINE void spw_parse_udp(const u8 *frame, const u8 *udp, const u8 *end, const struct spw_cursor *cursor,
			      struct spw_packet *packet)
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
	if (!length || length > cursor->payload)
		length = cursor->payload; /* jumbogram, or fragment of a datagram */
	length -= SPW_UDP_BYTES;
	udp += SPW_UDP_BYTES;
	if (packet->family == 4 ? spw_is_dhcp4(frame, udp, end, length, packet)
				: spw_is_dhcp6(udp, end, length, packet))
		packet->found |= SPW_FOUND_DHCP;
	spw_parse_quic(udp, end, length, packet);
}

/*
 * Path MTU errors: "fragmentation needed" or "packet too big". The quoted packet must come from the address that the
 * error is sent to.
 */
SPW_INLINE bool spw_is_path_mtu(const u8 *ip, const u8 *icmp, const u8 *end, const struct spw_cursor *cursor,
				const struct spw_packet *packet)
{
	const u8 *quoted = icmp + SPW_ICMP_BYTES;

	if (packet->family == 4)
		return icmp[0] == 3 && icmp[1] == 4 && cursor->payload >= SPW_ICMP_BYTES + SPW_IPV4_BYTES &&
		       quoted + SPW_IPV4_BYTES <= end && ip + SPW_IPV4_BYTES <= end && quoted[0] >> 4 == 4 &&
		       spw_load32(quoted + 12) == spw_load32(ip + 16);
	return icmp[0] == 2 && cursor->payload >= SPW_ICMP_BYTES + SPW_IPV6_BYTES && quoted + SPW_IPV6_BYTES <= end &&
	       ip + SPW_IPV6_BYTES <= end && quoted[0] >> 4 == 6 && spw_load64(quoted + 8) == spw_load64(ip + 24) &&
	       spw_load64(quoted + 16) == spw_load64(ip + 32);
}

/* MLD on the link: source link-local or unspecified, to a group, hop limit 1 (RFC 2710, RFC 3590, RFC 3810). */
SPW_INLINE bool spw_is_mld(const u8 *ip, const u8 *icmp, const u8 *end, const struct spw_cursor *cursor,
			   const struct spw_packet *packet)
{
	u32 type = icmp[0];

	return ((type >= 130 && type <= 132) || type == 143) && cursor->hop_limit == 1 && ip + SPW_IPV6_BYTES <= end &&
	       ip[24] == 0xff && spw_is_link_source(packet);
}

/* Neighbour and router discovery: a hop limit of 255 proves that no router forwarded it (RFC 4861, 6.1 and 7.1). */
SPW_INLINE void spw_parse_icmp(const u8 *ip, const u8 *icmp, const u8 *end, const struct spw_cursor *cursor,
			       struct spw_packet *packet)
{
	if (cursor->payload < SPW_ICMP_BYTES || icmp + SPW_ICMP_BYTES > end) {
		spw_cut_off(cursor, SPW_ICMP_BYTES, packet);
		return;
	}
	if (packet->found & SPW_FOUND_FRAGMENT)
		return;
	if (packet->family == 6 && icmp[0] >= 133 && icmp[0] <= 137 && cursor->hop_limit == 255)
		packet->found |= SPW_FOUND_NEIGHBOUR;
	else if (packet->family == 6 && spw_is_mld(ip, icmp, end, cursor, packet))
		packet->found |= SPW_FOUND_MULTICAST;
	else if (spw_is_path_mtu(ip, icmp, end, cursor, packet))
		packet->found |= SPW_FOUND_PATH_MTU;
}

/* IGMP on the link: to a group, TTL 1 (RFC 2236, RFC 3376). */
SPW_INLINE void spw_parse_igmp(const u8 *ip, const u8 *end, const struct spw_cursor *cursor, struct spw_packet *packet)
{
	if (cursor->payload >= SPW_IGMP_BYTES && ip + SPW_IPV4_BYTES <= end && ip[8] == 1 && ip[16] >> 4 == 14 &&
	    !(packet->found & SPW_FOUND_FRAGMENT))
		packet->found |= SPW_FOUND_MULTICAST;
}

/* The last step: the header behind the IP header and its extensions. */
SPW_INLINE void spw_parse_transport(const u8 *start, const u8 *end, const struct spw_cursor *cursor,
				    struct spw_packet *packet)
{
	const u8 *at = start + (cursor->offset & SPW_OFFSET_MASK);
	const u8 *ip = start + (cursor->network & SPW_OFFSET_MASK);

	if (!cursor->transport)
		return;
	if (packet->protocol == SPW_IP_TCP)
		spw_parse_tcp(at, end, cursor, packet);
	else if (packet->protocol == SPW_IP_UDP)
		spw_parse_udp(start, at, end, cursor, packet);
	else if (packet->protocol == (packet->family == 4 ? SPW_IP_ICMP : SPW_IP_ICMP6))
		spw_parse_icmp(ip, at, end, cursor, packet);
	else if (packet->protocol == SPW_IP_IGMP && packet->family == 4)
		spw_parse_igmp(ip, end, cursor, packet);
}

/**
 * spw_hash_flow() - hash of addresses and ports, and of a SYN's initial sequence number. Called for new work and
 * datagrams to `udp` ports only; reads the frame again, so that other packets do not pay for it.
 * @seed: random and secret, against chosen collisions
 * Returns the hash, never 0.
 */
SPW_INLINE u64 spw_hash_flow(const u8 *start, const u8 *end, const struct spw_cursor *cursor, u64 seed,
			     const struct spw_packet *packet)
{
	const u8 *ip = start + (cursor->network & SPW_OFFSET_MASK);
	const u8 *transport = start + (cursor->offset & SPW_OFFSET_MASK);
	u64 flow = seed ^ packet->source_hi, ports = 0;

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
	return spw_mix(flow ^ ports) | 1;
}

/** spw_parse_flow() - the flow of a SYN or of a datagram. */
SPW_INLINE void spw_parse_flow(const u8 *start, const u8 *end, const struct spw_cursor *cursor, u64 seed,
			       struct spw_packet *packet)
{
	if (packet->found & SPW_FOUND_SYN || (packet->protocol == SPW_IP_UDP && packet->found & SPW_FOUND_PORTS))
		packet->flow = spw_hash_flow(start, end, cursor, seed, packet);
}

SPW_INLINE bool spw_is_extension(const struct spw_packet *packet)
{
	u32 protocol = packet->protocol;

	return packet->family == 6 &&
	       (protocol == SPW_IP_HOP_BY_HOP || protocol == SPW_IP_ROUTING || protocol == SPW_IP_FRAGMENT ||
		protocol == SPW_IP_AUTH || protocol == SPW_IP_DESTINATION || protocol == SPW_IP_MOBILITY ||
		protocol == SPW_IP_HIP || protocol == SPW_IP_SHIM6);
}

/* Step over one extension header. False: no transport header follows (packet->found says why), or a later fragment. */
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

/* The middle step: follow the extension headers of IPv6. */
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

/* @total: bytes of the frame from the IP header on. */
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
	fragment = spw_load16(ip + 6) & 0x3fff; /* "more fragments" and the offset */
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
		cursor->payload = total; /* jumbogram (RFC 2675) */
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
	packet->network = offset;
	if (ethertype == SPW_ETH_IPV4)
		spw_parse_ipv4(start + offset, end, length - offset, cursor, packet);
	else if (ethertype == SPW_ETH_IPV6)
		spw_parse_ipv6(start + offset, end, length - offset, cursor, packet);
	else if (ethertype == SPW_ETH_ARP)
		packet->found |= SPW_FOUND_ARP;
	else if (ethertype == SPW_ETH_LLDP)
		packet->found |= SPW_FOUND_LLDP;
}

/**
 * spw_parse_local() - the destination address, IPv4 as IPv4-mapped (maps/local.h); false: there is none.
 * @ip: the IP header; the frame ends at @end
 */
SPW_INLINE bool spw_parse_local(const u8 *ip, const u8 *end, struct spw_local *local)
{
	if (ip + SPW_IPV4_BYTES > end)
		return false;
	if (ip[0] >> 4 == 4) {
		*local = (struct spw_local){0, SPW_IPV4_MAPPED | spw_load32(ip + 16)};
		return true;
	}
	if (ip + SPW_IPV6_BYTES > end)
		return false;
	*local = (struct spw_local){spw_load64(ip + 24), spw_load64(ip + 32)};
	return true;
}

/** spw_parse() - all three steps; arguments as above. The datapath calls them separately, for the verifier's sake. */
SPW_INLINE void spw_parse(const u8 *start, const u8 *end, u32 length, struct spw_cursor *cursor,
			  struct spw_packet *packet)
{
	spw_parse_network(start, end, length, cursor, packet);
	if (cursor->transport && spw_is_extension(packet))
		spw_parse_extensions(start, end, cursor, packet);
	spw_parse_transport(start, end, cursor, packet);
}

/*
 * THE FAST PATH: TCP or UDP in IP without options, extensions, fragments, tags or anomalies. Same result as the three
 * steps, but compiler and verifier can exclude everything else. False: take the general path; nothing was written.
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

/* Either side of DHCP and DHCPv6. */
SPW_INLINE bool spw_is_dhcp_port(u32 port)
{
	return port == 67 || port == 68 || port == 546 || port == 547;
}

/* At least SPW_TCP_BYTES are there. DHCP takes the general path. */
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

/** spw_parse_usual4(), spw_parse_usual6() - the fast path; arguments as for spw_parse_network(). */
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
	packet->network = SPW_ETH_BYTES;
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
	packet->network = SPW_ETH_BYTES;
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
