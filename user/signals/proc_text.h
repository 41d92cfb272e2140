/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of /proc as text -> numbers. Pure; nothing is read beyond the text, whatever it is. Used by host_signals.c. */
#ifndef SPW_SIGNALS_PROC_TEXT_H
#define SPW_SIGNALS_PROC_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

struct spw_cpu_times {
	u32 cpu;
	u64 total, idle, softirq; /* clock ticks since boot; idle: with iowait */
};

/**
 * spw_proc_stat() - the cores of /proc/stat. @text is NUL-terminated, as everywhere here.
 * Returns how many of @max were filled in; a truncated line is skipped.
 */
size_t spw_proc_stat(const char *text, struct spw_cpu_times *times, size_t max);

struct spw_cpu_drops {
	u32 cpu;
	u64 drops; /* packets since boot, modulo 2^32 */
};

/**
 * spw_proc_softnet() - the online cores of /proc/net/softnet_stat. Older kernels do not name the core of a line; there
 * the line number stands for it. Returns how many of @max were filled in.
 */
size_t spw_proc_softnet(const char *text, struct spw_cpu_drops *drops, size_t max);

/**
 * spw_proc_overflows() - ListenOverflows of /proc/net/netstat: connections refused because an accept queue was full.
 * Not ListenDrops, which counts SYN floods too. False: not found.
 */
bool spw_proc_overflows(const char *text, u64 *overflows);

/** spw_proc_pressure() - the total of the "some" line of /proc/pressure/..., in microseconds. False: not found. */
bool spw_proc_pressure(const char *text, u64 *total_us);

#endif
