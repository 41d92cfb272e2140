/* SPDX-License-Identifier: GPL-2.0-only */
/* See source_kind.h. */
#include "source_kind.h"

static const char *const names[SPW_SOURCE_KINDS] = {
	[SPW_SOURCE_ORDINARY] = "ordinary",	[SPW_SOURCE_LOOPBACK] = "loopback", [SPW_SOURCE_MARTIAN] = "martian",
	[SPW_SOURCE_LINK_LOCAL] = "link_local", [SPW_SOURCE_OWN] = "own",
};

const char *spw_source_kind_name(u32 kind)
{
	return kind < SPW_SOURCE_KINDS ? names[kind] : "?";
}

static enum spw_source_kind kind_of_ipv4(u32 address)
{
	u32 first = address >> 24;

	if (first == 127)
		return SPW_SOURCE_LOOPBACK;
	if (first == 0 || first >= 224)
		return SPW_SOURCE_MARTIAN;
	return address >> 16 == 0xa9fe ? SPW_SOURCE_LINK_LOCAL : SPW_SOURCE_ORDINARY;
}

static enum spw_source_kind kind_of_ipv6(const struct spw_addr *address)
{
	if (!address->hi && address->lo == 1)
		return SPW_SOURCE_LOOPBACK;
	if ((!address->hi && (!address->lo || address->lo >> 32 == 0xffff)) || address->hi >> 56 == 0xff)
		return SPW_SOURCE_MARTIAN;
	return address->hi >> 54 == 0xfe80 >> 6 ? SPW_SOURCE_LINK_LOCAL : SPW_SOURCE_ORDINARY;
}

/* Martians first: loopback is also an address of this host. */
enum spw_source_kind spw_source_kind(const struct spw_addr *source, u8 family, const struct spw_own_addresses *own)
{
	enum spw_source_kind kind = family == 4 ? kind_of_ipv4((u32)(source->hi >> 32)) : kind_of_ipv6(source);

	if (kind != SPW_SOURCE_ORDINARY && kind != SPW_SOURCE_LINK_LOCAL)
		return kind;
	for (u32 i = 0; i < own->count; i++)
		if (own->addresses[i].family == family && !spw_addr_compare(&own->addresses[i].addr, source))
			return SPW_SOURCE_OWN;
	return kind;
}
