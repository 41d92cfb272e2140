/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real program controlled over a pipe: loaded by the agent's own loader, with nothing pinned or attached, so that tests
 * in another language can set admission parameters and levels, send frames at chosen times and read counters. Started by
 * tests/prog/budget.py; every command is answered by one line.
 *
 * driver CONFIG.yaml
 *   hello                      HZ
 *   control LEVEL MODE LEASE   LEASE: 1 valid, 0 expired
 *   admission SERVICE INTERVAL STAY SALT DEBT WITHHELD {TOLERANCE SHARE}
 *                              one pair a class, WITHHELD of all; numbers as in struct spw_service_admission
 *   run HEX                    verdict reason jiffies-before jiffies-after arrival (of service 1)
 *   flood HEX COUNT THREADS KIND
 *                              ns jiffies-before jiffies-after, of COUNT frames a thread, each with another sequence
 *                              number; KIND 1: and another random source; 2: each 1,000 times over, at full speed;
 *                              3: and another source of its /24; 4: as 2, until the first thread is done; 5: UDP, each
 *                              with another random source and source port; 6: as it is, each 1,000 times over
 *   work SERVICE CLASSES       fresh-pass fresh-drop resent-pass resent-drop, of each class
 *   shadow CLASSES             new work that enforcing would have dropped, of each class
 *   limit CLASS SCOPE KIND RATE BURST FROM
 *                              in place of what the configuration says; RATE 0: none
 *   fair CLASS RATE            a fair share; RATE 0: none
 *   sessions IDLE RATE BURST   limits of UDP sessions: jiffies, datagrams a second, datagrams
 *   light CLASSES RATE BURST READY
 *                              light listener of service 1: bits of class identities, answers a second, enum spw_light_ready
 *   lights CLASSES             answered over, of each class; then how many flows are marked
 *   resets CLASSES             refuse: reset; bits of class identities
 *   reset CLASS                RSTs sent and not sent
 *   answer HEX                 the action, and the bytes of the frame that it leaves
 *   publish                    the same ruleset once more
 *   own MAC PREFIX ...         the station and addresses of this host; MAC -: everything is for this host
 *   seeds BLIND0 SEED0 BLIND1 SEED1
 *                              BLIND: 1: the row warms
 *   reasons                    packets by reason, from 0 on
 *   look_up SERVICE ADDRESS    of a source without a packet: answered (1), management (1), inside (1), class, place
 *   meters                     cells in use and cells in all, of sources; the same of prefixes
 *   memory                     bytes of all maps
 *   sampling PASS DROP         from now on 1 in 1 << PASS is sampled, and of what is dropped 1 in 1 << DROP; -1: none
 *   samples                    taken-pass taken-drop bounded-pass bounded-drop full-pass full-drop, since the start;
 *                              then of what the ring holds, which is taken out: count, packets passed and dropped
 *                              that it stands for; of the last: reason list class new shift length captured
 *                              source (its upper 64 bits) sport dport, and how many bytes of it are not its frame's
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/sample.h"
#include "maps/lookup.h"
#include "maps/trace.h"
#include "user/config/limit_policy.h"
#include "user/cmd/dry_run.h"
#include "user/core/own/own_set.h"
#include "user/kernel/datapath.h"
#include "user/kernel/sample_ring.h"
#include "user/base/clock.h"
#include "user/kernel/snapshot_reader.h"
#include "spillway.skel.h"

enum { FRAME_MAX = 256, REPEAT = 1000, GAP_NS = 5000000, GAPS_MAX = 8192 };

/* TOGETHER: like HAMMER, but ends when one thread is done: alone, a thread sends a tenth of what two do */
enum flood_kind { FRESH, SPOOFED, HAMMER, ROTATING, TOGETHER, DATAGRAMS, SAME };

struct flood {
	u8 frame[FRAME_MAX];
	u32 length;
	u64 count;
	enum flood_kind kind;
	int cpu;
	pthread_t thread;
	u64 ended; /* jiffies right after its last packet: a join may come late */
};

static bool one_is_done; /* of the threads of this flood */

/* Pauses of this flood, in which no thread sent anything because other programs had the CPUs. */
static struct {
	u64 last_ns, first_ns; /* when something was sent last; from the beginning to the first packets */
	u64 count, ns[GAPS_MAX];
} gaps;
static struct spw_datapath datapath;
static struct spw_limit_policy policy;
static struct spw_limits limits;
static double fair_per_s[SPW_CLASSES_MAX];
static u32 hz;

/* Content of the ring buffer. */
static struct {
	u64 count, packets[SPW_VERDICTS], strange; /* bytes that differ from the last frame that was run */
	struct spw_sample last;
	struct spw_packet packet;
} samples;
static u8 last_frame[FRAME_MAX];

static u64 jiffies(void)
{
	/* A lease of length zero ends now. */
	return spw_datapath_lease(&datapath, 0);
}

/* Rounded to the nearest usual value; the loader does not measure it when every judgement is traced. */
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
	static struct spw_service_admission admissions[SPW_SERVICE_IDENTITIES];
	unsigned long long numbers[5 + 2 * SPW_CLASSES_MAX];
	char *end = (char *)arguments;
	u32 service = (u32)strtoul(arguments, &end, 10), count = 0;
	struct spw_service_admission *admission = &admissions[service];

	while (*end && *end != '\n' && count < sizeof(numbers) / sizeof(*numbers))
		numbers[count++] = strtoull(end, &end, 10);
	if (count < 5 || service >= SPW_SERVICE_IDENTITIES)
		errx(2, "admission: %s", arguments);
	*admission = (struct spw_service_admission){
		.interval_ticks = numbers[0], .stay_jiffies = numbers[1], .salt = numbers[2], .debt_ticks = numbers[3]};
	for (u32 i = 0; i < (count - 5) / 2; i++)
		admission->classes[i] =
			(struct spw_class_admission){numbers[5 + 2 * i], (u32)numbers[6 + 2 * i], (u32)numbers[4]};
	if (spw_datapath_admit(&datapath, admissions))
		err(1, "admission");
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

	memcpy(last_frame, frame, sizeof(last_frame));
	send_frame(frame, length, 1);
	if (bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.trace), &key, &trace) ||
	    bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.budget_cells), &service, &cell))
		err(1, "cannot read the trace");
	printf("%u %u %llu %llu %llu\n", trace.verdict, trace.reason, (unsigned long long)before,
	       (unsigned long long)jiffies(), (unsigned long long)cell.arrival_ticks);
}

static void note_sent(void)
{
	u64 now = spw_monotonic_ns(), former = __atomic_load_n(&gaps.last_ns, __ATOMIC_RELAXED), number;

	while (former < now &&
	       !__atomic_compare_exchange_n(&gaps.last_ns, &former, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if (now <= former)
		return;
	number = 0;
	if (__atomic_compare_exchange_n(&gaps.first_ns, &number, now - former, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		return;
	if (now - former <= GAP_NS)
		return;
	number = __atomic_fetch_add(&gaps.count, 1, __ATOMIC_RELAXED);
	if (number < GAPS_MAX)
		gaps.ns[number] = now - former;
}

/* Assumes IPv4 and TCP or UDP without options. */
static void vary(struct flood *flood, u64 number)
{
	if (flood->kind == DATAGRAMS)
		memcpy(flood->frame + 34, (u8 *)&number + 2, 2);
	else if (flood->kind != SAME)
		memcpy(flood->frame + 38, &number, 4);
	if (flood->kind == SPOOFED || flood->kind == DATAGRAMS)
		memcpy(flood->frame + 26, (u8 *)&number + 4, 4);
	if (flood->kind == ROTATING)
		flood->frame[29] = (u8)(number >> 32);
}

static void *send_flood(void *context)
{
	struct flood *flood = context;
	u64 state = 88172645463325252ull + (u64)flood->cpu;
	bool repeated = flood->kind == HAMMER || flood->kind == TOGETHER || flood->kind == SAME;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(flood->cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (u64 i = 0; i < flood->count; i++) {
		if (flood->kind == TOGETHER && __atomic_load_n(&one_is_done, __ATOMIC_RELAXED))
			break;
		vary(flood, xorshift(&state));
		send_frame(flood->frame, flood->length, repeated ? REPEAT : 1);
		note_sent();
	}
	flood->ended = jiffies();
	__atomic_store_n(&one_is_done, true, __ATOMIC_RELAXED);
	return NULL;
}

static void run_flood(const char *arguments)
{
	int cpus = libbpf_num_possible_cpus();
	unsigned long long count;
	char hex[2 * FRAME_MAX + 1];
	struct flood floods[16];
	u32 threads, kind;
	u64 begin, before, ended = 0;

	if (sscanf(arguments, "%512s %llu %u %u", hex, &count, &threads, &kind) != 4 || threads > 16)
		errx(2, "flood: %s", arguments);
	begin = spw_monotonic_ns();
	before = jiffies();
	one_is_done = false;
	gaps.count = gaps.first_ns = 0;
	gaps.last_ns = begin;
	for (u32 i = 0; i < threads; i++) {
		floods[i] = (struct flood){.count = count, .kind = kind, .cpu = (int)i % cpus};
		floods[i].length = parse_hex(hex, floods[i].frame);
		if (pthread_create(&floods[i].thread, NULL, send_flood, &floods[i]))
			errx(1, "cannot start a thread");
	}
	for (u32 i = 0; i < threads; i++) {
		pthread_join(floods[i].thread, NULL);
		ended = floods[i].ended > ended ? floods[i].ended : ended;
	}
	printf("%llu %llu %llu %llu", (unsigned long long)(spw_monotonic_ns() - begin), (unsigned long long)before,
	       (unsigned long long)ended, (unsigned long long)gaps.first_ns);
	for (u64 i = 0; i < gaps.count && i < GAPS_MAX; i++)
		printf(" %llu", (unsigned long long)gaps.ns[i]);
	puts("");
}

/* The program's own maps instead of pins, so that the sampler reads them like the agent's. */
static void show_work(const char *arguments)
{
	struct spw_pins pins = {.fds = {[SPW_PIN_WORK_COUNTERS] = bpf_map__fd(datapath.skeleton->maps.work_counters)}};
	struct spw_work_counter counters[SPW_CLASSES_MAX];
	u32 service, classes;

	if (sscanf(arguments, "%u %u", &service, &classes) != 2 || spw_read_work(&pins, service, classes, counters))
		errx(2, "work: %s", arguments);
	for (u32 i = 0; i < classes; i++)
		printf("%llu %llu %llu %llu %llu ", (unsigned long long)counters[i].fresh[SPW_PASS],
		       (unsigned long long)counters[i].fresh[SPW_DROP],
		       (unsigned long long)counters[i].resent[SPW_PASS],
		       (unsigned long long)counters[i].resent[SPW_DROP], (unsigned long long)counters[i].limited);
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

static void write_limits(void)
{
	spw_limits_plan(&policy, fair_per_s, hz, &limits);
	if (spw_datapath_limit(&datapath, &limits))
		err(1, "limits");
}

static void set_limit(const char *arguments)
{
	u32 class, scope, kind, from;
	struct spw_rate rate;

	if (sscanf(arguments, "%u %u %u %lf %lf %u", &class, &scope, &kind, &rate.per_s, &rate.burst, &from) != 6 ||
	    class >= policy.classes_count || scope >= SPW_SCOPES || kind >= SPW_KINDS)
		errx(2, "limit: %s", arguments);
	policy.classes[class].rates[scope][kind] = rate;
	policy.classes[class].from[scope] = (u8)from;
	write_limits();
	puts("ok");
}

static void set_fair(const char *arguments)
{
	double rate;
	u32 class;

	if (sscanf(arguments, "%u %lf", &class, &rate) != 2 || class >= policy.classes_count)
		errx(2, "fair: %s", arguments);
	policy.classes[class].fair = true;
	fair_per_s[class] = rate;
	write_limits();
	puts("ok");
}

static void set_seeds(const char *arguments)
{
	unsigned long long seeds[SPW_ROWS];
	u32 warming[SPW_ROWS];

	if (sscanf(arguments, "%u %llu %u %llu", &warming[0], &seeds[0], &warming[1], &seeds[1]) != 4)
		errx(2, "seeds: %s", arguments);
	for (u32 row = 0; row < SPW_ROWS; row++) {
		limits.seeds[row] = seeds[row];
		limits.warming[row] = warming[row] ? SPW_WARMING : 0;
	}
	write_limits();
	puts("ok");
}

/* Until write_limits() plans them anew. */
static void set_sessions(const char *arguments)
{
	unsigned long long idle, rate, burst;
	u64 second = (u64)hz << SPW_SESSION_TIME_SHIFT;

	if (sscanf(arguments, "%llu %llu %llu", &idle, &rate, &burst) != 3)
		errx(2, "sessions: %s", arguments);
	limits.sessions = (struct spw_session_limits){.idle = idle << SPW_SESSION_TIME_SHIFT,
						      .interval = second / rate,
						      .tolerance = burst * (second / rate)};
	if (spw_datapath_limit(&datapath, &limits))
		err(1, "sessions");
	puts("ok");
}

static void set_light(const char *arguments)
{
	double rate, burst, second = (double)((u64)hz << SPW_TICK_SHIFT);
	struct spw_light_service *service = &datapath.light->services[1];
	u32 classes;

	if (sscanf(arguments, "%u %lf %lf %u", &classes, &rate, &burst, &service->ready) != 4)
		errx(2, "light: %s", arguments);
	service->interval_ticks = (u64)(second / rate);
	service->tolerance_ticks = (u64)(second * burst / rate);
	datapath.light->classes = classes;
	puts("ok");
}

static void show_lights(const char *arguments)
{
	struct spw_pins pins = {
		.fds = {[SPW_PIN_LIGHT_COUNTERS] = bpf_map__fd(datapath.skeleton->maps.light_counters)}};
	struct spw_light_counter counters[SPW_CLASSES_MAX];
	static struct spw_light table;
	u32 classes = (u32)strtoul(arguments, NULL, 10), key = 0, marks = 0;

	if (spw_read_light(&pins, 1, counters) ||
	    bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.light), &key, &table))
		err(1, "lights");
	for (u32 i = 0; i < classes && i < SPW_CLASSES_MAX; i++)
		printf("%llu %llu ", (unsigned long long)counters[i].answered, (unsigned long long)counters[i].over);
	for (u32 set = 0; set < 1 << SPW_LIGHT_SET_BITS; set++)
		for (u32 way = 0; way < SPW_LIGHT_WAYS; way++)
			marks += table.sets[set][way] != 0;
	printf("%u\n", marks);
}

static void set_resets(const char *arguments)
{
	datapath.light->resets = (u32)strtoul(arguments, NULL, 10);
	puts("ok");
}

static void show_resets(const char *arguments)
{
	struct spw_pins pins = {
		.fds = {[SPW_PIN_LIGHT_COUNTERS] = bpf_map__fd(datapath.skeleton->maps.light_counters)}};
	struct spw_light_counter counters[SPW_CLASSES_MAX];
	u32 class = (u32)strtoul(arguments, NULL, 10) % SPW_CLASSES_MAX;

	if (spw_read_light(&pins, 0, counters))
		err(1, "resets");
	printf("%llu %llu\n", (unsigned long long)counters[class].reset, (unsigned long long)counters[class].unreset);
}

static void show_answer(const char *arguments)
{
	u8 frame[FRAME_MAX], out[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = parse_hex(arguments, frame),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	if (bpf_prog_test_run_opts(datapath.program_fd, &options))
		err(1, "BPF_PROG_TEST_RUN");
	printf("%u", options.retval);
	for (u32 i = 0; i < options.data_size_out; i++)
		printf(" %u", out[i]);
	puts("");
}

static void publish_again(void)
{
	if (spw_datapath_publish(&datapath, datapath.published_fd))
		err(1, "publish");
	puts("ok");
}

static void show_reasons(void)
{
	static struct spw_list_tally tallies[64];
	int cpus = libbpf_num_possible_cpus();
	u64 sums[SPW_REASONS] = {0};

	for (u32 list = 0; list < SPW_LISTS_MAX; list++) {
		if (bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.list_counters), &list, tallies))
			err(1, "cannot read counters");
		for (int cpu = 0; cpu < cpus; cpu++)
			for (u32 reason = 0; reason < SPW_REASONS; reason++)
				sums[reason] += tallies[cpu].by_reason[reason].packets;
	}
	for (u32 reason = 0; reason < SPW_REASONS; reason++)
		printf("%llu ", (unsigned long long)sums[reason]);
	putchar('\n');
}

static u64 cells_in_use(const u64 *cells, u64 count, u64 now)
{
	u64 used = 0;

	for (u64 i = 0; i < count; i++)
		used += cells[i] > now;
	return used;
}

static void show_meters(void)
{
	const struct spw_meters *meters = spw_datapath_meters(&datapath);
	u64 now = jiffies() << SPW_TICK_SHIFT, sources = SPW_ROWS * SPW_SOURCE_CELLS,
	    prefixes = SPW_ROWS * SPW_PREFIX_CELLS;

	if (!meters)
		err(1, "cannot map the meters");
	printf("%llu %llu %llu %llu\n", (unsigned long long)cells_in_use(meters->source[0].rows[0], sources, now),
	       (unsigned long long)sources, (unsigned long long)cells_in_use(meters->prefix[0].rows[0], prefixes, now),
	       (unsigned long long)prefixes);
	spw_meters_unmap(meters);
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

static void set_sampling(const char *arguments)
{
	int fd = bpf_map__fd(datapath.skeleton->maps.control), shifts[SPW_VERDICTS];
	struct spw_control control;
	const u32 key = 0;

	if (sscanf(arguments, "%d %d", &shifts[SPW_PASS], &shifts[SPW_DROP]) != 2 ||
	    bpf_map_lookup_elem(fd, &key, &control))
		errx(2, "sampling: %s", arguments);
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		control.sample[verdict] = shifts[verdict] < 0 ? 0 : spw_sample_bits((u32)shifts[verdict]);
	if (bpf_map_update_elem(fd, &key, &control, BPF_ANY))
		err(1, "sampling");
	puts("ok");
}

static void note_sample(void *context, const struct spw_sample *sample, const struct spw_packet *packet)
{
	(void)context;
	samples.count++;
	samples.packets[sample->verdict & 1] += 1u << sample->shift;
	samples.last = *sample;
	samples.packet = *packet;
}

static void show_samples(void)
{
	static struct spw_samples *ring;
	struct spw_pins pins = {.fds = {[SPW_PIN_SAMPLING] = bpf_map__fd(datapath.skeleton->maps.sampling)}};
	const struct spw_sample *last = &samples.last;
	struct spw_sampling sum;

	if ((!ring && spw_samples_open(datapath.samples_fd, &ring)) || spw_read_sampling(&pins, &sum))
		errx(1, "samples");
	memset(&samples, 0, sizeof(samples));
	if (spw_samples_read(ring, UINT32_MAX, note_sample, NULL) < 0)
		errx(1, "cannot read the samples");
	for (u32 i = 0; i < last->captured && i < sizeof(last_frame); i++)
		samples.strange += last->header[i] != last_frame[i];
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		printf("%llu ", (unsigned long long)sum.taken[verdict]);
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		printf("%llu ", (unsigned long long)sum.bounded[verdict]);
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		printf("%llu ", (unsigned long long)sum.full[verdict]);
	printf("%llu %llu %llu ", (unsigned long long)samples.count, (unsigned long long)samples.packets[SPW_PASS],
	       (unsigned long long)samples.packets[SPW_DROP]);
	printf("%u %u %u %u %u %u %u %llu %u %u %llu\n", last->reason, last->list, last->class_id, last->new_work,
	       last->shift, last->length, last->captured, (unsigned long long)samples.packet.source_hi,
	       samples.packet.sport, samples.packet.dport, (unsigned long long)samples.strange);
}

static void set_own(char *arguments)
{
	struct spw_own_set *set = calloc(1, sizeof(*set));
	char *rest = NULL, *word = strtok_r(arguments, " \n", &rest);
	u64 seed = 4711;
	u32 count;

	datapath.own->active = 0;
	if (!set || !word)
		errx(2, "own");
	if (strcmp(word, "-") != 0) {
		unsigned int mac[6];
		u64 value = 0;

		if (sscanf(word, "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
			errx(2, "own: %s", word);
		for (u32 i = 0; i < 6; i++)
			value = value << 8 | mac[i];
		spw_own_set_mac(set, value);
		while ((word = strtok_r(NULL, " \n", &rest))) {
			struct spw_prefix prefix;

			if (spw_prefix_parse(word, strlen(word), &prefix))
				errx(2, "own: %s", word);
			spw_own_set_prefix(set, &prefix);
		}
		if (spw_own_set_finish(set, &count) || spw_own_fill(set, &seed, 512, &datapath.own->parts[1]))
			errx(1, "own: cannot fill the table");
		datapath.own->active = 2;
	}
	free(set);
	printf("ok\n");
}

static void look_up(const char *arguments)
{
	struct spw_lookup lookup = {0};
	struct spw_prefix prefix;
	char address[64];

	if (sscanf(arguments, "%hhu %63s", &lookup.service, address) != 2 ||
	    spw_prefix_parse(address, strlen(address), &prefix))
		errx(2, "look_up: %s", arguments);
	lookup.family = prefix.family;
	lookup.source_hi = prefix.addr.hi;
	lookup.source_lo = prefix.addr.lo;
	if (spw_datapath_look_up(&datapath, &lookup, 1))
		errx(1, "look_up: %s", arguments);
	printf("%d %d %d %u %u\n", !!(lookup.flags & SPW_LOOKUP_ANSWERED), !!(lookup.flags & SPW_LOOKUP_MANAGEMENT),
	       !!(lookup.flags & SPW_LOOKUP_INSIDE), lookup.class_id, lookup.place);
}

static void obey(char *line)
{
	char *arguments = strchr(line, ' ');

	if (arguments)
		*arguments++ = '\0';
	else
		line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "hello"))
		printf("%u\n", hz);
	else if (!strcmp(line, "memory"))
		show_memory();
	else if (!strcmp(line, "samples"))
		show_samples();
	else if (!strcmp(line, "publish"))
		publish_again();
	else if (!strcmp(line, "reasons"))
		show_reasons();
	else if (!strcmp(line, "meters"))
		show_meters();
	else if (!arguments)
		errx(2, "%s?", line);
	else if (!strcmp(line, "limit"))
		set_limit(arguments);
	else if (!strcmp(line, "fair"))
		set_fair(arguments);
	else if (!strcmp(line, "own"))
		set_own(arguments);
	else if (!strcmp(line, "sessions"))
		set_sessions(arguments);
	else if (!strcmp(line, "look_up"))
		look_up(arguments);
	else if (!strcmp(line, "light"))
		set_light(arguments);
	else if (!strcmp(line, "lights"))
		show_lights(arguments);
	else if (!strcmp(line, "resets"))
		set_resets(arguments);
	else if (!strcmp(line, "reset"))
		show_resets(arguments);
	else if (!strcmp(line, "answer"))
		show_answer(arguments);
	else if (!strcmp(line, "seeds"))
		set_seeds(arguments);
	else if (!strcmp(line, "control"))
		set_control(arguments);
	else if (!strcmp(line, "admission"))
		set_order(arguments);
	else if (!strcmp(line, "run"))
		run_frame(arguments);
	else if (!strcmp(line, "flood"))
		run_flood(arguments);
	else if (!strcmp(line, "sampling"))
		set_sampling(arguments);
	else if (!strcmp(line, "work"))
		show_work(arguments);
	else if (!strcmp(line, "shadow"))
		show_shadow(arguments);
	else
		errx(2, "%s?", line);
	fflush(stdout);
}

/*
 * While no interface uses a program, each BPF_PROG_TEST_RUN adds it to the kernel's XDP dispatcher and removes it, with a
 * wait for RCU of milliseconds. On the loopback of a namespace of its own, where nothing is sent, it stays in there.
 */
static void keep_in_dispatcher(void)
{
	if (unshare(CLONE_NEWNET) || bpf_xdp_attach(1, datapath.program_fd, XDP_FLAGS_SKB_MODE, NULL))
		warn("frames are sent slowly: cannot attach to a loopback");
}

int main(int argc, char **argv)
{
	static char line[8192];
	struct spw_diagnostics diagnostics = {0};
	char message[SPW_MESSAGE_MAX];
	struct spw_dry_run dry_run;
	int map;

	if (argc != 2)
		errx(2, "usage: driver CONFIG.yaml");
	if (spw_dry_run_make(argv[1], true, &dry_run, &diagnostics))
		errx(1, "%s: no ruleset", argv[1]);
	map = spw_ruleset_map(dry_run.image.ruleset, dry_run.image.bytes);
	if (map < 0)
		errx(1, "cannot make the map of the ruleset: %s", strerror(-map));
	if (spw_datapath_load(NULL, map, dry_run.image.ruleset->units_capacity, true, &datapath, message))
		errx(1, "%s", message);
	keep_in_dispatcher();
	hz = measure_hz();
	spw_limit_policy_make(&dry_run.config, NULL, &policy);
	limits.seeds[0] = 0x6a09e667f3bcc908;
	limits.seeds[1] = 0xbb67ae8584caa73b;
	limits.families[1].salt = 0x3c6ef372fe94f82b;
	write_limits();
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	spw_datapath_free(&datapath);
	spw_dry_run_free(&dry_run);
	return 0;
}
