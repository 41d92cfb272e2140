/* SPDX-License-Identifier: GPL-2.0-only */
#include "sample_ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/parse.h"

struct spw_samples {
	struct ring_buffer *ring;
	u32 left; /* budget of this call */
	u32 taken;
	spw_sample_handler *handler;
	void *context;
};

/* The parser sees only the sampled bytes and may call the packet cut off although it was not. */
void spw_sample_parse(const struct spw_sample *sample, struct spw_packet *packet)
{
	u32 captured = sample->captured < SPW_SAMPLE_HEADER ? sample->captured : SPW_SAMPLE_HEADER;
	struct spw_cursor cursor;

	*packet = (struct spw_packet){0};
	spw_parse(sample->header, sample->header + captured, sample->length, &cursor, packet);
	if (captured < sample->length)
		packet->found &= ~(u32)SPW_FOUND_MALFORMED;
	packet->length = sample->length;
}

static int on_sample(void *context, void *record, size_t bytes)
{
	struct spw_samples *samples = context;
	struct spw_packet packet;

	if (bytes >= sizeof(struct spw_sample)) {
		spw_sample_parse(record, &packet);
		samples->handler(samples->context, record, &packet);
	}
	samples->taken++;
	return --samples->left ? 0 : -ECANCELED; /* count it as read */
}

int spw_samples_open(int ring_fd, struct spw_samples **result)
{
	struct spw_samples *samples = calloc(1, sizeof(*samples));

	if (!samples)
		return -ENOMEM;
	samples->ring = ring_buffer__new(ring_fd, on_sample, samples, NULL);
	if (!samples->ring) {
		int err = -errno;

		free(samples);
		return err;
	}
	*result = samples;
	return 0;
}

int spw_samples_read(struct spw_samples *samples, u32 most, spw_sample_handler *handler, void *context)
{
	int got;

	if (!most)
		return 0;
	samples->left = most;
	samples->taken = 0;
	samples->handler = handler;
	samples->context = context;
	got = ring_buffer__consume(samples->ring);
	return got < 0 && got != -ECANCELED ? got : (int)samples->taken;
}

void spw_samples_close(struct spw_samples *samples)
{
	if (samples)
		ring_buffer__free(samples->ring);
	free(samples);
}

static void add_address(struct spw_own_addresses *own, const struct sockaddr *address)
{
	u64 word[2] = {0};
	u8 family;

	if (!address || own->count == SPW_OWN_ADDRESSES_MAX)
		return;
	if (address->sa_family == AF_INET) {
		family = 4;
		memcpy(word, &((const struct sockaddr_in *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		family = 6;
		memcpy(word, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
	} else {
		return;
	}
	own->addresses[own->count].family = family;
	own->addresses[own->count++].addr = (struct spw_addr){__builtin_bswap64(word[0]), __builtin_bswap64(word[1])};
}

int spw_own_addresses(struct spw_own_addresses *own)
{
	struct ifaddrs *all;

	if (getifaddrs(&all))
		return -errno;
	own->count = 0;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next)
		add_address(own, one->ifa_addr);
	freeifaddrs(all);
	return 0;
}
