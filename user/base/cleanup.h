/* SPDX-License-Identifier: GPL-2.0-only */
/* Release a variable's resource when it goes out of scope (GCC's cleanup attribute); TAKE_FD() transfers ownership. */
#ifndef SPW_BASE_CLEANUP_H
#define SPW_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void spw_close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void spw_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void spw_free_memory(void *pointer)
{
	free(*(void **)pointer);
}

#define _cleanup_fd_   __attribute__((cleanup(spw_close_fd)))
#define _cleanup_file_ __attribute__((cleanup(spw_close_file)))
#define _cleanup_free_ __attribute__((cleanup(spw_free_memory)))

/* The descriptor; the variable no longer owns it. */
static inline int spw_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define TAKE_FD(fd) spw_take_fd(&(fd))

#endif
