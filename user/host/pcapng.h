/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Captures with a comment beside each packet: the blocks of pcapng (draft-ietf-opsawg-pcapng) that this takes, an own
 * writer, as libpcap reads pcapng but writes only pcap, which has no room for comments. Ethernet frames, times to the
 * nanosecond. Called by `capture`; in the byte order of this host, as the format has it.
 */
#ifndef SPW_IO_PCAPNG_H
#define SPW_IO_PCAPNG_H

#include <stdio.h>

#include "maps/types.h"

/* Longest comment, in bytes; what is longer is cut. */
#define SPW_PCAPNG_COMMENT_MAX 1000

struct spw_pcapng_packet {
	u64 wall_ns; /* since 1970 */
	const u8 *bytes;
	u32 captured;	     /* of the frame */
	u32 length;	     /* that it had */
	const char *comment; /* UTF-8 */
};

/** spw_pcapng_begin() - section and interface. @application: who writes; @snapshot: bytes of a frame at most.
 * Errors stay in @out, as with stdio. */
void spw_pcapng_begin(FILE *out, const char *application, u32 snapshot);

/** spw_pcapng_put() - one packet, as dropped by XDP. What was written so far is a valid file after each. */
void spw_pcapng_put(FILE *out, const struct spw_pcapng_packet *packet);

#endif
