/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bench: what a packet costs. Run by `make bench`, as root.
 *
 *   bench [--quick | --long] [--contenders] [--only packet,veth,ruleset] [--out DIR] [--geo DIR]
 *
 * Three parts, each a table on stdout and a file in DIR (build):
 *   ruleset  bench-ruleset.json  time and memory of reading, compiling and publishing
 *   packet   bench.json          nanoseconds by BPF_PROG_TEST_RUN: bare drop, parsing, pass path, cut path, LPM tries
 *   veth     bench-veth.json     packets dropped per second behind a veth (IPv6: bench-veth6.json)
 * and then the figures to reach. --contenders compares the tables of prefixes that were considered, in both ways.
 *
 * Rounds go over all cases in turn and medians are kept, so that what else the machine does hits all alike; rows whose
 * tables do not fit the caches still move with it. BPF_PROG_TEST_RUN lets the processor overlap packets and so hides part of
 * dependent cache misses; the veth hides less.
 */
#include <getopt.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <bpf/libbpf.h>

#include "child.h"
#include "feeder.h"
#include "report.h"
#include "systems.h"
#include "util.h"
#include "veth.h"
#include "feed.skel.h"
#include "lpm.skel.h"

#define COSTS_MAX 64
#define ROUNDS_MAX 32

volatile sig_atomic_t bench_interrupted;

static const u32 sources_all[] = {1u << 10, 1u << 16, 1u << 20};
static const u32 sources_quick[] = {1u << 16};

static const struct plan plan_default = {5, 1u << 19, 1u << 17, sources_all, 3, true, {5, 1000, sources_all, 3, false}};
static const struct plan plan_quick = {3, 1u << 18, 1u << 17, sources_quick, 1, false, {3, 300, sources_quick, 1, false}};
static const struct plan plan_long = {15, 1u << 21, 1u << 18, sources_all, 3, true, {11, 2000, sources_all, 3, false}};

struct options {
	struct plan plan;
	bool packet, veth, ruleset, contenders;
	const char *out;
	const char *geo;
};

struct results {
	struct bench_cost costs[COSTS_MAX];
	size_t costs_count;
	struct bench_making makings[BENCH_RULESETS];
	size_t makings_count;
	struct bench_rate rates[BENCH_RATES_MAX];
	size_t rates_count;
};

/* ---- ruleset ---- */

static void make_ruleset(const void *argument, void *shared)
{
	enum bench_ruleset_kind kind = *(const enum bench_ruleset_kind *)argument;
	struct bench_making *making = shared;
	struct bench_spillway spillway;
	struct bench_ruleset ruleset;
	double publish_ns[5];

	bench_ruleset_configure(kind, &ruleset);
	bench_ruleset_compile(&ruleset);
	bench_spillway_load(&ruleset, &spillway);
	for (int i = 0; i < 5; i++) {
		u64 begin = bench_clock_ns();

		bench_spillway_publish(&ruleset, &spillway);
		publish_ns[i] = (double)(bench_clock_ns() - begin);
	}
	*making = (struct bench_making){
		.ruleset = ruleset.name,
		.prefixes4 = ruleset.image.prefixes4,
		.prefixes6 = ruleset.image.prefixes6,
		.read_ns = ruleset.read_ns,
		.compile_ns = ruleset.compile_ns,
		.publish_ns = (u64)bench_median(publish_ns, 5),
	};
	making->all_bytes = bench_spillway_bytes(&spillway, &making->map_bytes) + making->map_bytes;
}

/* Times are medians over children, memory is the largest. */
static void bench_makings(const struct plan *plan, struct results *results)
{
	for (enum bench_ruleset_kind kind = 0; kind < BENCH_RULESETS; kind++) {
		struct bench_making making = {0};
		double read_ns[ROUNDS_MAX], compile_ns[ROUNDS_MAX], publish_ns[ROUNDS_MAX];
		u64 peak_kib = 0;

		bench_note("ruleset %s", bench_ruleset_name(kind));
		for (u32 round = 0; round < plan->rounds; round++) {
			u64 kib = bench_child(make_ruleset, &kind, &making, sizeof(making));

			peak_kib = kib > peak_kib ? kib : peak_kib;
			read_ns[round] = (double)making.read_ns;
			compile_ns[round] = (double)making.compile_ns;
			publish_ns[round] = (double)making.publish_ns;
		}
		making.read_ns = (u64)bench_median(read_ns, plan->rounds);
		making.compile_ns = (u64)bench_median(compile_ns, plan->rounds);
		making.publish_ns = (u64)bench_median(publish_ns, plan->rounds);
		making.peak_kib = peak_kib;
		results->makings[results->makings_count++] = making;
	}
}

/* ---- the whole ---- */

static void interrupt(int signal)
{
	(void)signal;
	bench_interrupted = 1;
}

/* A second signal ends it at once. */
static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/*
 * One CPU throughout, as its caches are what is measured, and before everybody else there: another process that gets a
 * turn of a few milliseconds leaves the caches cold for longer than that. The last CPU has the fewest interrupts.
 */
static void claim_cpu(void)
{
	cpu_set_t cpus, one;

	setpriority(PRIO_PROCESS, 0, -20);

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return;
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &cpus))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {{"quick", no_argument, NULL, 'q'},      {"long", no_argument, NULL, 'l'},
					      {"contenders", no_argument, NULL, 'c'}, {"only", required_argument, NULL, 'p'},
					      {"out", required_argument, NULL, 'o'},  {"geo", required_argument, NULL, 'g'},
					      {0}};
	const char *only = "packet,veth,ruleset";
	int option;

	*options = (struct options){.plan = plan_default, .out = "build", .geo = "/usr/share/tor"};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'q':
			options->plan = plan_quick;
			break;
		case 'l':
			options->plan = plan_long;
			break;
		case 'c':
			options->contenders = true;
			break;
		case 'p':
			only = optarg;
			break;
		case 'o':
			options->out = optarg;
			break;
		case 'g':
			options->geo = optarg;
			break;
		default:
			errx(2, "usage: bench [--quick | --long] [--contenders] [--only packet,veth,ruleset] [--out DIR] [--geo DIR]");
		}
	}
	options->packet = strstr(only, "packet");
	options->veth = strstr(only, "veth");
	options->ruleset = strstr(only, "ruleset");
	options->plan.veth.contenders = options->contenders;
}

int main(int argc, char **argv)
{
	static struct results results;
	struct options options;

	parse_options(argc, argv, &options);
	setlinebuf(stdout);
	catch_signals();
	claim_cpu();
	bench_quiet_libbpf();
	atexit(bench_rulesets_cleanup);
	bench_rulesets_setup(options.geo);
	mkdir(options.out, 0755);
	bench_print_memory("before");
	if (options.ruleset) {
		bench_makings(&options.plan, &results);
		bench_print_makings(results.makings, results.makings_count);
		bench_write_makings(options.out, "bench-ruleset.json", results.makings, results.makings_count);
	}
	if (options.packet) {
		bench_packets(&options.plan, &results);
		bench_print_costs(results.costs, results.costs_count);
		bench_write_costs(options.out, "bench.json", results.costs, results.costs_count);
	}
	if (options.contenders && options.packet)
		bench_contenders(&options.plan);
	if (options.veth) {
		bench_note("veth");
		results.rates_count = bench_veth_run(&options.plan.veth, results.rates);
		bench_print_rates(results.rates, results.rates_count);
		bench_write_rates(options.out, "bench-veth.json", 4, results.rates, results.rates_count);
		bench_write_rates(options.out, "bench-veth6.json", 6, results.rates, results.rates_count);
	}
	printf("\n");
	bench_print_memory("after");
	bench_print_figures(results.costs, results.costs_count, results.makings, results.makings_count, results.rates,
			    results.rates_count);
	return 0;
}
