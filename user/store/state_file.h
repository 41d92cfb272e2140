/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file of state_dir that is replaced as a whole: what was learned, entries. Called by learned.c and entries_file.c,
 * for both from threads beside the loop.
 */
#ifndef SPW_IO_STATE_FILE_H
#define SPW_IO_STATE_FILE_H

#include <stdbool.h>
#include <stdio.h>

#define SPW_STATE_PATH_BYTES 4096

/** spw_state_path() - @name in @state_dir, with @ending behind it. */
void spw_state_path(char path[SPW_STATE_PATH_BYTES], const char *state_dir, const char *name, const char *ending);

/**
 * spw_state_put_aside() - keep a file that cannot be used as @name.bad, for whoever wants to look at it.
 * Returns whether it was moved.
 */
bool spw_state_put_aside(const char *state_dir, const char *name);

/* Writes the whole of it. Returns 0 or -errno; what the stream itself knows of errors need not be told. */
typedef int spw_state_writer(FILE *out, void *context);

/**
 * spw_state_replace() - write @name anew, beside the old one, to disk, and then into its place: at once or not at all.
 * Makes the folder. Returns 0 or -errno; -ELOOP: a symbolic link stands there, which is left alone.
 */
int spw_state_replace(const char *state_dir, const char *name, spw_state_writer *write, void *context);

#endif
