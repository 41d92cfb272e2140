/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ownership in one word: a variable marked so gives back what it holds when it goes out of scope; TAKE_*() moves it on.
 */
#ifndef SPW_IO_CLEANUP_H
#define SPW_IO_CLEANUP_H

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

/* The descriptor, which its variable no longer owns. */
static inline int spw_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define TAKE_FD(fd) spw_take_fd(&(fd))

#endif
