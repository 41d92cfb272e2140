/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads, checks and compiles a configuration like the agent, in this process; loads nothing into the kernel. */
#ifndef SPW_CMD_DRY_RUN_H
#define SPW_CMD_DRY_RUN_H

#include "lists/lists.h"

struct spw_dry_run {
	struct spw_config config;
	struct spw_lists lists;
	struct spw_ruleset_image image;
	double read_seconds; /* lists, without the configuration */
	double compile_seconds;
	bool lists_refused; /* the configuration is valid, but not with the lists as they are */
};

/**
 * spw_dry_run_make() - read @path and all that it names, and compile it.
 * @force: a class that could cut everybody or the management (fault 38) is only a warning
 * @dry_run: filled in as far as possible; free with spw_dry_run_free(), even after an error
 * Returns 0, or -errno with at least one error in @diagnostics.
 */
int spw_dry_run_make(const char *path, bool force, struct spw_dry_run *dry_run, struct spw_diagnostics *diagnostics);

/**
 * spw_dry_run_falls_back() - whether a start of the agent with lists_refused would use what is kept in state_dir.
 * @whole: the whole last good ruleset; otherwise only the last good content of lists
 * @kept_s: Unix time of it, the oldest
 */
bool spw_dry_run_falls_back(const struct spw_config *config, bool *whole, u64 *kept_s);

/** spw_dry_run_builtin() - the same with a built-in configuration: private addresses and all others. */
int spw_dry_run_builtin(struct spw_dry_run *dry_run, struct spw_diagnostics *diagnostics);

void spw_dry_run_free(struct spw_dry_run *dry_run);

#endif
