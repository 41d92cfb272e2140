/* SPDX-License-Identifier: GPL-2.0-only */
#include "download_schedule.h"

#define RETRY_NS      15000000000ull
#define DOUBLINGS_MAX 12
#define SPREAD_NS_MAX 30000000000ull

/* From 0 to @most. */
static u64 part(u64 most, u32 random)
{
	return (u64)((double)most * ((double)random / UINT32_MAX));
}

u64 download_wait_ns(u64 every_ns, u32 failures, u32 random)
{
	u32 doublings = failures > DOUBLINGS_MAX ? DOUBLINGS_MAX : failures ? failures - 1 : 0;
	u64 wait_ns = failures && RETRY_NS << doublings < every_ns ? RETRY_NS << doublings : every_ns;

	return wait_ns - wait_ns / 10 + part(wait_ns / 5, random);
}

u64 download_first_wait_ns(u64 every_ns, u64 age_ns, u32 random)
{
	u64 spread_ns = every_ns / 10 < SPREAD_NS_MAX ? every_ns / 10 : SPREAD_NS_MAX;

	if (age_ns == UINT64_MAX)
		return 0;
	return (age_ns < every_ns ? every_ns - age_ns : 0) + part(spread_ns, random);
}
