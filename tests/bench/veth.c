/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets dropped per second behind a veth (wire.c), in three tasks, each compared with a bare drop in the same rounds:
 *   prefix  all of tor-geoipdb is cut; LPM tries and nftables sets hold it too
 *   rate    at most a packet a minute from each of 64k sources, of any prefix; iptables and nftables do the same
 *   whole   the whole path over a million prefixes, every packet within its limits, finally refused by the budget; the
 *           textbook program refuses at its end too
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "child.h"
#include "filters.h"
#include "parts.h"
#include "util.h"
#include "wire.h"
#include "feed.skel.h"
#include "lpm.skel.h"
#include "textbook.skel.h"

enum {
	RECEIVERS_MAX = 4 + BENCH_RIVALS,
	FIGURE_SOURCES = 1 << 16, /* for systems measured at one number of sources */
};

struct receiver;

/* One task, its ruleset, and the receivers. */
struct task {
	const char *what;
	const struct bench_plan *plan;
	struct bench_subject subject;
	struct textbook_bpf *textbook;
	struct bench_rival_table rivals[BENCH_RIVALS];
	struct bench_ranges some_ranges; /* of nftables' set */
	struct receiver {
		const char *name;
		int program_fd;					     /* -1: the kernel's own filter, without XDP */
		u64 (*count)(const struct task *task, int receiver); /* drops, by the receiver's counter */
		enum bench_filter filter;
		bool one_number; /* of sources: FIGURE_SOURCES */
	} receivers[RECEIVERS_MAX];
	int receivers_count;
};

/* ---- receivers ---- */

static u64 count_bare(const struct task *task, int receiver)
{
	int cpus = libbpf_num_possible_cpus();
	u64 counts[cpus], sum = 0;
	const u32 key = 0;

	(void)receiver;
	if (bpf_map_lookup_elem(bpf_map__fd(task->subject.feeder.skeleton->maps.drops), &key, counts))
		err(1, "cannot read counters");
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += counts[cpu];
	return sum;
}

static u64 count_cut(const struct task *task, int receiver)
{
	(void)receiver;
	return bench_spillway_count(&task->subject.spillway, SPW_REASON_CUT);
}

static u64 count_source_packets(const struct task *task, int receiver)
{
	(void)receiver;
	return bench_spillway_count(&task->subject.spillway, SPW_REASON_SOURCE_PACKETS);
}

static u64 count_budget(const struct task *task, int receiver)
{
	(void)receiver;
	return bench_spillway_count(&task->subject.spillway, SPW_REASON_BUDGET);
}

static u64 count_lpm(const struct task *task, int receiver)
{
	(void)receiver;
	return bench_lpm_count(task->subject.lpm);
}

static u64 count_textbook(const struct task *task, int receiver)
{
	(void)receiver;
	return bench_textbook_count(task->textbook, BENCH_TEXTBOOK_OVER);
}

static u64 count_filter(const struct task *task, int receiver)
{
	return bench_filter_count(task->receivers[receiver].filter);
}

static u64 count_rival(const struct task *task, int receiver)
{
	for (int i = 0; i < BENCH_RIVALS; i++)
		if (task->rivals[i].program_fd == task->receivers[receiver].program_fd)
			return task->rivals[i].found->packets;
	return 0;
}

static void add(struct task *task, struct receiver receiver)
{
	task->receivers[task->receivers_count++] = receiver;
}

static void add_programs(struct task *task, u64 (*count_spillway)(const struct task *task, int receiver))
{
	add(task, (struct receiver){.name = "bare",
				    .program_fd = bpf_program__fd(task->subject.feeder.skeleton->progs.bare_counted),
				    .count = count_bare});
	add(task, (struct receiver){.name = "spillway",
				    .program_fd = task->subject.spillway.datapath.program_fd,
				    .count = count_spillway});
}

static void add_filter(struct task *task, const char *name, enum bench_filter filter)
{
	add(task, (struct receiver){
			  .name = name, .program_fd = -1, .count = count_filter, .filter = filter, .one_number = true});
}

/* ---- a round ---- */

static void prepare(struct task *task, const struct receiver *receiver)
{
	struct bench_feed *feed = &task->subject.feeder.skeleton->bss->feed;

	bench_wire_attach(receiver->program_fd);
	feed->checksum = receiver->program_fd < 0;
	if (receiver->program_fd >= 0)
		return;
	bench_filter_start(receiver->filter, &task->some_ranges);
	if (receiver->filter == BENCH_NFT_PREFIX)
		bench_draw_from(&task->some_ranges, task->subject.feeder.sources);
}

static void finish(struct task *task, u8 family, const struct receiver *receiver)
{
	task->subject.feeder.skeleton->bss->feed.checksum = 0;
	if (receiver->program_fd >= 0)
		return;
	bench_filter_stop(receiver->filter);
	if (receiver->filter == BENCH_NFT_PREFIX)
		bench_draw(&task->subject.ruleset, family, false, task->subject.feeder.sources);
}

/* Packets dropped per second: the share that arrived and was dropped, over the time of the median segment. */
static double measure(struct task *task, u8 family, int receiver, u32 sources)
{
	const struct receiver *chosen = &task->receivers[receiver];
	const u32 pilot = 1u << 17;
	double ns, packets;
	u64 drops;

	prepare(task, chosen);
	bench_wire_send(&task->subject.feeder, family, sources, pilot);
	ns = bench_feeder_median(&task->subject.feeder, sources, pilot);
	packets = task->plan->veth_round_ms * 1e6 / ns;
	if (packets > BENCH_PACKETS_MAX)
		packets = BENCH_PACKETS_MAX;
	if (packets < pilot)
		packets = pilot;
	drops = chosen->count(task, receiver);
	bench_wire_send(&task->subject.feeder, family, sources, (u32)packets);
	ns = bench_feeder_median(&task->subject.feeder, sources, (u32)packets);
	drops = chosen->count(task, receiver) - drops;
	if ((double)drops < packets * 0.9)
		errx(1, "%s, %s: of %.0f packets only %llu were dropped", task->what, chosen->name, packets,
		     (unsigned long long)drops);
	finish(task, family, chosen);
	return (double)drops / packets * 1e9 / ns;
}

static bool takes_part(const struct receiver *receiver, u8 family, u32 sources)
{
	return !receiver->one_number || (family == 4 && sources == FIGURE_SOURCES);
}

/* All receivers alternately, in the planned number of rounds. */
static void measure_row(struct task *task, u8 family, u32 sources, struct bench_rate *rates, size_t *count)
{
	double pps[RECEIVERS_MAX][BENCH_ROUNDS_MAX], bare = 1;

	for (u32 round = 0; round < task->plan->rounds; round++)
		for (int i = 0; i < task->receivers_count; i++)
			if (takes_part(&task->receivers[i], family, sources))
				pps[i][round] = measure(task, family, i, sources);
	for (int i = 0; i < task->receivers_count && *count < BENCH_RATES_MAX; i++) {
		double median;

		if (!takes_part(&task->receivers[i], family, sources))
			continue;
		median = bench_median(pps[i], task->plan->rounds);
		bare = i ? bare : median;
		rates[(*count)++] = (struct bench_rate){
			task->receivers[i].name, task->what, family, sources, median, median / bare};
	}
}

static void measure_family(struct task *task, u8 family, struct bench_rate *rates, size_t *count)
{
	bench_draw(&task->subject.ruleset, family, false, task->subject.feeder.sources);
	for (size_t s = 0; s < task->plan->sources_count; s++)
		measure_row(task, family, task->plan->sources[s], rates, count);
}

/* ---- tasks ---- */

static void add_rivals(struct task *task, u8 family)
{
	for (int i = 0; i < BENCH_RIVALS && task->plan->contenders; i++) {
		bench_rival_free(&task->rivals[i]);
		if (bench_rival_load(i, &task->subject.ruleset, family, task->subject.lpm, &task->rivals[i]))
			add(task, (struct receiver){.name = bench_rival_name(i),
						    .program_fd = task->rivals[i].program_fd,
						    .count = count_rival});
	}
}

static void measure_prefix(struct task *task, struct bench_rate *rates, size_t *count)
{
	bench_subject_load(BENCH_GEO, BENCH_UNLIMITED, true, &task->subject);
	bench_spillway_set_level(&task->subject.spillway, SPW_RED);
	task->some_ranges = bench_filter_ranges(&task->subject.ruleset.ranges[0]);
	for (u8 family = 4; family <= 6; family += 2) {
		task->receivers_count = 0;
		add_programs(task, count_cut);
		add(task, (struct receiver){.name = "lpm",
					    .program_fd = bpf_program__fd(task->subject.lpm->progs.lpm),
					    .count = count_lpm});
		add_filter(task, "nftables", BENCH_NFT_PREFIX);
		add_rivals(task, family);
		measure_family(task, family, rates, count);
	}
	free(task->some_ranges.items);
}

static void measure_rate(struct task *task, struct bench_rate *rates, size_t *count)
{
	bench_subject_load(BENCH_ONE, BENCH_BEYOND_LIMITS, false, &task->subject);
	add_programs(task, count_source_packets);
	add_filter(task, "iptables", BENCH_IPTABLES_RATE);
	add_filter(task, "nftables", BENCH_NFT_RATE);
	bench_draw(&task->subject.ruleset, 4, true, task->subject.feeder.sources);
	measure_row(task, 4, FIGURE_SOURCES, rates, count);
}

static void measure_whole(struct task *task, struct bench_rate *rates, size_t *count)
{
	bench_subject_load(BENCH_SYNTHETIC, BENCH_WITHIN_LIMITS, false, &task->subject);
	bench_spillway_budget(&task->subject.spillway, false);
	task->textbook = bench_textbook_load(&task->subject.ruleset);
	bench_textbook_rate(task->textbook, false);
	task->subject.feeder.service = true;
	add_programs(task, count_budget);
	add(task, (struct receiver){.name = "textbook",
				    .program_fd = bpf_program__fd(task->textbook->progs.textbook),
				    .count = count_textbook});
	measure_family(task, 4, rates, count);
}

struct result {
	size_t count;
	struct bench_rate rates[BENCH_RATES_MAX];
};

static const struct {
	const char *what;
	void (*measure)(struct task *task, struct bench_rate *rates, size_t *count);
} tasks[] = {{"prefix", measure_prefix}, {"rate", measure_rate}, {"whole", measure_whole}};

static void work(const void *argument, void *shared)
{
	struct result *result = shared;
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		errx(1, "out of memory");
	bench_wire_make();
	for (size_t i = 0; i < sizeof(tasks) / sizeof(*tasks); i++) {
		bench_note("veth, %s", tasks[i].what);
		*task = (struct task){.what = tasks[i].what, .plan = argument};
		bench_feeder_load(&task->subject.feeder);
		tasks[i].measure(task, result->rates, &result->count);
		textbook_bpf__destroy(task->textbook);
		bench_subject_free(&task->subject);
		bench_feeder_free(&task->subject.feeder);
	}
	free(task);
}

size_t bench_veth(const struct bench_plan *plan, struct bench_rate rates[BENCH_RATES_MAX])
{
	struct result result;

	bench_child(work, plan, &result, sizeof(result));
	memcpy(rates, result.rates, sizeof(result.rates));
	return result.count;
}
