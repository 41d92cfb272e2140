/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parser (bpf/parse.h) makes of a frame. */
#ifndef SPW_MAPS_PACKET_H
#define SPW_MAPS_PACKET_H

#include "types.h"

/* spw_packet.found */
enum spw_found {
	SPW_FOUND_IP = 1 << 0,	  /* source, family and protocol are valid */
	SPW_FOUND_PORTS = 1 << 1, /* sport and dport are valid */
	SPW_FOUND_FRAGMENT = 1 << 2,
	SPW_FOUND_MALFORMED = 1 << 3,
	SPW_FOUND_EXT_LIMIT = 1 << 4,
	SPW_FOUND_VLAN_LIMIT = 1 << 5,
	SPW_FOUND_SYN = 1 << 6,		 /* TCP SYN without ACK */
	SPW_FOUND_QUIC_INITIAL = 1 << 7, /* looks like one; counts as one only on a QUIC port */
	SPW_FOUND_NEIGHBOUR = 1 << 8,
	SPW_FOUND_DHCP = 1 << 9,
	SPW_FOUND_ARP = 1 << 10,
	SPW_FOUND_LLDP = 1 << 11,
	SPW_FOUND_MULTICAST = 1 << 12, /* IGMP or MLD of the link */
	SPW_FOUND_PATH_MTU = 1 << 13,  /* an error that tells a sender its path MTU */
	/* Not for this host (bpf/own.h); at most one of the three. */
	SPW_FOUND_FORWARDED = 1 << 14,	 /* to the address of another host */
	SPW_FOUND_BRIDGED = 1 << 15,	 /* to another station, through a port of a bridge */
	SPW_FOUND_OVERHEARD = 1 << 16,	 /* to another station otherwise: a promiscuous interface, a flooding switch */
	SPW_FOUND_NEW_SESSION = 1 << 17, /* set by the pipeline: begins a UDP session if admitted (bpf/session.h) */
};

#define SPW_FOUND_OTHERS (SPW_FOUND_FORWARDED | SPW_FOUND_BRIDGED | SPW_FOUND_OVERHEARD)

/* All numbers in host byte order. */
struct spw_packet {
	u64 source_hi; /* left aligned: IPv4 is in the upper 32 bits */
	u64 source_lo;
	u32 length; /* bytes of the whole frame */
	u32 found;  /* enum spw_found */
	u16 sport;
	u16 dport;
	u16 vlan[SPW_VLANS_MAX]; /* VLAN identifiers, outer first */
	u8 vlans;
	u8 family; /* 4, 6; 0: not IP */
	u8 protocol;
	u8 network; /* offset of the IP header in the frame */
	u64 flow;   /* hash of a SYN or a datagram (spw_parse_flow()), read for new work only; 0: none */
};

#endif
