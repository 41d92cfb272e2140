/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A SYN flood from one end of a veth, by live frames of BPF_PROG_TEST_RUN: 65,536 sources of 198.19.0.0/16. Run by the
 * script `flood`, in a namespace of the test; it sends to documentation addresses only.
 *
 *   flood INTERFACE HARDWARE-ADDRESS IDLE-INTERFACE RATE SECONDS
 *   flood swap PINNED-LINK PINNED-PROGRAM        replace the link's program
 *
 * Sends small bursts with pauses, like a flood from a wire: a veth holds 256 packets. The program is attached to an
 * unused interface, which puts it into the kernel's XDP dispatcher; otherwise each burst would patch it in, which takes
 * a millisecond. Prints one line of JSON: {"sent":N,"seconds":S,"cpu_seconds":C}.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "util.h"
#include "flood.skel.h"

enum {
	FRAME_BYTES = 60,
	BURST_MOST = 192,
	BURST_USUAL = 128, /* each wakes the poller of the other end, which costs more than its packets */
};

#define SECOND_NS   1000000000ull
#define FIRST	    0xc6130000u /* 198.19.0.0 */
#define SOURCES	    65536u
#define TIMER_SLACK 1ul

volatile sig_atomic_t bench_interrupted;

static void interrupt(int signal)
{
	(void)signal;
	bench_interrupted = 1;
}

static void make_frame(const char *hardware, u8 frame[FRAME_BYTES])
{
	static const u8 behind[] = {2,	0, 0, 0, 0, 1, 8, 0, 0x45, 0,  0,    40,   0, 1, 0x40, 0,
				    64, 6, 0, 0, 0, 0, 0, 0, 198,  18, 0,    1,	   0, 0, 0,    80,
				    0,	0, 0, 0, 0, 0, 0, 0, 0x50, 2,  0xff, 0xff, 0, 0, 0,    0};

	memset(frame, 0, FRAME_BYTES);
	if (sscanf(hardware, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &frame[0], &frame[1], &frame[2], &frame[3], &frame[4],
		   &frame[5]) != 6)
		errx(2, "'%s' is no hardware address", hardware);
	memcpy(frame + 6, behind, sizeof(behind));
}

static void send_burst(int program_fd, struct xdp_md *context, u8 frame[FRAME_BYTES], u32 packets)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = FRAME_BYTES, .ctx_in = context,
		    .ctx_size_in = sizeof(*context), .repeat = (int)packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	if (bpf_prog_test_run_opts(program_fd, &options) && errno != EINTR && errno != EAGAIN)
		err(1, "BPF_PROG_TEST_RUN with live frames");
}

/* Send as many packets as are due, but no more than fit a veth: longer delays are not caught up. */
static u64 flood_for(struct flood_bpf *flood, struct xdp_md *context, u8 frame[FRAME_BYTES], u64 rate, u64 end_ns)
{
	const u64 pause_ns = SECOND_NS * BURST_USUAL / rate, begin_ns = bench_clock_ns();
	u64 now_ns = begin_ns, before_ns;
	double owed = 0;

	while (!bench_interrupted && now_ns < end_ns) {
		const struct timespec pause = {0, (long)pause_ns};

		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		before_ns = now_ns;
		now_ns = bench_clock_ns();
		owed += (double)rate * (double)(now_ns - before_ns) / SECOND_NS;
		if (owed > BURST_MOST)
			owed = BURST_MOST;
		if (owed < 1)
			continue;
		send_burst(bpf_program__fd(flood->progs.flood), context, frame, (u32)owed);
		owed -= (u32)owed;
	}
	return bench_clock_ns() - begin_ns;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int swap(const char *link_pin, const char *program_pin)
{
	int link = bpf_obj_get(link_pin), program = bpf_obj_get(program_pin);

	if (link < 0 || program < 0 || bpf_link_update(link, program, NULL))
		err(1, "cannot put %s into %s", program_pin, link_pin);
	return 0;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = interrupt};
	struct xdp_md context = {.data_end = FRAME_BYTES};
	struct flood_bpf *flood;
	u8 frame[FRAME_BYTES];
	u64 took_ns;

	if (argc == 4 && !strcmp(argv[1], "swap"))
		return swap(argv[2], argv[3]);
	if (argc != 6 || !(context.ingress_ifindex = if_nametoindex(argv[1])))
		errx(2, "usage: flood INTERFACE HARDWARE-ADDRESS IDLE-INTERFACE RATE SECONDS");
	make_frame(argv[2], frame);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK);
	flood = flood_bpf__open();
	if (!flood)
		err(1, "cannot open the program");
	flood->rodata->first_source = FIRST;
	flood->rodata->sources_mask = SOURCES - 1;
	if (flood_bpf__load(flood))
		err(1, "cannot load the program (this needs root)");
	if (!bpf_program__attach_xdp(flood->progs.flood, (int)if_nametoindex(argv[3])))
		err(1, "cannot attach to %s", argv[3]);
	took_ns = flood_for(flood, &context, frame, strtoull(argv[4], NULL, 10),
			    bench_clock_ns() + (u64)(strtod(argv[5], NULL) * SECOND_NS));
	printf("{\"sent\":%llu,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n", (unsigned long long)flood->bss->sent,
	       (double)took_ns / SECOND_NS, cpu_seconds());
	flood_bpf__destroy(flood);
	return 0;
}
