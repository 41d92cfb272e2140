/* SPDX-License-Identifier: GPL-2.0-only */
/* The file <run_dir>/level: "green\n" to "red\n", for web servers and scripts. Written by the agent. */
#ifndef SPW_HOST_LEVEL_FILE_H
#define SPW_HOST_LEVEL_FILE_H

#include "maps/types.h"

/** spw_level_file_write() - replace it atomically, readable for everybody. Returns 0 or -errno. */
int spw_level_file_write(const char *run_dir, u8 level);

/**
 * spw_level_file_read() - the level last reported to readers and hooks, possibly by a killed run. SPW_GREEN if none.
 */
u8 spw_level_file_read(const char *run_dir);

#endif
