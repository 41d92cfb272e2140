/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file -> memory, or a reason why not. Whatever stands behind the path, a FIFO, a device, a folder, something that
 * grows, this comes back soon and with bounded memory. Called by config/ and lists/.
 */
#ifndef SPW_CONFIG_FILE_H
#define SPW_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct spw_file {
	char *text; /* owned; a NUL stands behind it */
	size_t length;
	char problem[256]; /* after an error: what it is, to stand behind "cannot read FILE: " */
};

/**
 * spw_file_read() - read a whole regular file as it is in one version.
 * @bytes_max: a larger one is refused before it is read
 * @guarded: for files that hold policy beside the configuration: refused if anybody but its owner may write it (unless
 *           owner and group are root's). Symbolic links are followed: to a file beside it always; to other folders if
 *           the link and every folder on its way belong to root or the own user, and others may not write them
 *
 * A file that was changed while it was read, or while the clock of its time stamps stood still, is refused.
 * Returns 0 or -errno with file->problem. Free with spw_file_free() in both cases.
 */
int spw_file_read(const char *path, size_t bytes_max, bool guarded, struct spw_file *file);
void spw_file_free(struct spw_file *file);

#endif
