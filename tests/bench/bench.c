/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bench: the cost of a packet. Run by `make bench`, as root.
 *
 *   bench [--quick | --long] [--contenders] [--only packet,whole,veth,ruleset] [--out DIR] [--geo DIR]
 *
 * bench --turns 4|6 [--without-own]  measures cases read from stdin, for tests/bench/alternate. --without-own: the table of
 * the host's addresses is not in use.
 *
 * Four parts, each a table on stdout, and files in DIR (build):
 *   ruleset  bench-ruleset.json  time and memory of reading, compiling and publishing
 *   packet   bench.json          nanoseconds by BPF_PROG_TEST_RUN: bare drop, parsing, pass path, cut path, LPM tries
 *   whole    bench.json          the same for the whole path with limits, and for the textbook program
 *   veth     bench-veth.json     packets dropped per second behind a veth (IPv6: bench-veth6.json)
 * and finally the target figures. --contenders compares the candidate prefix tables, both ways.
 *
 * Rounds alternate over all cases and medians are kept, so that other load on the machine affects all alike; rows whose
 * tables exceed the caches still vary with it. BPF_PROG_TEST_RUN lets the CPU overlap packets, which hides part of
 * dependent cache misses; the veth hides less.
 */
#include <getopt.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "parts.h"
#include "util.h"

volatile sig_atomic_t bench_interrupted;

static const struct bench_plan plan_default = {
	.rounds = 5,
	.packets = 1u << 19,
	.packets_lpm = 1u << 17,
	.veth_round_ms = 500,
	.sources = {1u << 10, 1u << 16, 1u << 20},
	.sources_count = 3,
	.lpm_everywhere = true,
};

static const struct bench_plan plan_quick = {
	.rounds = 3,
	.packets = 1u << 18,
	.packets_lpm = 1u << 17,
	.veth_round_ms = 300,
	.sources = {1u << 16},
	.sources_count = 1,
};

static const struct bench_plan plan_long = {
	.rounds = 15,
	.packets = 1u << 21,
	.packets_lpm = 1u << 18,
	.veth_round_ms = 1500,
	.sources = {1u << 10, 1u << 16, 1u << 20},
	.sources_count = 3,
	.lpm_everywhere = true,
};

struct options {
	struct bench_plan plan;
	bool packet, whole, veth, ruleset;
	const char *out;
	const char *geo;
	u8 turns; /* 4 or 6: measure what stdin asks for; 0: off */
	bool without_own;
};

struct results {
	struct bench_cost costs[BENCH_COSTS_MAX];
	size_t costs_count;
	struct bench_making makings[BENCH_RULESETS];
	size_t makings_count;
	struct bench_rate rates[BENCH_RATES_MAX];
	size_t rates_count;
};

static void interrupt(int signal)
{
	(void)signal;
	bench_interrupted = 1;
}

/* A second signal kills at once. */
static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/*
 * Stay on one CPU, as its caches are measured, with the highest priority there: another process running for a few
 * milliseconds leaves the caches cold for longer than that. The last CPU has the fewest interrupts.
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
	static const struct option known[] = {{"quick", no_argument, NULL, 'q'},
					      {"long", no_argument, NULL, 'l'},
					      {"contenders", no_argument, NULL, 'c'},
					      {"only", required_argument, NULL, 'p'},
					      {"out", required_argument, NULL, 'o'},
					      {"geo", required_argument, NULL, 'g'},
					      {"turns", required_argument, NULL, 't'},
					      {"without-own", no_argument, NULL, 'n'},
					      {0}};
	const char *only = "packet,whole,veth,ruleset";
	bool contenders = false;
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
			contenders = true;
			break;
		case 'p':
			only = optarg;
			break;
		case 'o':
			options->out = optarg;
			break;
		case 't':
			options->turns = *optarg == '6' ? 6 : 4;
			break;
		case 'n':
			options->without_own = true;
			break;
		case 'g':
			options->geo = optarg;
			break;
		default:
			errx(2, "usage: bench [--quick | --long] [--contenders] [--only packet,whole,veth,ruleset] "
				"[--out DIR] [--geo DIR]");
		}
	}
	options->plan.contenders = contenders;
	options->packet = strstr(only, "packet");
	options->whole = strstr(only, "whole");
	options->veth = strstr(only, "veth");
	options->ruleset = strstr(only, "ruleset");
}

static void measure(const struct options *options, struct results *results)
{
	if (options->ruleset) {
		results->makings_count = bench_makings(&options->plan, results->makings);
		bench_print_makings(results->makings, results->makings_count);
		bench_write_makings(options->out, "bench-ruleset.json", results->makings, results->makings_count);
	}
	if (options->packet) {
		results->costs_count = bench_packets(&options->plan, results->costs);
		bench_print_costs(results->costs, results->costs_count);
	}
	if (options->whole) {
		struct bench_cost *wholes = results->costs + results->costs_count;
		size_t count = bench_whole(&options->plan, wholes);

		bench_print_wholes(wholes, count);
		results->costs_count += count;
	}
	if (options->packet || options->whole)
		bench_write_costs(options->out, "bench.json", results->costs, results->costs_count);
	if (options->packet && options->plan.contenders)
		bench_contenders(&options->plan);
	if (options->veth) {
		bench_note("veth");
		results->rates_count = bench_veth(&options->plan, results->rates);
		bench_print_rates(results->rates, results->rates_count);
		bench_write_rates(options->out, "bench-veth.json", 4, results->rates, results->rates_count);
		bench_write_rates(options->out, "bench-veth6.json", 6, results->rates, results->rates_count);
	}
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
	if (options.turns) {
		bench_turns(options.turns, !options.without_own);
		return 0;
	}
	mkdir(options.out, 0755);
	bench_print_memory("before");
	measure(&options, &results);
	printf("\n");
	bench_print_memory("after");
	bench_print_figures(results.costs, results.costs_count, results.makings, results.makings_count, results.rates,
			    results.rates_count);
	return 0;
}
