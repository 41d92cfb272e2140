/* SPDX-License-Identifier: GPL-2.0-only */
/* The real program, loaded by the agent's own loader, with its own maps. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <unistd.h>

#include "bpf/sample.h"
#include "maps/control.h"
#include "maps/counters.h"
#include "user/config/limit_policy.h"
#include "user/core/limits/limits.h"
#include "user/core/own/own_set.h"
#include "systems.h"
#include "util.h"
#include "spillway.skel.h"

/* As an agent does: the frames are for this host. */
static void fill_own(const struct bench_spillway *spillway)
{
	const struct spw_prefix addresses[] = {{{0xc6336401ull << 32, 0}, 4, 32}, /* as in bench_frame() */
					       {{0x20010db8ull << 32, 1}, 6, 128}};
	struct spw_own_set *set = calloc(1, sizeof(*set));
	u32 count;
	u64 seed = 0x5eed;

	if (!set)
		err(1, "out of memory");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		spw_own_set_prefix(set, &addresses[i]);
	spw_own_set_mac(set, 0x020000000002);
	if (spw_own_set_finish(set, &count) || spw_own_fill(set, &seed, 512, &spillway->datapath.own->parts[0]))
		errx(1, "cannot fill the table of the host's addresses");
	free(set);
	spillway->datapath.own->active = 1;
}

void bench_spillway_load(const struct bench_ruleset *ruleset, struct bench_spillway *spillway)
{
	const struct spw_ruleset_image *image = &ruleset->image;
	char message[SPW_MESSAGE_MAX];
	int map = spw_ruleset_map(image->ruleset, image->bytes);

	if (map < 0)
		errx(1, "cannot make the map of a ruleset: %s", strerror(-map));
	if (spw_datapath_load(NULL, map, image->ruleset->units_capacity, false, &spillway->datapath, message))
		errx(1, "%s", message);
	spillway->ruleset_map = map;
	fill_own(spillway);
	bench_spillway_set_level(spillway, SPW_GREEN);
}

void bench_spillway_publish(const struct bench_ruleset *ruleset, struct bench_spillway *spillway)
{
	const struct spw_ruleset_image *image = &ruleset->image;
	int map = spw_ruleset_map(image->ruleset, image->bytes);

	if (map < 0 || spw_datapath_publish(&spillway->datapath, map))
		errx(1, "cannot publish a ruleset");
	close(spillway->ruleset_map);
	spillway->ruleset_map = map;
}

void bench_spillway_set_level(const struct bench_spillway *spillway, enum spw_level level)
{
	const struct spw_control control = {
		.lease_until_jiffies = UINT64_MAX,
		.level = level,
		.mode = SPW_ENFORCE,
		/* As the agent chooses at these rates. */
		.sample = {spw_sample_bits(14), spw_sample_bits(14)},
	};
	const u32 key = 0;

	if (bpf_map_update_elem(bpf_map__fd(spillway->datapath.skeleton->maps.control), &key, &control, BPF_ANY))
		err(1, "cannot set the level");
}

void bench_spillway_limit(const struct bench_spillway *spillway, const struct bench_ruleset *ruleset)
{
	static struct spw_limits limits;
	struct spw_limit_policy policy;

	spw_limit_policy_make(&ruleset->config, NULL, &policy);
	limits.seeds[0] = 0x5eed;
	limits.seeds[1] = 0xdee5;
	spw_limits_plan(&policy, NULL, spillway->datapath.jiffies_per_second, &limits);
	for (u32 i = 0; i < SPW_CLASSES_MAX && ruleset->limits == BENCH_BEYOND_LIMITS; i++)
		limits.classes[i].limits[SPW_SCOPE_SOURCE][SPW_KIND_PACKETS].interval_ticks *= BENCH_BEYOND_S;
	if (spw_datapath_limit(&spillway->datapath, &limits))
		err(1, "cannot hand over limits");
}

void bench_spillway_order(const struct bench_spillway *spillway, u64 interval_ticks, struct spw_class_admission class)
{
	static struct spw_service_admission admissions[SPW_SERVICE_IDENTITIES];

	admissions[1] = (struct spw_service_admission){
		.interval_ticks = interval_ticks, .stay_jiffies = 150000, .salt = 0x5eed};
	for (u32 i = 0; i < SPW_CLASSES_MAX; i++)
		admissions[1].classes[i] = class;
	if (spw_datapath_admit(&spillway->datapath, admissions))
		err(1, "cannot write the admission parameters");
}

void bench_spillway_budget(const struct bench_spillway *spillway, bool admitting)
{
	const struct spw_class_admission class = {.tolerance_ticks = admitting ? UINT64_MAX - 1 : 0,
						  .share = SPW_SHARE_ALL};

	bench_spillway_order(spillway, admitting ? 1 : 1ull << 50, class);
}

u64 bench_tallies_sum(int map, enum spw_reason reason)
{
	int cpus = libbpf_num_possible_cpus();
	struct spw_list_tally tallies[cpus];
	u64 sum = 0;

	for (u32 list = 0; list < SPW_LISTS_MAX; list++) {
		if (bpf_map_lookup_elem(map, &list, tallies))
			err(1, "cannot read counters");
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += tallies[cpu].by_reason[reason].packets;
	}
	return sum;
}

u64 bench_spillway_count(const struct bench_spillway *spillway, enum spw_reason reason)
{
	return bench_tallies_sum(bpf_map__fd(spillway->datapath.skeleton->maps.list_counters), reason);
}

static u64 map_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	if (!info)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), info))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(info);
	return bytes;
}

u64 bench_spillway_bytes(const struct bench_spillway *spillway, u64 *generation, u64 *meters)
{
	const struct bpf_map *map;
	u64 bytes = 0;

	bpf_object__for_each_map(map, spillway->datapath.skeleton->obj) bytes += map_bytes(bpf_map__fd(map));
	*generation = map_bytes(spillway->ruleset_map);
	*meters = map_bytes(spillway->datapath.meters_fd);
	return bytes + *generation;
}

void bench_spillway_free(struct bench_spillway *spillway)
{
	close(spillway->ruleset_map);
	spw_datapath_free(&spillway->datapath);
}
