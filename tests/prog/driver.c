/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real program at the end of a pipe: loaded by the agent's own loader with nothing pinned and nothing attached, and
 * told line by line what to do, so that a test in another language can set orders and levels, send frames at chosen
 * moments and read counters. Started by tests/prog/budget.py; every command is answered by one line.
 *
 * driver CONFIG.yaml
 *   hello                      HZ
 *   control LEVEL MODE LEASE   LEASE: 1 valid, 0 expired
 *   order SERVICE COST STAY SALT DEBT WITHHELD {ROOM SHARE}
 *                              one pair a class, WITHHELD of all; numbers as in struct spw_service_order
 *   run HEX                    verdict reason jiffies-before jiffies-after arrival (of service 1)
 *   flood HEX COUNT THREADS KIND
 *                              ns jiffies-before jiffies-after, of COUNT frames a thread, each with another sequence
 *                              number; KIND 1: and another random source; 2: each 1,000 times over, at full speed
 *   work SERVICE CLASSES       fresh-pass fresh-drop resent-pass resent-drop, of each class
 *   shadow CLASSES             new work that enforcing would have dropped, of each class
 *   memory                     bytes of all maps
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../maps/trace.h"
#include "../../user/cmd/reading.h"
#include "../../user/io/datapath.h"
#include "../../user/io/sampler.h"
#include "spillway.skel.h"

enum { FRAME_MAX = 256, REPEAT = 1000 };

enum flood_kind { FRESH, SPOOFED, HAMMER };

struct flood {
	u8 frame[FRAME_MAX];
	u32 length;
	u64 count;
	enum flood_kind kind;
	int cpu;
	pthread_t thread;
};

static struct spw_datapath datapath;

static u64 jiffies(void)
{
	/* The lease of no time at all is now. */
	return spw_datapath_lease(&datapath, 0);
}

/* To the next of the values that kernels are built with; the loader does not ask where every judgement is traced. */
static u32 measure_hz(void)
{
	static const u32 usual[] = {100, 250, 300, 1000};
	u64 begin_ns = spw_monotonic_ns(), begin = jiffies();
	u32 best = 0;
	double rate;

	usleep(400000);
	rate = (double)(jiffies() - begin) * 1e9 / (double)(spw_monotonic_ns() - begin_ns);
	for (u32 i = 1; i < 4; i++)
		if ((rate - usual[i]) * (rate - usual[i]) < (rate - usual[best]) * (rate - usual[best]))
			best = i;
	return usual[best];
}

static u64 xorshift(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static u32 parse_hex(const char *text, u8 frame[FRAME_MAX])
{
	u32 length = 0, byte;

	while (length < FRAME_MAX && sscanf(text + 2 * length, "%2x", &byte) == 1)
		frame[length++] = (u8)byte;
	return length;
}

static void send_frame(u8 *frame, u32 length, int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = length, .repeat = repeat);

	if (bpf_prog_test_run_opts(datapath.program_fd, &options))
		err(1, "BPF_PROG_TEST_RUN");
}

static void set_control(const char *arguments)
{
	struct spw_control control = {.seed = 4711};
	const u32 key = 0;
	u32 lease;

	if (sscanf(arguments, "%u %u %u", &control.level, &control.mode, &lease) != 3)
		errx(2, "control: %s", arguments);
	control.lease_until_jiffies = lease ? UINT64_MAX : 0;
	if (bpf_map_update_elem(bpf_map__fd(datapath.skeleton->maps.control), &key, &control, BPF_ANY))
		err(1, "control");
	puts("ok");
}

static void set_order(const char *arguments)
{
	static struct spw_service_order orders[SPW_SERVICE_IDENTITIES];
	unsigned long long numbers[5 + 2 * SPW_CLASSES_MAX];
	char *end = (char *)arguments;
	u32 service = (u32)strtoul(arguments, &end, 10), count = 0;
	struct spw_service_order *order = &orders[service];

	while (*end && *end != '\n' && count < sizeof(numbers) / sizeof(*numbers))
		numbers[count++] = strtoull(end, &end, 10);
	if (count < 5 || service >= SPW_SERVICE_IDENTITIES)
		errx(2, "order: %s", arguments);
	*order = (struct spw_service_order){
		.cost_ticks = numbers[0], .stay_jiffies = numbers[1], .salt = numbers[2], .debt_ticks = numbers[3]};
	for (u32 i = 0; i < (count - 5) / 2; i++)
		order->classes[i] =
			(struct spw_class_order){numbers[5 + 2 * i], (u32)numbers[6 + 2 * i], (u32)numbers[4]};
	if (spw_datapath_order(&datapath, orders))
		err(1, "order");
	puts("ok");
}

static void run_frame(const char *arguments)
{
	u32 key = 0, service = 1;
	struct spw_budget_cell cell;
	struct spw_trace trace;
	u8 frame[FRAME_MAX];
	u32 length = parse_hex(arguments, frame);
	u64 before = jiffies();

	send_frame(frame, length, 1);
	if (bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.trace), &key, &trace) ||
	    bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.budget_cells), &service, &cell))
		err(1, "cannot read the trace");
	printf("%u %u %llu %llu %llu\n", trace.verdict, trace.reason, (unsigned long long)before,
	       (unsigned long long)jiffies(), (unsigned long long)cell.arrival_ticks);
}

/* IPv4 and TCP at their usual places. */
static void *send_flood(void *context)
{
	struct flood *flood = context;
	u64 state = 88172645463325252ull + (u64)flood->cpu;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(flood->cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (u64 i = 0; i < flood->count; i++) {
		u64 number = xorshift(&state);

		memcpy(flood->frame + 38, &number, 4);
		if (flood->kind == SPOOFED)
			memcpy(flood->frame + 26, (u8 *)&number + 4, 4);
		send_frame(flood->frame, flood->length, flood->kind == HAMMER ? REPEAT : 1);
	}
	return NULL;
}

static void run_flood(const char *arguments)
{
	int cpus = libbpf_num_possible_cpus();
	unsigned long long count;
	char hex[2 * FRAME_MAX + 1];
	struct flood floods[16];
	u32 threads, kind;
	u64 begin, before;

	if (sscanf(arguments, "%512s %llu %u %u", hex, &count, &threads, &kind) != 4 || threads > 16)
		errx(2, "flood: %s", arguments);
	begin = spw_monotonic_ns();
	before = jiffies();
	for (u32 i = 0; i < threads; i++) {
		floods[i] = (struct flood){.count = count, .kind = kind, .cpu = (int)i % cpus};
		floods[i].length = parse_hex(hex, floods[i].frame);
		if (pthread_create(&floods[i].thread, NULL, send_flood, &floods[i]))
			errx(1, "cannot start a thread");
	}
	for (u32 i = 0; i < threads; i++)
		pthread_join(floods[i].thread, NULL);
	printf("%llu %llu %llu\n", (unsigned long long)(spw_monotonic_ns() - begin), (unsigned long long)before,
	       (unsigned long long)jiffies());
}

/* The program's own maps in the place of pins, so that the sampler reads them as it reads the agent's. */
static void show_work(const char *arguments)
{
	struct spw_pins pins = {.fds = {[SPW_PIN_WORK_COUNTERS] = bpf_map__fd(datapath.skeleton->maps.work_counters)}};
	struct spw_work_counter counters[SPW_CLASSES_MAX];
	u32 service, classes;

	if (sscanf(arguments, "%u %u", &service, &classes) != 2 || spw_sample_work(&pins, service, classes, counters))
		errx(2, "work: %s", arguments);
	for (u32 i = 0; i < classes; i++)
		printf("%llu %llu %llu %llu ", (unsigned long long)counters[i].fresh[SPW_PASS],
		       (unsigned long long)counters[i].fresh[SPW_DROP],
		       (unsigned long long)counters[i].resent[SPW_PASS],
		       (unsigned long long)counters[i].resent[SPW_DROP]);
	putchar('\n');
}

static void show_shadow(const char *arguments)
{
	int cpus = libbpf_num_possible_cpus();
	u32 classes = (u32)strtoul(arguments, NULL, 10);

	for (u32 i = 0; i < classes; i++) {
		struct spw_class_counter values[cpus];
		u64 sum = 0;

		if (bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.class_counters), &i, values))
			err(1, "cannot read counters");
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += values[cpu].shadow_new_work[SPW_SHADOW_ENFORCED];
		printf("%llu ", (unsigned long long)sum);
	}
	putchar('\n');
}

static void show_memory(void)
{
	const struct bpf_map *map;
	unsigned long long bytes, sum = 0;
	char path[64], line[128];
	FILE *info;

	bpf_object__for_each_map(map, datapath.skeleton->obj)
	{
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
		info = fopen(path, "re");
		while (info && fgets(line, sizeof(line), info))
			if (sscanf(line, "memlock: %llu", &bytes) == 1)
				sum += bytes;
		if (info)
			fclose(info);
	}
	printf("%llu\n", sum);
}

static void obey(char *line)
{
	char *arguments = strchr(line, ' ');

	if (arguments)
		*arguments++ = '\0';
	else
		line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "hello"))
		printf("%u\n", measure_hz());
	else if (!strcmp(line, "memory"))
		show_memory();
	else if (!arguments)
		errx(2, "%s?", line);
	else if (!strcmp(line, "control"))
		set_control(arguments);
	else if (!strcmp(line, "order"))
		set_order(arguments);
	else if (!strcmp(line, "run"))
		run_frame(arguments);
	else if (!strcmp(line, "flood"))
		run_flood(arguments);
	else if (!strcmp(line, "work"))
		show_work(arguments);
	else if (!strcmp(line, "shadow"))
		show_shadow(arguments);
	else
		errx(2, "%s?", line);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static char line[8192];
	struct spw_diagnostics diagnostics = {0};
	char message[SPW_MESSAGE_MAX];
	struct spw_reading reading;
	int map;

	if (argc != 2)
		errx(2, "usage: driver CONFIG.yaml");
	if (spw_reading_make(argv[1], true, &reading, &diagnostics))
		errx(1, "%s: no ruleset", argv[1]);
	map = spw_ruleset_map(reading.image.ruleset, reading.image.bytes);
	if (map < 0)
		errx(1, "cannot make the map of the ruleset: %s", strerror(-map));
	if (spw_datapath_load(NULL, map, reading.image.ruleset->units_capacity, true, &datapath, message))
		errx(1, "%s", message);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	spw_datapath_free(&datapath);
	spw_reading_free(&reading);
	return 0;
}
