/* SPDX-License-Identifier: GPL-2.0-only */
/* Link-layer headers of captures without Ethernet headers. Pure; used by capture.c. */
#ifndef SPW_HOST_LINK_TYPE_H
#define SPW_HOST_LINK_TYPE_H

#include <stdbool.h>

#include "maps/types.h"

/* Values of LINKTYPE_ (tcpdump.org/linktypes.html); the lower ones equal DLT_ on Linux. */
enum spw_link_type {
	SPW_LINK_NULL = 0,
	SPW_LINK_ETHERNET = 1,
	SPW_LINK_RAW_12 = 12, /* DLT_RAW on most systems, what libpcap makes of 101 */
	SPW_LINK_RAW_14 = 14, /* DLT_RAW on OpenBSD */
	SPW_LINK_RAW = 101,
	SPW_LINK_LOOP = 108,
	SPW_LINK_LINUX_SLL = 113,
	SPW_LINK_IPV4 = 228,
	SPW_LINK_IPV6 = 229,
	SPW_LINK_LINUX_SLL2 = 276,
};

#define SPW_ETHERNET_BYTES   14u
#define SPW_ETHERTYPE_OFFSET 12u

/* A packet without its link-layer header. */
struct spw_link_payload {
	u32 header;    /* bytes of that header */
	u16 ethertype; /* or, in frames without one, a length below 0x600, as in 802.3 */
	bool outgoing; /* sent by the host that captured it; XDP never sees these */
};

/** spw_link_known() - whether spw_link_read() can read packets of this link type. */
bool spw_link_known(int type);

/**
 * spw_link_read() - read the header of @packet, of which @length bytes were captured.
 * Returns false if the packet ends within the header.
 */
bool spw_link_read(int type, const u8 *packet, u32 length, struct spw_link_payload *payload);

#endif
