/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A veth pair in a network namespace of its own, which ends with the process that made it. Live frames of
 * BPF_PROG_TEST_RUN leave through one end with real-world sources; at the other end the program under test drops every
 * one of them. Nothing can leave the namespace: there is no other interface in it, no address, no route, lo is down,
 * IPv6 is off; and no program here ever passes a packet on.
 *
 * Generator and receiver run on one CPU in turns of a batch, so a packet's time holds both: bare drops are the measure.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "parts.h"
#include "util.h"
#include "feed.skel.h"
#include "lpm.skel.h"

#define SENDER	 "bench0"
#define RECEIVER "bench1"

extern char **environ;

/* ---- the wire ---- */

__attribute__((sentinel)) static void run_ip(const char *first, ...)
{
	char *words[16] = {"ip", (char *)first};
	size_t count = 2;
	va_list more;
	int status;
	pid_t pid;

	va_start(more, first);
	while (count < 15 && (words[count] = va_arg(more, char *)))
		count++;
	va_end(more);
	if (posix_spawnp(&pid, "ip", NULL, NULL, words, environ) || waitpid(pid, &status, 0) != pid || status)
		errx(1, "ip %s %s failed", words[1], words[2]);
}

static void switch_off_ipv6(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* a kernel without IPv6 */
	if (write(fd, "1", 1) != 1)
		err(1, "%s", path);
	close(fd);
}

static void make_wire(void)
{
	if (unshare(CLONE_NEWNET))
		err(1, "cannot make a network namespace");
	switch_off_ipv6("/proc/sys/net/ipv6/conf/all/disable_ipv6");
	switch_off_ipv6("/proc/sys/net/ipv6/conf/default/disable_ipv6");
	run_ip("link", "add", SENDER, "type", "veth", "peer", "name", RECEIVER, NULL);
	run_ip("link", "set", SENDER, "up", NULL);
	run_ip("link", "set", RECEIVER, "up", NULL);
}

/* ---- what stands at the other end ---- */

enum receiver_kind {
	RECEIVER_BARE,
	RECEIVER_SPILLWAY,
	RECEIVER_LPM,
	RECEIVER_RIVAL, /* + enum bench_rival */
	RECEIVERS_MAX = RECEIVER_RIVAL + BENCH_RIVALS,
};

struct receiver {
	const char *name;
	bool there;
	int program_fd;
	struct bench_rival_table table;
};

struct bench {
	const struct bench_plan *plan;
	struct bench_subject subject;
	struct receiver receivers[RECEIVERS_MAX];
};

static u64 count_bare(const struct bench *bench)
{
	int cpus = libbpf_num_possible_cpus();
	u64 counts[cpus], sum = 0;
	const u32 key = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(bench->subject.feeder.skeleton->maps.drops), &key, counts))
		err(1, "cannot read counters");
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += counts[cpu];
	return sum;
}

/* By the receiving program's own word. */
static u64 count_drops(const struct bench *bench, int receiver)
{
	switch (receiver) {
	case RECEIVER_BARE:
		return count_bare(bench);
	case RECEIVER_SPILLWAY:
		return bench_spillway_count(&bench->subject.spillway, SPW_REASON_CUT);
	case RECEIVER_LPM:
		return bench_lpm_count(bench->subject.lpm);
	default:
		return bench->receivers[receiver].table.found->packets;
	}
}

static void load_receivers(struct bench *bench, u8 family)
{
	struct receiver *receivers = bench->receivers;

	receivers[RECEIVER_BARE] =
		(struct receiver){.name = "bare",
				  .there = true,
				  .program_fd = bpf_program__fd(bench->subject.feeder.skeleton->progs.bare_counted)};
	receivers[RECEIVER_SPILLWAY] = (struct receiver){
		.name = "spillway", .there = true, .program_fd = bench->subject.spillway.datapath.program_fd};
	receivers[RECEIVER_LPM] = (struct receiver){
		.name = "lpm", .there = true, .program_fd = bpf_program__fd(bench->subject.lpm->progs.lpm)};
	for (int i = 0; i < BENCH_RIVALS && bench->plan->contenders; i++) {
		struct receiver *receiver = &receivers[RECEIVER_RIVAL + i];

		if (receiver->there)
			bench_rival_free(&receiver->table);
		receiver->name = bench_rival_name(i);
		receiver->there =
			bench_rival_load(i, &bench->subject.ruleset, family, bench->subject.lpm, &receiver->table);
		receiver->program_fd = receiver->table.program_fd;
	}
}

/* ---- a round ---- */

static void send_frames(struct bench *bench, u8 family, u32 sources, u32 packets)
{
	const struct feed_bpf *skeleton = bench->subject.feeder.skeleton;
	const struct bpf_program *entry = family == 4 ? skeleton->progs.send4 : skeleton->progs.send6;
	struct xdp_md context = {.ingress_ifindex = if_nametoindex(SENDER)};
	u8 frame[BENCH_FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .ctx_in = &context, .ctx_size_in = sizeof(context),
		    .repeat = (int)packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	context.data_end = options.data_size_in = (u32)bench_frame(family, BENCH_SERVICE_PORT, frame);
	skeleton->bss->feed.sources_mask = sources - 1;
	if (bpf_prog_test_run_opts(bpf_program__fd(entry), &options)) {
		bench_check_interrupt();
		err(1, "BPF_PROG_TEST_RUN with live frames");
	}
}

/* Packets dropped per second: what part of them arrived, by the time that the median segment took. */
static double measure(struct bench *bench, u8 family, int receiver, u32 sources)
{
	const u32 pilot = 1u << 18;
	double ns, packets;
	u64 drops;

	if (bpf_xdp_attach((int)if_nametoindex(RECEIVER), bench->receivers[receiver].program_fd, XDP_FLAGS_DRV_MODE,
			   NULL))
		err(1, "cannot attach to %s in native mode", RECEIVER);
	send_frames(bench, family, sources, pilot);
	ns = bench_feeder_median(&bench->subject.feeder, sources, pilot);
	packets = bench->plan->veth_round_ms * 1e6 / ns;
	if (packets > BENCH_PACKETS_MAX)
		packets = BENCH_PACKETS_MAX;
	if (packets < pilot)
		packets = pilot;
	drops = count_drops(bench, receiver);
	send_frames(bench, family, sources, (u32)packets);
	drops = count_drops(bench, receiver) - drops;
	if ((double)drops < packets * 0.9)
		errx(1, "of %.0f packets only %llu arrived", packets, (unsigned long long)drops);
	return (double)drops / packets * 1e9 / bench_feeder_median(&bench->subject.feeder, sources, (u32)packets);
}

static void measure_family(struct bench *bench, u8 family, struct bench_rate *rates, size_t *count)
{
	const struct bench_plan *plan = bench->plan;
	double pps[RECEIVERS_MAX][BENCH_ROUNDS_MAX], bare = 1;

	bench_draw(&bench->subject.ruleset, family, false, bench->subject.feeder.sources);
	for (size_t s = 0; s < plan->sources_count; s++) {
		for (u32 round = 0; round < plan->rounds; round++)
			for (int i = 0; i < RECEIVERS_MAX; i++)
				if (bench->receivers[i].there)
					pps[i][round] = measure(bench, family, i, plan->sources[s]);
		for (int i = 0; i < RECEIVERS_MAX && *count < BENCH_RATES_MAX; i++) {
			double median;

			if (!bench->receivers[i].there)
				continue;
			median = bench_median(pps[i], plan->rounds);
			if (i == RECEIVER_BARE)
				bare = median;
			rates[(*count)++] = (struct bench_rate){bench->receivers[i].name, family, plan->sources[s],
								median, median / bare};
		}
	}
}

struct result {
	size_t count;
	struct bench_rate rates[BENCH_RATES_MAX];
};

static void work(const void *argument, void *shared)
{
	struct result *result = shared;
	struct bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		errx(1, "out of memory");
	bench->plan = argument;
	make_wire();
	bench_feeder_load(&bench->subject.feeder);
	bench_subject_load(BENCH_GEO, true, &bench->subject);
	bench_spillway_set_level(&bench->subject.spillway, SPW_RED);
	for (u8 family = 4; family <= 6; family += 2) {
		load_receivers(bench, family);
		measure_family(bench, family, result->rates, &result->count);
	}
}

size_t bench_veth(const struct bench_plan *plan, struct bench_rate rates[BENCH_RATES_MAX])
{
	struct result result;

	bench_child(work, plan, &result, sizeof(result));
	memcpy(rates, result.rates, sizeof(result.rates));
	return result.count;
}
