/* SPDX-License-Identifier: GPL-2.0-only */
/* See link_type.h. */
#include "link_type.h"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_LEAST = 0x0600, /* below, the field is a length: 802.3 */
	NO_IP = 0,

	NULL_BYTES = 4,
	SLL_BYTES = 16,
	SLL2_BYTES = 20,
	SLL_OUTGOING = 4,      /* PACKET_OUTGOING */
	ARPHRD_NETLINK_ = 824, /* the protocol field is a netlink family */
	ARPHRD_RADIOTAP = 803, /* and here there is none */
	FAMILY_INET = 2,
	FAMILY_INET6 = 10, /* Linux */
	FAMILY_INET6_NETBSD = 24,
	FAMILY_INET6_FREEBSD = 28,
	FAMILY_INET6_DARWIN = 30,
};

static u16 read16(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

/* The payload shows its version; an empty one counts as a truncated IPv4 packet. */
static u16 ethertype_of_version(const u8 *packet, u32 length)
{
	return length && packet[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

/* Unknown byte order: that of the capturing machine. */
static u16 ethertype_of_family(const u8 *packet)
{
	u32 family = (u32)packet[0] << 24 | (u32)packet[1] << 16 | (u32)packet[2] << 8 | packet[3];

	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case FAMILY_INET:
		return ETHERTYPE_IPV4;
	case FAMILY_INET6:
	case FAMILY_INET6_NETBSD:
	case FAMILY_INET6_FREEBSD:
	case FAMILY_INET6_DARWIN:
		return ETHERTYPE_IPV6;
	default:
		return NO_IP;
	}
}

static u16 ethertype_of_cooked(u16 device, u16 protocol)
{
	bool known = device != ARPHRD_NETLINK_ && device != ARPHRD_RADIOTAP && protocol >= ETHERTYPE_LEAST;

	return known ? protocol : NO_IP;
}

bool spw_link_known(int type)
{
	switch (type) {
	case SPW_LINK_NULL:
	case SPW_LINK_ETHERNET:
	case SPW_LINK_RAW_12:
	case SPW_LINK_RAW_14:
	case SPW_LINK_RAW:
	case SPW_LINK_LOOP:
	case SPW_LINK_LINUX_SLL:
	case SPW_LINK_IPV4:
	case SPW_LINK_IPV6:
	case SPW_LINK_LINUX_SLL2:
		return true;
	default:
		return false;
	}
}

static u32 header_bytes(int type)
{
	switch (type) {
	case SPW_LINK_NULL:
	case SPW_LINK_LOOP:
		return NULL_BYTES;
	case SPW_LINK_ETHERNET:
		return SPW_ETHERNET_BYTES;
	case SPW_LINK_LINUX_SLL:
		return SLL_BYTES;
	case SPW_LINK_LINUX_SLL2:
		return SLL2_BYTES;
	default:
		return 0;
	}
}

bool spw_link_read(int type, const u8 *packet, u32 length, struct spw_link_payload *payload)
{
	*payload = (struct spw_link_payload){.header = header_bytes(type)};
	if (length < payload->header)
		return false;
	switch (type) {
	case SPW_LINK_ETHERNET:
		payload->ethertype = read16(packet + SPW_ETHERTYPE_OFFSET);
		break;
	case SPW_LINK_NULL:
	case SPW_LINK_LOOP:
		payload->ethertype = ethertype_of_family(packet);
		break;
	case SPW_LINK_LINUX_SLL: /* packet type, device type, address length, address (8), protocol */
		payload->ethertype = ethertype_of_cooked(read16(packet + 2), read16(packet + 14));
		payload->outgoing = read16(packet) == SLL_OUTGOING;
		break;
	case SPW_LINK_LINUX_SLL2: /* protocol, reserved, interface (4), device type, packet type, ... */
		payload->ethertype = ethertype_of_cooked(read16(packet + 8), read16(packet));
		payload->outgoing = packet[10] == SLL_OUTGOING;
		break;
	case SPW_LINK_IPV4:
		payload->ethertype = ETHERTYPE_IPV4;
		break;
	case SPW_LINK_IPV6:
		payload->ethertype = ETHERTYPE_IPV6;
		break;
	default:
		payload->ethertype = ethertype_of_version(packet, length);
	}
	return true;
}
