/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures in pcap and pcapng, read packet by packet through libpcap. Called by `simulate`. */
#ifndef SPW_IO_CAPTURE_H
#define SPW_IO_CAPTURE_H

#include "maps/types.h"
#include "kernel/pins.h"

struct spw_capture;

struct spw_frame {
	const u8 *bytes; /* until the next call */
	u32 length;	 /* of what was captured */
	u32 wire_length; /* of what was on the wire */
};

/** spw_capture_open() - open @path; only Ethernet is taken. NULL and @message otherwise. */
struct spw_capture *spw_capture_open(const char *path, char message[SPW_MESSAGE_MAX]);

/** spw_capture_next() - 1: a frame; 0: the end; -EINVAL and @message: the file is damaged from here on. */
int spw_capture_next(struct spw_capture *capture, struct spw_frame *frame, char message[SPW_MESSAGE_MAX]);
void spw_capture_close(struct spw_capture *capture);

#endif
