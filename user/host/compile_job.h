/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists are read and compiled in a separate process, with bounds on memory and time, so that the agent stays small and
 * keeps its ticks. The job creates and fills the ruleset map and passes its descriptor to the agent for publication.
 */
#ifndef SPW_HOST_COMPILE_JOB_H
#define SPW_HOST_COMPILE_JOB_H

#include <sys/types.h>

#include "lists/assemble.h"
#include "lists/last_good.h"
#include "kernel/pins.h"

struct spw_compile_job {
	pid_t pid;  /* 0: no job */
	int socket; /* readable at its end; owned */
	u64 started_ns;
};

/* Limits of a job. Beyond them it is killed and the old ruleset stays. */
#define SPW_JOB_SECONDS_MAX 120
#define SPW_JOB_BYTES_MAX   (4ull << 30)

/* The result as sent by the job. */
struct spw_compile_result {
	int err; /* 0, or -errno: no map */
	u32 units_capacity;
	u64 bytes;
	u64 prefixes4;
	u64 prefixes6;
	u64 read_ns;
	u64 compile_ns;
	u64 fill_ns;
	u64 list_prefixes[SPW_LISTS_MAX][2]; /* by index into spw_config.lists; IPv4, IPv6 */
	u32 list_skipped[SPW_LISTS_MAX];     /* lines skipped */
	u64 list_kept_s[SPW_LISTS_MAX];	     /* Unix time of last good content; 0: the list was read */
	size_t text_bytes;
};

struct spw_compile_report {
	struct spw_compile_result result;
	int ruleset_map; /* owned by the caller; -1: none */
	int rows_file;	 /* owned by the caller: a sealed file, for spw_rows_map(); -1: none */
	int last_good;	 /* owned by the caller: a file in memory, see lists/last_good.h; -1: none */
	char *text;	 /* owned: errors and warnings, one per line, warnings beginning with "warning: " */
};

/* What to compile; all is borrowed until the job is started. */
struct spw_compile_request {
	const struct spw_config *config;
	const struct spw_identities *identities;
	u64 generation;	   /* of the new ruleset */
	u32 units_min;	   /* capacity of the loaded program; a larger ruleset gets a larger one */
	bool force;	   /* as in spw_lists_check() */
	bool starts;	   /* lists that cannot be read, or shrank, get their last good content */
	const u64 *before; /* prefixes in force by list, as in spw_lists_check_shrunk(); NULL: they may shrink */
	const struct spw_last_good *last_good; /* all lists are taken from here; NULL: they are read */
};

/** spw_compile_job_start() - start a job. Returns 0 or -errno. */
int spw_compile_job_start(const struct spw_compile_request *request, struct spw_compile_job *job);

/**
 * spw_compile_job_finish() - receive the result; blocks until then.
 * @report: filled in; free with spw_compile_report_free()
 */
void spw_compile_job_finish(struct spw_compile_job *job, struct spw_compile_report *report);
void spw_compile_report_free(struct spw_compile_report *report);

/** spw_compile_job_kill() - kill a job that takes too long; spw_compile_job_finish() then reports it. */
void spw_compile_job_kill(struct spw_compile_job *job);

#endif
