/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Captures with a comment per packet, as pcapng (draft-ietf-opsawg-pcapng). libpcap only writes pcap, which has no
 * comments. Ethernet frames, nanosecond times, byte order of this host.
 */
#ifndef SPW_HOST_PCAPNG_H
#define SPW_HOST_PCAPNG_H

#include <stdio.h>

#include "maps/types.h"

/* Longest comment, in bytes; longer ones are truncated. */
#define SPW_PCAPNG_COMMENT_MAX 1000

struct spw_pcapng_packet {
	u64 wall_ns; /* since 1970 */
	const u8 *bytes;
	u32 captured;	     /* of the frame */
	u32 length;	     /* original length */
	const char *comment; /* UTF-8 */
};

/**
 * spw_pcapng_begin() - write the section and interface blocks.
 * @application: name of the writing program; @snapshot: maximum bytes of a frame
 * Errors are those of @out, see ferror(3).
 */
void spw_pcapng_begin(FILE *out, const char *application, u32 snapshot);

/** spw_pcapng_put() - write one packet, marked as dropped by XDP. The file is valid after each. */
void spw_pcapng_put(FILE *out, const struct spw_pcapng_packet *packet);

#endif
