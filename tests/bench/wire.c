/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A veth pair in a network namespace that ends with its process. Live frames of BPF_PROG_TEST_RUN leave through one end
 * with real-world sources. Nothing can leave the namespace: it has no other interface, no address, no route, lo is
 * down, IPv6 is off; what a receiver passes ends there.
 *
 * Generator and receiver alternate on one CPU in batches, so a packet's time includes both. Baseline: bare drops.
 */
#include "wire.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <unistd.h>

#include "util.h"
#include "feed.skel.h"

void bench_command(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	fflush(NULL);
	if (system(command))
		errx(1, "failed: %s", command);
}

static void switch_off_ipv6(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* no IPv6 in this kernel */
	if (write(fd, "1", 1) != 1)
		err(1, "%s", path);
	close(fd);
}

/* The receiving end has the frames' destination address (bench_frame()). */
void bench_wire_make(void)
{
	if (unshare(CLONE_NEWNET))
		err(1, "cannot make a network namespace");
	switch_off_ipv6("/proc/sys/net/ipv6/conf/all/disable_ipv6");
	switch_off_ipv6("/proc/sys/net/ipv6/conf/default/disable_ipv6");
	bench_command("ip link add " BENCH_SENDER " type veth peer name " BENCH_RECEIVER " address 02:00:00:00:00:02");
	bench_command("ip link set " BENCH_SENDER " up");
	bench_command("ip link set " BENCH_RECEIVER " up");
	bench_command("ethtool -K " BENCH_RECEIVER " gro on");
}

void bench_wire_attach(int program_fd)
{
	if (bpf_xdp_attach((int)if_nametoindex(BENCH_RECEIVER), program_fd, XDP_FLAGS_DRV_MODE, NULL))
		err(1, "cannot attach to %s in native mode", BENCH_RECEIVER);
}

void bench_wire_send(struct bench_feeder *feeder, u8 family, u32 sources, u32 packets)
{
	const struct feed_bpf *skeleton = feeder->skeleton;
	const struct bpf_program *entry = family == 4 ? skeleton->progs.send4 : skeleton->progs.send6;
	struct xdp_md context = {.ingress_ifindex = if_nametoindex(BENCH_SENDER)};
	u8 frame[BENCH_FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .ctx_in = &context, .ctx_size_in = sizeof(context),
		    .repeat = (int)packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	context.data_end = options.data_size_in = (u32)bench_frame(family, BENCH_SERVICE_PORT, frame);
	skeleton->bss->feed.sources_mask = sources - 1;
	skeleton->bss->feed.fresh = feeder->service;
	if (bpf_prog_test_run_opts(bpf_program__fd(entry), &options)) {
		bench_check_interrupt();
		err(1, "BPF_PROG_TEST_RUN with live frames");
	}
}
