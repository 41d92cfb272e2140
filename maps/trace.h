/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How one packet was read and judged. The datapath writes it only when it was loaded with `spw_trace` set, as
 * `simulate` does; otherwise the verifier removes the code. So `simulate` shows what the real program did.
 */
#ifndef SPW_MAPS_TRACE_H
#define SPW_MAPS_TRACE_H

#include "types.h"

/* What parsing found; spw_packet.found */
enum spw_found {
	SPW_FOUND_IP = 1 << 0,	  /* source, family and protocol are valid */
	SPW_FOUND_PORTS = 1 << 1, /* sport and dport are valid */
	SPW_FOUND_FRAGMENT = 1 << 2,
	SPW_FOUND_MALFORMED = 1 << 3,
	SPW_FOUND_EXT_LIMIT = 1 << 4,
	SPW_FOUND_VLAN_LIMIT = 1 << 5,
	SPW_FOUND_SYN = 1 << 6,		 /* TCP SYN without ACK */
	SPW_FOUND_QUIC_INITIAL = 1 << 7, /* looks like one; counts as one only on a port that serves QUIC */
	SPW_FOUND_NEIGHBOUR = 1 << 8,
	SPW_FOUND_DHCP = 1 << 9,
	SPW_FOUND_ARP = 1 << 10,
	SPW_FOUND_LLDP = 1 << 11,
};

/* What parsing makes of a frame. Numbers in host order. */
struct spw_packet {
	u64 source_hi; /* left aligned: IPv4 stands in the upper 32 bits */
	u64 source_lo;
	u32 length; /* bytes of the whole frame */
	u32 found;  /* enum spw_found */
	u16 sport;
	u16 dport;
	u16 vlan[SPW_VLANS_MAX]; /* VLAN identifiers, outer first */
	u8 vlans;
	u8 family; /* 4, 6; 0: not IP */
	u8 protocol;
	u8 reserved;
	u64 flow; /* hash that tells one SYN or QUIC Initial for a service from another (bpf/parse.h); 0: it is neither
		   */
};

struct spw_trace {
	struct spw_packet packet;
	u16 list;
	u8 class_id;
	u8 classified; /* 1: list and class_id are valid */
	u8 new_work;
	u8 verdict; /* enum spw_verdict */
	u8 reason;  /* enum spw_reason */
	u8 reserved;
	u64 generation; /* of the ruleset that judged */
};

#endif
