/* SPDX-License-Identifier: GPL-2.0-only */
/* See simulation.h. */
#include "simulation.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "datapath.h"
#include "spillway.skel.h"

struct spw_simulation {
	struct spw_datapath datapath;
	int trace_fd; /* borrowed */
};

static int load(struct spw_simulation *simulation, const struct spw_ruleset *ruleset, size_t bytes, char *message)
{
	_cleanup_fd_ int map = spw_ruleset_map(ruleset, bytes);

	if (map < 0) {
		snprintf(message, SPW_MESSAGE_MAX, "cannot create the map of the ruleset: %s%s", strerror(-map),
			 map == -EPERM ? "; run this as root" : "");
		return map;
	}
	return spw_datapath_load(NULL, map, ruleset->units_capacity, true, &simulation->datapath, message);
}

static int set_control(const struct spw_simulation *simulation, u32 level, u32 mode, char *message)
{
	const struct spw_control control = {
		.lease_until_jiffies = UINT64_MAX, .lease_until_ns = UINT64_MAX, .level = level, .mode = mode};
	int control_fd = bpf_map__fd(simulation->datapath.skeleton->maps.control), err;
	const u32 key = 0;

	if (!bpf_map_update_elem(control_fd, &key, &control, BPF_ANY))
		return 0;
	err = -errno;
	snprintf(message, SPW_MESSAGE_MAX, "cannot set the level: %s", strerror(-err));
	return err;
}

int spw_simulation_open(const struct spw_ruleset *ruleset, size_t bytes, u32 level, u32 mode,
			struct spw_simulation **made, char message[SPW_MESSAGE_MAX])
{
	struct spw_simulation *simulation = calloc(1, sizeof(*simulation));
	int err;

	*made = NULL;
	if (!simulation) {
		snprintf(message, SPW_MESSAGE_MAX, "out of memory");
		return -ENOMEM;
	}
	simulation->datapath = (struct spw_datapath){.program_fd = -1, .ruleset_fd = -1, .published_fd = -1};
	err = load(simulation, ruleset, bytes, message);
	if (!err) {
		simulation->trace_fd = bpf_map__fd(simulation->datapath.skeleton->maps.trace);
		err = set_control(simulation, level, mode, message);
	}
	if (err)
		spw_simulation_close(simulation);
	else
		*made = simulation;
	return err;
}

int spw_simulation_judge(struct spw_simulation *simulation, const u8 *frame, u32 length, struct spw_trace *trace,
			 char message[SPW_MESSAGE_MAX])
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = length, .repeat = 1);
	const u32 key = 0;
	int err;

	if (length > SPW_SIMULATED_BYTES_MAX)
		options.data_size_in = SPW_SIMULATED_BYTES_MAX;
	if (bpf_prog_test_run_opts(simulation->datapath.program_fd, &options)) {
		err = -errno;
		snprintf(message, SPW_MESSAGE_MAX, "BPF_PROG_TEST_RUN: %s", strerror(-err));
		return err;
	}
	if (bpf_map_lookup_elem(simulation->trace_fd, &key, trace)) {
		err = -errno;
		snprintf(message, SPW_MESSAGE_MAX, "cannot read the trace: %s", strerror(-err));
		return err;
	}
	return 0;
}

void spw_simulation_close(struct spw_simulation *simulation)
{
	if (simulation)
		spw_datapath_free(&simulation->datapath);
	free(simulation);
}
