/* SPDX-License-Identifier: GPL-2.0-only */
#include "clock.h"

#include <time.h>

static u64 read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (u64)now.tv_sec * SPW_SECOND_NS + (u64)now.tv_nsec;
}

u64 spw_monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

u64 spw_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}
