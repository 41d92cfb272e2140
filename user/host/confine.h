/* SPDX-License-Identifier: GPL-2.0-only */
/* Takes rights from a process that talks to servers: whoever gets control of it can neither write files nor start programs. */
#ifndef SPW_HOST_CONFINE_H
#define SPW_HOST_CONFINE_H

#include <sys/types.h>

#include "maps/types.h"

struct spw_confinement {
	pid_t parent;	 /* the process ends with it */
	u64 memory_max;	 /* bytes of address space */
	u64 file_max;	 /* bytes of a file */
	u64 cpu_seconds; /* then it is killed */
	u32 seconds;	 /* the same by the clock */
};

/**
 * spw_confine() - bound memory, CPU and files; become user 65534 where that is permitted; drop all capabilities; never
 * gain any by exec; end with the parent; and refuse by seccomp what a client of HTTP does not need: opening files for
 * writing, changing the file system, new processes, tracing, BPF, namespaces, modules.
 * Call it before the first thread. Returns 0, or -errno: the process must not go on. What only a part of the kernels or
 * units permit (another user, seccomp) is not an error; without the right to change user, it has no capabilities.
 */
int spw_confine(const struct spw_confinement *confinement);

#endif
