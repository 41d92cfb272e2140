/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures through libpcap; apart from all else, as its headers and the kernel's both define struct bpf_insn. */
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

struct spw_capture {
	pcap_t *pcap;
};

struct spw_capture *spw_capture_open(const char *path, char message[SPW_MESSAGE_MAX])
{
	struct spw_capture *capture = calloc(1, sizeof(*capture));
	char error[PCAP_ERRBUF_SIZE];
	int link_type;

	if (!capture)
		return NULL;
	capture->pcap = pcap_open_offline(path, error);
	if (!capture->pcap) {
		snprintf(message, SPW_MESSAGE_MAX, "%.200s: not a capture that can be read: %.200s", path, error);
		free(capture);
		return NULL;
	}
	link_type = pcap_datalink(capture->pcap);
	if (link_type != DLT_EN10MB) {
		const char *name = pcap_datalink_val_to_name(link_type);

		snprintf(
			message, SPW_MESSAGE_MAX,
			"%.200s: its link type is %s (%d), not Ethernet; capture on an Ethernet interface, not on 'any'",
			path, name ? name : "unknown", link_type);
		spw_capture_close(capture);
		return NULL;
	}
	return capture;
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
	*frame = (struct spw_frame){bytes, header->caplen, header->len};
	return 1;
}

void spw_capture_close(struct spw_capture *capture)
{
	if (capture)
		pcap_close(capture->pcap);
	free(capture);
}
