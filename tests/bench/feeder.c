/* SPDX-License-Identifier: GPL-2.0-only */
/* The feeder's user side. */
#include "feeder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "util.h"
#include "feed.skel.h"

static int print_warnings(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

void bench_quiet_libbpf(void)
{
	libbpf_set_print(print_warnings);
}

void bench_feeder_load(struct bench_feeder *feeder)
{
	struct feed_bpf *skeleton = feed_bpf__open_and_load();

	if (!skeleton)
		err(1, "cannot load the feeder (this needs root)");
	*feeder = (struct bench_feeder){.skeleton = skeleton};
	feeder->sources = mmap(NULL, sizeof(*feeder->sources), PROT_READ | PROT_WRITE, MAP_SHARED,
			       bpf_map__fd(skeleton->maps.sources), 0);
	if (feeder->sources == MAP_FAILED)
		err(1, "cannot map the table of sources");
}

void bench_feeder_free(struct bench_feeder *feeder)
{
	munmap(feeder->sources, sizeof(*feeder->sources));
	feed_bpf__destroy(feeder->skeleton);
}

static void set_target(const struct bench_feeder *feeder, int program_fd)
{
	const u32 key = 0;

	if (bpf_map_update_elem(bpf_map__fd(feeder->skeleton->maps.target), &key, &program_fd, BPF_ANY))
		err(1, "cannot make a program the target");
}

size_t bench_frame(u8 family, u16 port, u8 frame[BENCH_FRAME_BYTES])
{
	static const u8 ethernet[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	static const u8 ipv4[] = {8, 0, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 0, 0, 0, 0, 198, 51, 100, 1};
	static const u8 ipv6[] = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64};
	static const u8 tcp[] = {0x9c, 0x40, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0};
	size_t at = sizeof(ethernet);

	memset(frame, 0, BENCH_FRAME_BYTES);
	memcpy(frame, ethernet, sizeof(ethernet));
	if (family == 4) {
		memcpy(frame + at, ipv4, sizeof(ipv4));
		at += sizeof(ipv4);
	} else {
		memcpy(frame + at, ipv6, sizeof(ipv6));
		at += 42;
		frame[at - 16] = 0x20; /* destination 2001:db8::1 */
		frame[at - 15] = 0x01;
		frame[at - 14] = 0x0d;
		frame[at - 13] = 0xb8;
		frame[at - 1] = 1;
	}
	memcpy(frame + at, tcp, sizeof(tcp));
	frame[at + 2] = (u8)(port >> 8);
	frame[at + 3] = (u8)port;
	at += sizeof(tcp);
	return at < 60 ? 60 : at; /* Ethernet pads */
}

double bench_feeder_median(const struct bench_feeder *feeder, u32 sources, u32 packets)
{
	const struct bench_feed *feed = &feeder->skeleton->bss->feed;
	double segments[BENCH_STAMPS_MAX];
	u32 begin = feed->next - packets;
	/* Numbers wrap at 2^32, and so do those of segments, at a multiple of the number of stamps. */
	u32 first = begin / BENCH_SEGMENT + !!(begin % BENCH_SEGMENT), whole = (packets - 1) / BENCH_SEGMENT - 1;
	u32 warm = sources / BENCH_SEGMENT < whole / 4 ? sources / BENCH_SEGMENT : whole / 4;
	size_t count = 0;

	for (u32 i = first + warm; i < first + whole; i++)
		segments[count++] =
			(double)(feed->stamps[(i + 1) % BENCH_STAMPS_MAX] - feed->stamps[i % BENCH_STAMPS_MAX]) /
			BENCH_SEGMENT;
	return bench_median(segments, count);
}

double bench_feeder_run(struct bench_feeder *feeder, u8 family, int target, u32 sources, u32 packets)
{
	const struct bpf_program *entry = family == 4 ? feeder->skeleton->progs.feed4 : feeder->skeleton->progs.feed6;
	u8 frame[BENCH_FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .repeat = (int)packets);

	options.data_size_in = (u32)bench_frame(family, feeder->service ? BENCH_SERVICE_PORT : BENCH_OTHER_PORT, frame);
	feeder->skeleton->bss->feed.fresh = feeder->service;
	feeder->skeleton->bss->feed.sources_mask = sources - 1;
	set_target(feeder, target);
	for (;;) {
		bench_check_interrupt();
		if (!bpf_prog_test_run_opts(bpf_program__fd(entry), &options))
			return bench_feeder_median(feeder, sources, packets);
		if (errno != EINTR && errno != EAGAIN)
			err(1, "BPF_PROG_TEST_RUN");
	}
}

static int compare_values(const void *left, const void *right)
{
	double l = *(const double *)left, r = *(const double *)right;

	return l < r ? -1 : l > r;
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_values);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
