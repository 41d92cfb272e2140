/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading lists and compiling them, in a process of its own: the agent keeps its ticks and its small memory, and a list
 * that exhausts memory or time takes only the job with it. The job makes the kernel's map of the ruleset, fills it and
 * hands over its descriptor; publishing it is left to the agent. Called by the agent alone.
 */
#ifndef SPW_IO_COMPILE_JOB_H
#define SPW_IO_COMPILE_JOB_H

#include <sys/types.h>

#include "lists/assemble.h"
#include "kernel/pins.h"

struct spw_compile_job {
	pid_t pid;  /* 0: none runs */
	int socket; /* readable when it is done; owned */
	u64 started_ns;
};

/* Bounds of a job; behind them it is ended and the old ruleset stays. */
#define SPW_JOB_SECONDS_MAX 120
#define SPW_JOB_BYTES_MAX   (4ull << 30)

/* What came out, as the job sends it. */
struct spw_compile_result {
	int err; /* 0, or -errno: there is no map */
	u32 units_capacity;
	u64 bytes;
	u64 prefixes4;
	u64 prefixes6;
	u64 read_ns;
	u64 compile_ns;
	u64 fill_ns;
	u64 list_prefixes[SPW_LISTS_MAX][2]; /* by index into spw_config.lists; IPv4, IPv6 */
	size_t text_bytes;
};

struct spw_compile_report {
	struct spw_compile_result result;
	int ruleset_map; /* owned by who asked; -1: none */
	int rows_file;	 /* owned by who asked: a sealed file, for spw_rows_map(); -1: none */
	char *text;	 /* owned: errors and warnings, a line each, warnings beginning with "warning: " */
};

/**
 * spw_compile_job_start() - begin.
 * @generation: number that the ruleset will bear
 * @units_min: capacity of the loaded program; a larger ruleset comes with a larger one
 * @force: as in spw_lists_check()
 * Returns 0 or -errno.
 */
int spw_compile_job_start(const struct spw_config *config, const struct spw_identities *identities, u64 generation,
			  u32 units_min, bool force, struct spw_compile_job *job);

/**
 * spw_compile_job_finish() - take the result; waits if it is not there yet.
 * @report: filled in; free with spw_compile_report_free()
 */
void spw_compile_job_finish(struct spw_compile_job *job, struct spw_compile_report *report);
void spw_compile_report_free(struct spw_compile_report *report);

/** spw_compile_job_kill() - end a job that takes too long; spw_compile_job_finish() then reports so. */
void spw_compile_job_kill(struct spw_compile_job *job);

#endif
