/* SPDX-License-Identifier: GPL-2.0-only */
#include "link_messages.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define FAMILY_INET  2
#define FAMILY_INET6 10

/* A payload with attributes behind a fixed header. */
struct attribute {
	u32 type;
	u32 length;
	const u8 *value;
};

struct payload {
	const u8 *at;
	size_t left;
};

/* Take the next attribute; false: there is none, or it does not fit. */
static bool next_attribute(struct payload *payload, struct attribute *attribute)
{
	struct nlattr header;
	size_t whole;

	if (payload->left < sizeof(header))
		return false;
	memcpy(&header, payload->at, sizeof(header));
	if (header.nla_len < sizeof(header) || header.nla_len > payload->left)
		return false;
	attribute->type = header.nla_type & NLA_TYPE_MASK;
	attribute->length = (u32)(header.nla_len - sizeof(header));
	attribute->value = payload->at + sizeof(header);
	whole = NLA_ALIGN(header.nla_len);
	payload->left -= whole < payload->left ? whole : payload->left;
	payload->at += whole;
	return true;
}

/* Take the fixed header; false: cut off. */
static bool take(struct payload *payload, void *header, size_t bytes)
{
	size_t whole = NLMSG_ALIGN(bytes);

	if (payload->left < bytes)
		return false;
	memcpy(header, payload->at, bytes);
	payload->left -= whole < payload->left ? whole : payload->left;
	payload->at += whole;
	return true;
}

static u32 number_of(const struct attribute *attribute)
{
	u32 number = 0;

	if (attribute->length >= sizeof(number))
		memcpy(&number, attribute->value, sizeof(number));
	return number;
}

static u64 big_endian(const u8 *at, u32 bytes)
{
	u64 value = 0;

	for (u32 i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static u64 mac_of(const struct attribute *attribute)
{
	return attribute->length == 6 ? big_endian(attribute->value, 6) : 0;
}

/* An address of the length that its family has; false: not one. */
static bool prefix_of(const struct attribute *attribute, u32 family, u32 bits, struct spw_prefix *prefix)
{
	if (family == FAMILY_INET && attribute->length == 4 && bits <= 32)
		*prefix = (struct spw_prefix){{big_endian(attribute->value, 4) << 32, 0}, 4, (u8)bits};
	else if (family == FAMILY_INET6 && attribute->length == 16 && bits <= 128)
		*prefix = (struct spw_prefix){
			{big_endian(attribute->value, 8), big_endian(attribute->value + 8, 8)}, 6, (u8)bits};
	else
		return false;
	return true;
}

/* ---- links ---- */

static bool is_switch(const struct attribute *kind)
{
	static const char bridge[] = "bridge", open_switch[] = "openvswitch";

	return (kind->length >= sizeof(bridge) && !memcmp(kind->value, bridge, sizeof(bridge))) ||
	       (kind->length >= sizeof(open_switch) && !memcmp(kind->value, open_switch, sizeof(open_switch)));
}

static void read_link_kind(const struct attribute *info, struct spw_link_facts *link)
{
	struct payload nested = {info->value, info->length};
	struct attribute attribute;

	while (next_attribute(&nested, &attribute))
		if (attribute.type == IFLA_INFO_SLAVE_KIND)
			link->bridge_port = is_switch(&attribute);
}

static void read_link(struct payload payload, struct spw_space_facts *facts)
{
	struct spw_link_facts link = {0};
	struct attribute attribute;
	struct ifinfomsg header;
	bool elsewhere = false;

	if (!take(&payload, &header, sizeof(header)) || header.ifi_index <= 0)
		return;
	link.index = (u32)header.ifi_index;
	while (next_attribute(&payload, &attribute)) {
		if (attribute.type == IFLA_ADDRESS)
			link.mac = mac_of(&attribute);
		else if (attribute.type == IFLA_LINK)
			link.lower = number_of(&attribute);
		else if (attribute.type == IFLA_LINK_NETNSID)
			elsewhere = true;
		else if (attribute.type == IFLA_MASTER)
			link.master = number_of(&attribute);
		else if (attribute.type == IFLA_LINKINFO)
			read_link_kind(&attribute, &link);
	}
	if (elsewhere) /* the number of `lower` is one of another namespace */
		link.lower = 0;
	if (facts->links_count == SPW_LINKS_MAX)
		facts->overflown = true;
	else
		facts->links[facts->links_count++] = link;
}

/* ---- addresses ---- */

static void note_addressed(struct spw_space_facts *facts, u32 index)
{
	for (u32 i = 0; i < facts->links_count; i++)
		if (facts->links[i].index == index)
			facts->links[i].addressed = 1;
}

/* On a point-to-point link IFA_ADDRESS is the other end's. */
static void read_address(struct payload payload, struct spw_space_facts *facts, struct spw_own_set *set)
{
	struct attribute attribute, local = {0}, address = {0}, broadcast = {0};
	struct spw_prefix prefix;
	struct ifaddrmsg header;
	u32 bits;

	if (!take(&payload, &header, sizeof(header)))
		return;
	while (next_attribute(&payload, &attribute)) {
		if (attribute.type == IFA_LOCAL)
			local = attribute;
		else if (attribute.type == IFA_ADDRESS)
			address = attribute;
		else if (attribute.type == IFA_BROADCAST)
			broadcast = attribute;
	}
	bits = header.ifa_family == FAMILY_INET ? 32 : 128;
	if (prefix_of(local.value ? &local : &address, header.ifa_family, bits, &prefix)) {
		spw_own_set_prefix(set, &prefix);
		if (header.ifa_scope < RT_SCOPE_LINK)
			note_addressed(facts, header.ifa_index);
	}
	if (broadcast.value && prefix_of(&broadcast, header.ifa_family, bits, &prefix))
		spw_own_set_prefix(set, &prefix);
}

/* The table `local`: also prefixes that are local as a whole, anycast and broadcast addresses. */
static void read_route(struct payload payload, struct spw_own_set *set)
{
	struct attribute attribute;
	struct spw_prefix prefix;
	struct rtmsg header;

	if (!take(&payload, &header, sizeof(header)) ||
	    (header.rtm_type != RTN_LOCAL && header.rtm_type != RTN_BROADCAST && header.rtm_type != RTN_ANYCAST))
		return;
	while (next_attribute(&payload, &attribute))
		if (attribute.type == RTA_DST && prefix_of(&attribute, header.rtm_family, header.rtm_dst_len, &prefix))
			spw_own_set_prefix(set, &prefix);
}

/* Further addresses that an interface receives: of macvlans, also in other namespaces, of VRRP. */
static void read_neighbour(struct payload payload, struct spw_own_set *set)
{
	struct attribute attribute;
	struct ndmsg header;

	if (!take(&payload, &header, sizeof(header)) || !(header.ndm_flags & NTF_SELF))
		return;
	while (next_attribute(&payload, &attribute))
		if (attribute.type == NDA_LLADDR)
			spw_own_set_mac(set, mac_of(&attribute));
}

/* ---- datagrams ---- */

static void read_message(u32 type, struct payload payload, struct spw_space_facts *facts, struct spw_own_set *set)
{
	if (type == RTM_NEWLINK)
		read_link(payload, facts);
	else if (type == RTM_NEWADDR)
		read_address(payload, facts, set);
	else if (type == RTM_NEWROUTE)
		read_route(payload, set);
	else if (type == RTM_NEWNEIGH)
		read_neighbour(payload, set);
}

/* A negative errno first in NLMSG_ERROR, and in NLMSG_DONE too; 0: none. */
static int error_of(const struct payload *payload)
{
	int err;

	if (payload->left < sizeof(err))
		return -EBADMSG;
	memcpy(&err, payload->at, sizeof(err));
	return err <= 0 ? err : -EBADMSG;
}

int spw_link_messages_read(const void *bytes, size_t length, u32 sequence, struct spw_space_facts *facts,
			   struct spw_own_set *set)
{
	const u8 *at = bytes;

	while (length >= sizeof(struct nlmsghdr)) {
		struct payload payload;
		struct nlmsghdr header;
		size_t whole;

		memcpy(&header, at, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length)
			return -EBADMSG;
		payload = (struct payload){at + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN};
		whole = NLMSG_ALIGN(header.nlmsg_len);
		length -= whole < length ? whole : length;
		at += whole;
		if (header.nlmsg_seq != sequence)
			continue;
		if (header.nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
			int err = error_of(&payload);

			return err ? err : 1;
		}
		read_message(header.nlmsg_type, payload, facts, set);
	}
	return length ? -EBADMSG : 0;
}

/* ---- stations ---- */

static bool is_among(u32 index, const u32 *interfaces, u32 count)
{
	for (u32 i = 0; index && i < count; i++)
		if (interfaces[i] == index)
			return true;
	return false;
}

enum { SPREAD = 2 }; /* spw_link_facts.station: what is above it has been marked too */

static void mark_above(struct spw_space_facts *facts, const struct spw_link_facts *station)
{
	for (u32 i = 0; i < facts->links_count; i++) {
		struct spw_link_facts *link = &facts->links[i];

		if (!link->station && (link->lower == station->index || link->index == station->master))
			link->station = 1;
	}
}

/* Mark what is on top of stations, and their masters, layer by layer. */
static void spread(struct spw_space_facts *facts)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (u32 i = 0; i < facts->links_count; i++) {
			if (facts->links[i].station != 1)
				continue;
			facts->links[i].station = SPREAD;
			mark_above(facts, &facts->links[i]);
			changed = true;
		}
	}
}

void spw_space_stations(struct spw_space_facts *facts, const u32 *interfaces, u32 count, struct spw_own_set *set)
{
	for (u32 i = 0; i < facts->links_count; i++) {
		struct spw_link_facts *link = &facts->links[i];

		link->station = is_among(link->index, interfaces, count) || is_among(link->master, interfaces, count);
		if (link->bridge_port && is_among(link->index, interfaces, count))
			spw_own_set_port(set, link->index);
	}
	spread(facts);
	for (u32 i = 0; i < facts->links_count; i++)
		if (facts->links[i].station || facts->links[i].addressed)
			spw_own_set_mac(set, facts->links[i].mac);
}
