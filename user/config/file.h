/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a file into memory. Whatever is at the path, a FIFO, a device, a folder, a growing file, this returns soon and
 * uses bounded memory. Used by config/ and lists/.
 */
#ifndef SPW_CONFIG_FILE_H
#define SPW_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct spw_file {
	char *text; /* owned; NUL-terminated */
	size_t length;
	char problem[256]; /* after an error: what happened, to follow "cannot read FILE: " */
};

/**
 * spw_file_read() - read a whole regular file in one version.
 * @bytes_max: a larger one is refused before it is read
 * @guarded: for policy files beside the configuration: refused if anybody but the owner may write to it (unless owner
 *           and group are root). Symbolic links are followed within the folder; to other folders only if the link and
 *           every folder on its way belong to root or the current user, and others may not write to them
 *
 * A file that changed while it was read, or too recently for its time stamp to tell, is refused.
 * Returns 0 or -errno with file->problem. Free with spw_file_free() in both cases.
 */
int spw_file_read(const char *path, size_t bytes_max, bool guarded, struct spw_file *file);
void spw_file_free(struct spw_file *file);

#endif
