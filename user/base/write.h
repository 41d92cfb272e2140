/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing to a descriptor. Called wherever binary files and memfds are written. */
#ifndef SPW_BASE_WRITE_H
#define SPW_BASE_WRITE_H

#include <stddef.h>

/** spw_write_all() - write @count bytes, over partial writes and interruptions. Returns 0 or -errno. */
int spw_write_all(int fd, const void *bytes, size_t count);

#endif
