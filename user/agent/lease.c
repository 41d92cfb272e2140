/* SPDX-License-Identifier: GPL-2.0-only */
#include "lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kernel/control.h"

struct lease {
	const struct in_force *in_force;
	struct spw_control control;
	bool begun;
};

int lease_new(const struct in_force *in_force, struct lease **result)
{
	struct lease *lease = calloc(1, sizeof(*lease));
	struct spw_control *control;
	int err;

	if (!lease)
		return -ENOMEM;
	lease->in_force = in_force;
	control = &lease->control;
	err = spw_control_read(in_force->pins, control);
	if (err) {
		free(lease);
		return err;
	}
	if (control->most_level >= SPW_LEVELS || control->least_level > control->most_level) {
		control->least_level = SPW_GREEN;
		control->most_level = SPW_RED;
	}
	*result = lease;
	return 0;
}

/* The datapath reads jiffies, people read nanoseconds; both denote the same moment. */
static int write_lease(struct lease *lease, u64 now_ns, u64 lease_ns)
{
	struct spw_control *control = &lease->control;

	control->lease_until_jiffies = lease_ns ? spw_datapath_lease(lease->in_force->datapath, lease_ns) : 0;
	control->lease_until_ns = control->lease_until_jiffies ? now_ns + lease_ns : 0;
	return spw_control_write(lease->in_force->pins, control);
}

void lease_end(struct lease *lease)
{
	if (lease && lease->begun)
		write_lease(lease, 0, 0);
}

void lease_free(struct lease *lease)
{
	free(lease);
}

void lease_renew(struct lease *lease, u64 now_ns)
{
	int err = write_lease(lease, now_ns, lease->in_force->config->lease_ns);

	if (err)
		spw_log(LOG_ERR, "cannot renew the lease: %s; everything will pass", strerror(-err));
}

void lease_follow(struct lease *lease)
{
	struct spw_control *control = &lease->control;
	u64 now_ns = spw_monotonic_ns();

	control->mode = lease->in_force->config->mode;
	if (!lease->begun) {
		lease->begun = true;
		lease_tick(lease, now_ns);
		control->level = control->pinned_level < SPW_LEVELS ? control->pinned_level : SPW_GREEN;
	}
	lease_renew(lease, now_ns);
}

void lease_tick(struct lease *lease, u64 now_ns)
{
	struct spw_control *control = &lease->control;

	if (control->pinned_level < SPW_LEVELS && now_ns >= control->pinned_until_ns) {
		control->pinned_level = SPW_LEVEL_NEVER;
		control->pinned_until_ns = 0;
		spw_log(LOG_NOTICE, "the time for which the level was set is over");
	}
	if (control->bound_until_ns && now_ns >= control->bound_until_ns) {
		lease_bound(lease, SPW_GREEN, SPW_RED, 0);
		spw_log(LOG_NOTICE, "the time for which the level was bounded is over");
	}
}

const struct spw_control *lease_control(const struct lease *lease)
{
	return &lease->control;
}

u64 lease_jiffies(const struct lease *lease)
{
	u64 until = lease->control.lease_until_jiffies;
	u64 length = lease->in_force->config->lease_ns * lease->in_force->datapath->jiffies_per_second / 1000000000;

	return until > length ? until - length : 0;
}

void lease_set_level(struct lease *lease, u8 level)
{
	lease->control.level = level;
}

void lease_set_sampling(struct lease *lease, enum spw_verdict verdict, u8 threshold)
{
	lease->control.sample[verdict] = threshold;
}

void lease_pin(struct lease *lease, u8 level, u64 until_ns)
{
	lease->control.pinned_level = level;
	lease->control.pinned_until_ns = until_ns;
}

void lease_unpin(struct lease *lease)
{
	lease_pin(lease, SPW_LEVEL_NEVER, 0);
	lease_bound(lease, SPW_GREEN, SPW_RED, 0);
}

void lease_bound(struct lease *lease, u8 least, u8 most, u64 until_ns)
{
	lease->control.least_level = least;
	lease->control.most_level = most;
	lease->control.bound_until_ns = until_ns;
}

struct spw_override lease_override(const struct lease *lease)
{
	const struct spw_control *control = &lease->control;

	return (struct spw_override){
		.pinned = control->pinned_level < SPW_LEVELS ? (u8)control->pinned_level : SPW_LEVEL_NEVER,
		.least = control->least_level,
		.most = control->most_level,
	};
}
