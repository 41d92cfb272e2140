/* SPDX-License-Identifier: GPL-2.0-only */
/* Files replaced as a whole, so that readers see the old one or the new one, never a part; and folders. */
#ifndef SPW_BASE_REPLACE_H
#define SPW_BASE_REPLACE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Writes the whole content. Returns 0 or -errno; the caller checks the stream for errors. */
typedef int spw_writer(FILE *out, void *context);

/**
 * spw_replace_file() - write a new file beside the old one and rename it into its place.
 * @path: the file; the new one is @path.new until it is complete
 * @mode: permissions, whatever the umask
 * @sync: flush to disk before the rename, so that no power cut leaves an empty or partial file
 * @write: called with @context
 * Returns 0, or -errno: the old file is unchanged.
 */
int spw_replace_file(const char *path, mode_t mode, bool sync, spw_writer *write, void *context);

/**
 * spw_make_folder() - one level, with exactly @mode whatever the umask; an existing one is left alone. Returns 0 or
 * -errno.
 */
int spw_make_folder(const char *path, mode_t mode);

#endif
