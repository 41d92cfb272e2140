/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration read, checked and compiled the way the agent would, but kept here: nothing is loaded into the
 * kernel. Called by check, which shows what came out, and by doctor, which asks whether it would.
 */
#ifndef SPW_CMD_READING_H
#define SPW_CMD_READING_H

#include "lists/lists.h"

struct spw_reading {
	struct spw_config config;
	struct spw_lists lists;
	struct spw_ruleset_image image;
	double read_seconds; /* lists, without the configuration */
	double compile_seconds;
};

/**
 * spw_reading_make() - read @path and all that it names, and compile it.
 * @force: what fault 38 is about, a class that may cut everybody or the management, is a warning only
 * @reading: filled in as far as it went; free with spw_reading_free(), also after an error
 * Returns 0, or -errno with at least one error in @diagnostics.
 */
int spw_reading_make(const char *path, bool force, struct spw_reading *reading, struct spw_diagnostics *diagnostics);
void spw_reading_free(struct spw_reading *reading);

#endif
