/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of state_dir that are replaced as a whole. Called by learned.c, bans_file.c, last_good_file.c and their threads. */
#ifndef SPW_STORE_STATE_FILE_H
#define SPW_STORE_STATE_FILE_H

#include "base/replace.h"

#define SPW_STATE_PATH_BYTES 4096

/** spw_state_path() - "@state_dir/@name@suffix". */
void spw_state_path(char path[SPW_STATE_PATH_BYTES], const char *state_dir, const char *name, const char *suffix);

/** spw_state_put_aside() - rename an unusable file to @name.bad, for inspection. True: it was renamed. */
bool spw_state_put_aside(const char *state_dir, const char *name);

/**
 * spw_state_replace() - replace @name (base/replace.h), mode 0600, flushed to disk; makes the folder (0700).
 * Returns 0 or -errno; -ELOOP: a symbolic link is there, which is neither followed nor replaced.
 */
int spw_state_replace(const char *state_dir, const char *name, spw_writer *write, void *context);

#define SPW_BOOT_ID_BYTES 40

/** spw_boot_id() - of this boot of the kernel; empty: unknown. */
void spw_boot_id(char id[SPW_BOOT_ID_BYTES]);

#endif
