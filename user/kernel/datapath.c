/* SPDX-License-Identifier: GPL-2.0-only */
#include "datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "libbpf_log.h"
#include "spillway.skel.h"

int spw_ruleset_map(const struct spw_ruleset *ruleset, size_t bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG);
	_cleanup_fd_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "spw_ruleset", sizeof(u32), (u32)bytes, 1, &options);
	const u32 key = 0;

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(fd, &key, ruleset, BPF_ANY))
		return -errno;
	return TAKE_FD(fd);
}

/* The kernel's jiffies; 0: an error. */
static u64 read_jiffies(int clock_fd)
{
	u64 frame[8] = {0}, out[8] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame), .data_out = out,
		    .data_size_out = sizeof(out), .repeat = 1);

	return bpf_prog_test_run_opts(clock_fd, &options) ? 0 : out[0];
}

/* CONFIG_HZ is not readable on every kernel: measure it and round to the nearest usual value. */
static u32 measure_jiffies_per_second(int clock_fd)
{
	static const u32 usual[] = {100, 128, 250, 300, 512, 1000, 1024};
	u64 first_jiffies = read_jiffies(clock_fd), first_ns = spw_monotonic_ns();
	double rate, best = 1e9;
	u32 nearest = 0;

	usleep(80000);
	rate = (double)(read_jiffies(clock_fd) - first_jiffies) * 1e9 / (double)(spw_monotonic_ns() - first_ns);
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		double distance = rate > usual[i] ? rate / usual[i] : usual[i] / (rate > 1 ? rate : 1);

		if (distance < best) {
			best = distance;
			nearest = usual[i];
		}
	}
	return first_jiffies ? nearest : 0;
}

u64 spw_datapath_lease(const struct spw_datapath *datapath, u64 lease_ns)
{
	u64 now = read_jiffies(datapath->clock_fd);

	return now ? now + lease_ns * datapath->jiffies_per_second / 1000000000 : 0;
}

/* Make the program use the pinned maps in place of maps of its own. */
static int share_pins(struct spillway_bpf *skeleton, const struct spw_pins *pins)
{
#define SHARED(identifier, pin, ...) {skeleton->maps.identifier, SPW_PIN_##pin},
#define PRIVATE(...)
	const struct {
		struct bpf_map *map;
		enum spw_pin pin;
	} shared[] = {SPW_PINNED_MAPS(SHARED, PRIVATE)};
#undef SHARED
#undef PRIVATE

	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
		int err = bpf_map__reuse_fd(shared[i].map, pins->fds[shared[i].pin]);

		if (err)
			return err;
	}
	return 0;
}

static const char *what_to_do(int err)
{
	if (spw_libbpf_verifier_refused())
		return "; this kernel's verifier refuses the program: please report it, with the kernel's version";
	if (err == -EPERM || err == -EACCES)
		return "; this needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON";
	if (err == -EINVAL || err == -ENOTSUP)
		return "; kernel 5.18 or newer is needed; 'spillway doctor' says more";
	if (err == -ESRCH || err == -ENOENT)
		return "; is /sys/kernel/btf/vmlinux there (CONFIG_DEBUG_INFO_BTF)?";
	return "";
}

int spw_datapath_load(const struct spw_pins *pins, int ruleset_map, u32 units_capacity, bool trace,
		      struct spw_datapath *datapath, char message[SPW_MESSAGE_MAX])
{
	struct spillway_bpf *skeleton;
	const char *words;
	int err;

	*datapath = (struct spw_datapath){.program_fd = -1, .ruleset_fd = -1, .published_fd = -1};
	spw_libbpf_listen();
	skeleton = spillway_bpf__open();
	if (!skeleton) {
		err = -errno;
		snprintf(message, SPW_MESSAGE_MAX, "cannot open the program: %s", strerror(-err));
		return err;
	}
	skeleton->rodata->spw_unit_mask = units_capacity - 1;
	skeleton->rodata->spw_trace = trace;
	err = bpf_map__set_inner_map_fd(skeleton->maps.ruleset, ruleset_map);
	if (!err && pins)
		err = share_pins(skeleton, pins);
	if (!err)
		err = spillway_bpf__load(skeleton);
	if (!err) {
		*datapath = (struct spw_datapath){
			.skeleton = skeleton,
			.program_fd = bpf_program__fd(skeleton->progs.spillway),
			.ruleset_fd = bpf_map__fd(skeleton->maps.ruleset),
			.published_fd = -1,
			.admission_fd = bpf_map__fd(skeleton->maps.admission),
			.limits_fd = bpf_map__fd(skeleton->maps.limits),
			.meters_fd = bpf_map__fd(skeleton->maps.meters),
			.sessions_fd = bpf_map__fd(skeleton->maps.sessions),
			.samples_fd = bpf_map__fd(skeleton->maps.samples),
			.own = &skeleton->bss->spw_own,
			.light = &skeleton->bss->spw_light,
			.units_capacity = units_capacity,
			.clock_fd = bpf_program__fd(skeleton->progs.jiffies_now),
			.lookup_fd = bpf_program__fd(skeleton->progs.look_up),
		};
		if (!trace)
			datapath->jiffies_per_second = measure_jiffies_per_second(datapath->clock_fd);
		err = spw_datapath_publish(datapath, ruleset_map);
	}
	if (err) {
		words = spw_libbpf_words();
		snprintf(message, SPW_MESSAGE_MAX, "cannot load the program into the kernel: %s%s%.300s%s%s",
			 strerror(-err), *words ? " (" : "", words, *words ? ")" : "", what_to_do(err));
		spillway_bpf__destroy(skeleton);
		*datapath = (struct spw_datapath){.program_fd = -1, .ruleset_fd = -1, .published_fd = -1};
	}
	return err;
}

/* Updating a map of maps returns only when no program uses the old inner map. */
int spw_datapath_publish(struct spw_datapath *datapath, int ruleset_map)
{
	_cleanup_fd_ int kept = fcntl(ruleset_map, F_DUPFD_CLOEXEC, 3);
	const u32 key = 0;

	if (kept < 0 || bpf_map_update_elem(datapath->ruleset_fd, &key, &ruleset_map, BPF_ANY))
		return -errno;
	spw_close_fd(&datapath->published_fd);
	datapath->published_fd = TAKE_FD(kept);
	return 0;
}

int spw_datapath_admit(const struct spw_datapath *datapath, const struct spw_service_admission *admission)
{
	u32 keys[SPW_SERVICE_IDENTITIES], count = SPW_SERVICE_IDENTITIES;

	for (u32 i = 0; i < SPW_SERVICE_IDENTITIES; i++)
		keys[i] = i;
	return bpf_map_update_batch(datapath->admission_fd, keys, admission, &count, NULL) ? -errno : 0;
}

int spw_datapath_look_up(const struct spw_datapath *datapath, struct spw_lookup *lookups, u32 count)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = lookups, .data_size_in = count * (u32)sizeof(*lookups),
		    .data_out = lookups, .data_size_out = count * (u32)sizeof(*lookups), .repeat = 1);

	if (!count || count > SPW_LOOKUPS_MAX)
		return count ? -E2BIG : 0;
	return bpf_prog_test_run_opts(datapath->lookup_fd, &options) ? -errno : 0;
}

int spw_datapath_limit(const struct spw_datapath *datapath, const struct spw_limits *limits)
{
	const u32 key = 0;

	return bpf_map_update_elem(datapath->limits_fd, &key, limits, BPF_ANY) ? -errno : 0;
}

int spw_datapath_limits(const struct spw_datapath *datapath, struct spw_limits *limits)
{
	const u32 key = 0;

	return bpf_map_lookup_elem(datapath->limits_fd, &key, limits) ? -errno : 0;
}

const struct spw_meters *spw_datapath_meters(const struct spw_datapath *datapath)
{
	void *meters = mmap(NULL, sizeof(struct spw_meters), PROT_READ, MAP_SHARED, datapath->meters_fd, 0);

	return meters == MAP_FAILED ? NULL : meters;
}

void spw_meters_unmap(const struct spw_meters *meters)
{
	if (meters)
		munmap((void *)meters, sizeof(*meters));
}

const struct spw_sessions *spw_datapath_sessions(const struct spw_datapath *datapath)
{
	void *sessions = mmap(NULL, sizeof(struct spw_sessions), PROT_READ, MAP_SHARED, datapath->sessions_fd, 0);

	return sessions == MAP_FAILED ? NULL : sessions;
}

void spw_sessions_unmap(const struct spw_sessions *sessions)
{
	if (sessions)
		munmap((void *)sessions, sizeof(*sessions));
}

const char *spw_libbpf_version(void)
{
	return libbpf_version_string() + 1; /* without its "v" */
}

void spw_datapath_free(struct spw_datapath *datapath)
{
	if (datapath->skeleton) {
		spillway_bpf__destroy(datapath->skeleton);
		spw_close_fd(&datapath->published_fd);
	}
	*datapath = (struct spw_datapath){.program_fd = -1, .ruleset_fd = -1, .published_fd = -1};
}
