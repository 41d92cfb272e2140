/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures through libpcap, in a separate file: pcap.h and linux/bpf.h both define struct bpf_insn. */
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link_type.h"

struct spw_capture {
	pcap_t *pcap;
	int link_type;
	u8 *frame; /* the latest, if it was rewritten */
	size_t room;
};

struct spw_capture *spw_capture_open(const char *path, char message[SPW_MESSAGE_MAX])
{
	struct spw_capture *capture = calloc(1, sizeof(*capture));
	char error[PCAP_ERRBUF_SIZE];

	if (!capture) {
		snprintf(message, SPW_MESSAGE_MAX, "out of memory");
		return NULL;
	}
	capture->pcap = pcap_open_offline(path, error);
	if (!capture->pcap) {
		/* Some of libpcap's messages begin with the path. */
		bool named = !strncmp(error, path, strlen(path));

		snprintf(message, SPW_MESSAGE_MAX, "cannot read the capture %.200s%s%.200s", named ? "" : path,
			 named ? "" : ": ", error);
		free(capture);
		return NULL;
	}
	capture->link_type = pcap_datalink(capture->pcap);
	if (!spw_link_known(capture->link_type)) {
		const char *name = pcap_datalink_val_to_name(capture->link_type);

		snprintf(message, SPW_MESSAGE_MAX,
			 "%.200s: link type %s (%d) is not supported; capture on an Ethernet interface or on 'any'",
			 path, name ? name : "unknown", capture->link_type);
		spw_capture_close(capture);
		return NULL;
	}
	return capture;
}

const char *spw_capture_link(const struct spw_capture *capture)
{
	const char *name = pcap_datalink_val_to_name(capture->link_type);

	if (capture->link_type == SPW_LINK_ETHERNET)
		return NULL;
	return name ? name : "RAW"; /* 14 has no name on Linux */
}

/* Returns a buffer of @bytes for the frame; NULL: out of memory. */
static u8 *make_room(struct spw_capture *capture, size_t bytes)
{
	if (bytes > capture->room) {
		u8 *frame = realloc(capture->frame, bytes);

		if (!frame)
			return NULL;
		capture->frame = frame;
		capture->room = bytes;
	}
	return capture->frame;
}

/* Replace the link-layer header by an Ethernet header with zero addresses. */
static int rewrite(struct spw_capture *capture, struct spw_frame *frame)
{
	struct spw_link_payload payload;
	u32 length;
	u8 *bytes;

	if (!spw_link_read(capture->link_type, frame->bytes, frame->length, &payload)) {
		frame->length = 0;
		return 0;
	}
	length = frame->length - payload.header;
	bytes = make_room(capture, SPW_ETHERNET_BYTES + length);
	if (!bytes)
		return -ENOMEM;
	memset(bytes, 0, SPW_ETHERNET_BYTES);
	bytes[SPW_ETHERTYPE_OFFSET] = (u8)(payload.ethertype >> 8);
	bytes[SPW_ETHERTYPE_OFFSET + 1] = (u8)payload.ethertype;
	memcpy(bytes + SPW_ETHERNET_BYTES, frame->bytes + payload.header, length);
	frame->bytes = bytes;
	frame->length = SPW_ETHERNET_BYTES + length;
	/* A damaged capture may claim less than was captured. */
	frame->wire_length = frame->wire_length > payload.header
				     ? frame->wire_length - payload.header + SPW_ETHERNET_BYTES
				     : frame->length;
	frame->outgoing = payload.outgoing;
	return 0;
}

int spw_capture_next(struct spw_capture *capture, struct spw_frame *frame, char message[SPW_MESSAGE_MAX])
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int got = pcap_next_ex(capture->pcap, &header, &bytes);

	if (got == PCAP_ERROR) {
		snprintf(message, SPW_MESSAGE_MAX, "%s", pcap_geterr(capture->pcap));
		return -EINVAL;
	}
	if (got != 1)
		return 0;
	*frame = (struct spw_frame){.bytes = bytes, .length = header->caplen, .wire_length = header->len};
	if (capture->link_type != SPW_LINK_ETHERNET && rewrite(capture, frame)) {
		snprintf(message, SPW_MESSAGE_MAX, "out of memory");
		return -ENOMEM;
	}
	return 1;
}

void spw_capture_close(struct spw_capture *capture)
{
	if (!capture)
		return;
	pcap_close(capture->pcap);
	free(capture->frame);
	free(capture);
}
