/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kind of source address a packet has. No client has a loopback address, or this host's own: from outside these
 * are forged, and are not ranked as talkers (docs/metrics.md). Pure; called by the agent for every sample.
 *
 * Martians are the special-purpose addresses (RFC 6890, IANA's registries) that no packet on a wire may have as its
 * source. Private, shared and documentation addresses (RFC 1918, 6598, 5737, 3849) are in real use, and are ranked.
 */
#ifndef SPW_CORE_SOURCE_KIND_H
#define SPW_CORE_SOURCE_KIND_H

#include "core/table/prefix.h"

enum spw_source_kind {
	SPW_SOURCE_ORDINARY = 0,
	SPW_SOURCE_LOOPBACK = 1,   /* 127/8, ::1 */
	SPW_SOURCE_MARTIAN = 2,	   /* 0/8, multicast, 240/4 and broadcast; ::, multicast, IPv4-mapped */
	SPW_SOURCE_LINK_LOCAL = 3, /* 169.254/16, fe80::/10: of this link, never a client */
	SPW_SOURCE_OWN = 4,	   /* of this host */
	SPW_SOURCE_KINDS = 5,
};

/* Addresses of this host; those beyond the maximum are not recognised. */
#define SPW_OWN_ADDRESSES_MAX 256

struct spw_own_addresses {
	u32 count;
	struct {
		struct spw_addr addr;
		u8 family;
	} addresses[SPW_OWN_ADDRESSES_MAX];
};

/** spw_source_kind() - of @source, @family 4 or 6. */
enum spw_source_kind spw_source_kind(const struct spw_addr *source, u8 family, const struct spw_own_addresses *own);

/** spw_source_kind_name() - "loopback" and so on; "?" out of range. */
const char *spw_source_kind_name(u32 kind);

#endif
