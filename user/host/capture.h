/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures in pcap and pcapng, read as Ethernet frames through libpcap. */
#ifndef SPW_HOST_CAPTURE_H
#define SPW_HOST_CAPTURE_H

#include <stdbool.h>

#include "maps/types.h"
#include "kernel/pins.h"

struct spw_capture;

struct spw_frame {
	const u8 *bytes; /* until the next call */
	u32 length;	 /* captured bytes; 0: it ends within its link-layer header */
	u32 wire_length; /* on the wire */
	bool outgoing;	 /* sent by the host that captured it; false if the capture does not say */
};

/**
 * spw_capture_open() - open @path. Packets without a link layer (RAW, IPV4, IPV6), from Linux's "any" interface
 * (LINUX_SLL, LINUX_SLL2) or BSD's loopback (NULL, LOOP) get an Ethernet header instead of their own.
 * Returns NULL and @message for unreadable files and other link types.
 */
struct spw_capture *spw_capture_open(const char *path, char message[SPW_MESSAGE_MAX]);

/** spw_capture_link() - name of the link type if its header is replaced by an Ethernet header; otherwise NULL. */
const char *spw_capture_link(const struct spw_capture *capture);

/** spw_capture_next() - 1: a frame; 0: the end; -EINVAL or -ENOMEM and @message: the rest cannot be read. */
int spw_capture_next(struct spw_capture *capture, struct spw_frame *frame, char message[SPW_MESSAGE_MAX]);
void spw_capture_close(struct spw_capture *capture);

#endif
