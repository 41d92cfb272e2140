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

/* How much of everything. */
struct plan {
	u32 rounds;
	u32 packets;	 /* in a run */
	u32 packets_lpm; /* the same for what takes microseconds */
	const u32 *sources;
	size_t sources_count;
	bool lpm_everywhere; /* or only for geo, as its tries take seconds to fill */
	struct bench_veth_plan veth;
};

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

/* ---- packet ---- */

/* A ruleset with everything that is measured on it. */
struct subject {
	struct bench_feeder feeder;
	struct bench_ruleset ruleset;
	struct bench_spillway spillway;
	struct lpm_bpf *lpm; /* NULL: not measured */
};

/* At green and at red. Every packet must have been judged as the case says, by the program's own counters. */
static double run_spillway(struct subject *subject, const struct plan *plan, enum bench_case which, u8 family, u32 sources)
{
	const struct bench_spillway *spillway = &subject->spillway;
	enum spw_reason reason = which == BENCH_CUT ? SPW_REASON_CUT : SPW_REASON_ADMITTED;
	u64 before = bench_spillway_count(spillway, reason);
	double ns;

	bench_spillway_set_level(spillway, which == BENCH_CUT ? SPW_RED : SPW_GREEN);
	ns = bench_feeder_run(&subject->feeder, family, spillway->datapath.program_fd, sources, plan->packets);
	if (bench_spillway_count(spillway, reason) - before != plan->packets)
		errx(1, "not every packet took the %s path", which == BENCH_CUT ? "cut" : "pass");
	return ns;
}

static double run_case(struct subject *subject, const struct plan *plan, enum bench_case which, u8 family, u32 sources)
{
	const struct bpf_program *program = subject->feeder.skeleton->progs.bare;
	u32 packets = plan->packets;

	if (which == BENCH_PASS || which == BENCH_CUT)
		return run_spillway(subject, plan, which, family, sources);
	if (which == BENCH_PARSE)
		program = subject->feeder.skeleton->progs.parse;
	if (which == BENCH_LPM) {
		program = subject->lpm->progs.lpm;
		packets = plan->packets_lpm;
	}
	return bench_feeder_run(&subject->feeder, family, bpf_program__fd(program), sources, packets);
}

/* All cases and numbers of sources in turn, as many rounds as planned. */
static void bench_group(struct subject *subject, const struct plan *plan, u8 family, bool uniform,
			struct results *results)
{
	static double ns[8][BENCH_CASES][ROUNDS_MAX];

	bench_draw(&subject->ruleset, family, uniform, subject->feeder.sources);
	for (u32 round = 0; round < plan->rounds; round++)
		for (size_t s = 0; s < plan->sources_count; s++)
			for (int i = 0; i < BENCH_CASES; i++)
				if (i != BENCH_LPM || subject->lpm)
					ns[s][i][round] = run_case(subject, plan, i, family, plan->sources[s]);
	for (size_t s = 0; s < plan->sources_count && results->costs_count < COSTS_MAX; s++) {
		struct bench_cost *cost = &results->costs[results->costs_count++];

		*cost = (struct bench_cost){
			.family = family,
			.ruleset = subject->ruleset.name,
			.draw = uniform ? "uniform" : "ranges",
			.prefixes = bench_prefixes(&subject->ruleset, family),
			.sources = plan->sources[s],
		};
		for (int i = 0; i < BENCH_CASES; i++) {
			cost->has[i] = i != BENCH_LPM || subject->lpm;
			if (!cost->has[i])
				continue;
			cost->ns[i] = bench_median(ns[s][i], plan->rounds);
			cost->best_ns[i] = ns[s][i][0]; /* sorted by now */
		}
	}
}

static void load_subject(enum bench_ruleset_kind kind, bool with_lpm, struct subject *subject)
{
	bench_ruleset_configure(kind, &subject->ruleset);
	bench_ruleset_compile(&subject->ruleset);
	bench_ruleset_prepare(kind, &subject->ruleset);
	bench_spillway_load(&subject->ruleset, &subject->spillway);
	bench_check_interrupt();
	subject->lpm = with_lpm ? bench_lpm_load(&subject->ruleset) : NULL;
}

static void free_subject(struct subject *subject)
{
	lpm_bpf__destroy(subject->lpm);
	bench_spillway_free(&subject->spillway);
	bench_ruleset_free(&subject->ruleset);
}

static void bench_packets(const struct plan *plan, struct results *results)
{
	struct subject subject = {0};

	bench_feeder_load(&subject.feeder);
	for (enum bench_ruleset_kind kind = 0; kind < BENCH_RULESETS; kind++) {
		bench_note("packets through %s", bench_ruleset_name(kind));
		load_subject(kind, plan->lpm_everywhere || kind == BENCH_GEO, &subject);
		for (u8 family = 4; family <= 6; family += 2)
			for (int uniform = 0; uniform < 2; uniform++)
				bench_group(&subject, plan, family, uniform, results);
		free_subject(&subject);
	}
	bench_feeder_free(&subject.feeder);
}

/* ---- contenders ---- */

struct contender {
	bool there;
	struct bench_rival_table table;
};

/* Does the table find what a plain search finds? */
static void verify(struct subject *subject, const struct contender *contender)
{
	const u32 sources = 1u << 16;
	u64 before = contender->table.found->slots;
	u64 expected = bench_rival_expect(&contender->table, &subject->ruleset, subject->feeder.sources, sources);

	bench_feeder_run(&subject->feeder, contender->table.family, contender->table.program_fd, sources, 2 * sources);
	if (contender->table.found->slots - before != 2 * expected)
		errx(1, "%s finds something else than a plain search", bench_rival_name(contender->table.kind));
}

static void bench_contender_rows(struct subject *subject, const struct plan *plan, struct contender *contenders,
				 u8 family, bool uniform)
{
	double ns[BENCH_RIVALS][ROUNDS_MAX], floor;

	bench_draw(&subject->ruleset, family, uniform, subject->feeder.sources);
	for (int i = 0; i < BENCH_RIVALS; i++)
		if (contenders[i].there)
			verify(subject, &contenders[i]);
	for (size_t s = 0; s < plan->sources_count; s++) {
		for (u32 round = 0; round < plan->rounds; round++)
			for (int i = 0; i < BENCH_RIVALS; i++)
				if (contenders[i].there)
					ns[i][round] = bench_feeder_run(
						&subject->feeder, family, contenders[i].table.program_fd, plan->sources[s],
						i == BENCH_LPM_ONLY ? plan->packets_lpm : plan->packets);
		floor = bench_median(ns[BENCH_READ], plan->rounds);
		printf("%-12s IPv%u %-8s %8u %8.1f", subject->ruleset.name, family, uniform ? "uniform" : "ranges",
		       plan->sources[s], floor);
		for (int i = BENCH_READ + 1; i < BENCH_RIVALS; i++)
			contenders[i].there ? printf(" %9.1f", bench_median(ns[i], plan->rounds) - floor) :
					      printf(" %9s", "-");
		printf("\n");
	}
}

static void bench_contender_family(struct subject *subject, const struct plan *plan, u8 family)
{
	struct contender contenders[BENCH_RIVALS];

	for (int i = 0; i < BENCH_RIVALS; i++)
		contenders[i].there =
			bench_rival_load(i, &subject->ruleset, family, subject->lpm, &contenders[i].table);
	for (int uniform = 0; uniform < 2; uniform++)
		bench_contender_rows(subject, plan, contenders, family, uniform);
	printf("%-12s IPv%u MB (line: both families)%11s", subject->ruleset.name, family, "");
	for (int i = BENCH_READ + 1; i < BENCH_RIVALS; i++) {
		contenders[i].there && contenders[i].table.bytes ? printf(" %9.1f", (double)contenders[i].table.bytes / 1e6) :
								   printf(" %9s", "-");
		if (contenders[i].there)
			bench_rival_free(&contenders[i].table);
	}
	printf("\n");
	bench_rival_free(&contenders[BENCH_READ].table);
}

static void bench_contenders(const struct plan *plan)
{
	struct subject subject = {0};

	printf("\nClassification alone, ns over the floor (reading the source), BPF_PROG_TEST_RUN; medians\n");
	printf("%-12s %4s %-8s %8s %8s", "ruleset", "", "draw", "sources", "floor");
	for (int i = BENCH_READ + 1; i < BENCH_RIVALS; i++)
		printf(" %9s", bench_rival_name(i));
	printf("\n");
	bench_feeder_load(&subject.feeder);
	for (enum bench_ruleset_kind kind = BENCH_GEO; kind < BENCH_RULESETS; kind++) {
		bench_note("tables of %s", bench_ruleset_name(kind));
		load_subject(kind, true, &subject);
		for (u8 family = 4; family <= 6; family += 2)
			bench_contender_family(&subject, plan, family);
		free_subject(&subject);
	}
	bench_feeder_free(&subject.feeder);
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
	if (options.contenders)
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
