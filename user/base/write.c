/* SPDX-License-Identifier: GPL-2.0-only */
#include "write.h"

#include <errno.h>
#include <unistd.h>

int spw_write_all(int fd, const void *bytes, size_t count)
{
	const char *at = bytes;

	while (count) {
		ssize_t written = write(fd, at, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		count -= (size_t)written;
	}
	return 0;
}
