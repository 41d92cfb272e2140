/* SPDX-License-Identifier: GPL-2.0-only */
/* When a list is fetched again. Jittered, so that a thousand hosts do not ask a server in the same second. */
#ifndef SPW_AGENT_DOWNLOAD_SCHEDULE_H
#define SPW_AGENT_DOWNLOAD_SCHEDULE_H

#include "maps/types.h"

/**
 * download_wait_ns() - from the end of one fetch to the next.
 * @every_ns: the interval
 * @failures: in a row; 0: the last one succeeded. After a failure it is 15 s, doubled for each further one, but not more
 *            than the interval
 * @random: uniform over all values
 * Returns 90 % to 110 % of that.
 */
u64 download_wait_ns(u64 every_ns, u32 failures, u32 random);

/**
 * download_first_wait_ns() - from the start of the agent, or a change of the list, to the first fetch.
 * @age_ns: since the server last confirmed the copy; UINT64_MAX: there is none, so at once
 * Returns what is left of the interval, and up to a tenth of it or 30 s more.
 */
u64 download_first_wait_ns(u64 every_ns, u64 age_ns, u32 random);

#endif
