/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by datapath, agent and tests: levels, verdicts, reasons, anomalies and the sizes of everything bounded.
 *
 * Numbers in enumerations are layout: they index pinned counters, which survive an upgrade. Add at the end, never
 * renumber, and raise SPW_LAYOUT when a shared layout changes its meaning.
 */
#ifndef SPW_MAPS_TYPES_H
#define SPW_MAPS_TYPES_H

#ifdef __bpf__
#include "vmlinux.h"
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
#else
#include <stdbool.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#endif

/* Hide a value from compiler and verifier. */
#ifdef __bpf__
#define SPW_OPAQUE(value) asm volatile("" : "+r"(value))
#else
#define SPW_OPAQUE(value) ((void)0)
#endif

/* Load at any alignment. BPF loads unaligned where the processor can; the host's compilers need memcpy(). */
#ifdef __bpf__
#define SPW_LOAD(type, at) (*(const type *)(at))
#else
#define SPW_LOAD(type, at)                                                                                             \
	({                                                                                                             \
		type value;                                                                                            \
		__builtin_memcpy(&value, at, sizeof(value));                                                           \
		value;                                                                                                 \
	})
#endif

#define SPW_INLINE static inline __attribute__((always_inline, unused))

/* Layout of everything under maps/. Pinned state of another layout is refused, never reinterpreted. */
#define SPW_LAYOUT 3u

/* How far down the classes shedding may reach. */
enum spw_level {
	SPW_GREEN = 0,
	SPW_YELLOW = 1,
	SPW_ORANGE = 2,
	SPW_RED = 3,
	SPW_LEVELS = 4,
};

/* In place of a level: this never happens. */
#define SPW_LEVEL_NEVER 255

enum spw_mode {
	SPW_ENFORCE = 0,
	SPW_OBSERVE = 1, /* judge and count, drop nothing */
};

enum spw_verdict {
	SPW_PASS = 0,
	SPW_DROP = 1,
	SPW_VERDICTS = 2,
};

/*
 * Why a packet got its verdict. Each reason belongs to one verdict, so a counter by reason tells both. In brackets: the
 * rule (bpf/verdict.h).
 */
enum spw_reason {
	SPW_REASON_NOT_IP = 0,		/* [1] neither IPv4 nor IPv6, or more than two VLAN tags */
	SPW_REASON_ARP = 1,		/* [1] */
	SPW_REASON_LLDP = 2,		/* [1] */
	SPW_REASON_NEIGHBOUR = 3,	/* [1] IPv6 neighbour and router discovery, hop limit 255 */
	SPW_REASON_DHCP = 4,		/* [1] DHCP and DHCPv6 */
	SPW_REASON_MALFORMED = 5,	/* [2] passed: the policy says so, and nothing else refused it */
	SPW_REASON_MANAGEMENT = 6,	/* [3] */
	SPW_REASON_NO_LEASE = 7,	/* [4] no agent: pass */
	SPW_REASON_OBSERVE = 8,		/* [4] mode observe: pass */
	SPW_REASON_CUT = 9,		/* [5] the class is cut at this level */
	SPW_REASON_SOURCE_PACKETS = 10, /* [6] the source sends more packets than its class allows */
	SPW_REASON_PREFIX_PACKETS = 11, /* [6] the sources of a prefix do, together */
	SPW_REASON_CLASS_PACKETS = 12,	/* [6] the whole class does */
	SPW_REASON_ESTABLISHED = 13,	/* [7] not new work */
	SPW_REASON_SOURCE_NEW = 14,	/* [8] as for packets, of new work */
	SPW_REASON_SHARE = 15,		/* [9] the source is not in the admitted share of its class */
	SPW_REASON_BUDGET = 16,		/* [10] the service's backlog exceeds the burst tolerance of the class */
	SPW_REASON_ADMITTED = 17,	/* [10] new work that no rule refused */
	SPW_REASON_MALFORMED_DROP = 18, /* [2] dropped by policy */
	SPW_REASON_PREFIX_NEW = 19,	/* [8] */
	SPW_REASON_CLASS_NEW = 20,	/* [8] */
	SPW_REASON_SOURCE_BITS = 21,	/* [6] as for packets, of bits */
	SPW_REASON_PREFIX_BITS = 22,	/* [6] */
	SPW_REASON_CLASS_BITS = 23,	/* [6] */
	SPW_REASON_MULTICAST = 24,	/* [1] IGMP and MLD of the link */
	SPW_REASON_PATH_MTU = 25,	/* [1] path MTU errors */
	SPW_REASON_FORWARDED = 26,	/* [1] to the address of another host; [7] with forwarded: judge */
	SPW_REASON_BRIDGED = 27,	/* [1, 7] to another station, through a port of a bridge */
	SPW_REASON_OVERHEARD = 28,	/* [1, 7] to another station otherwise */
	SPW_REASON_LIGHT = 29,		/* [9, 10] refused, and answered by the light listener (bpf/light.bpf.h) */
	SPW_REASONS = 30,
	SPW_REASONS_MAX = 32, /* a power of two: spare counters, so that a new reason needs no new layout */
};

/* What is odd about a packet, whatever its verdict; a packet may show several. */
enum spw_anomaly {
	SPW_ANOMALY_MALFORMED = 0,  /* a header that is cut off or contradicts itself */
	SPW_ANOMALY_FRAGMENT = 1,   /* any fragment, the first one too */
	SPW_ANOMALY_EXT_LIMIT = 2,  /* more IPv6 extension headers than are followed; judged by its source */
	SPW_ANOMALY_VLAN_LIMIT = 3, /* a third VLAN tag: passed */
	SPW_ANOMALY_EXEMPT_LIMIT =
		4, /* more DHCP, IGMP, MLD or path MTU errors than rule 1 exempts: judged like others */
	SPW_ANOMALIES = 5,
	SPW_ANOMALIES_MAX = 16,
};

enum spw_bounds {
	SPW_NAME_MAX = 64,    /* bytes of a name with its final NUL */
	SPW_LISTS_MAX = 512,  /* list 0 is "no list": sources that no list names */
	SPW_CLASSES_MAX = 32, /* class identities; they survive a reload */
	SPW_SLOTS_MAX = 2048, /* slots that leaves of the table can name */
	SPW_SERVICES_MAX = 64,
	SPW_SERVICE_IDENTITIES = SPW_SERVICES_MAX + 1, /* counted from 1: 0 stands for the ports that belong to none */
	SPW_INTERFACES_MAX = 16,
	SPW_MANAGEMENT_PORTS_MAX = 16,
	SPW_MANAGEMENT_PREFIXES_MAX = 64,
	SPW_VLANS_MAX = 2,	 /* tags that are parsed */
	SPW_EXT_HEADERS_MAX = 8, /* IPv6 extension headers that are followed */
};

#endif
