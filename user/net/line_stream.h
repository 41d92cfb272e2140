/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines read from a connection: the reading end of a drop stream. */
#ifndef SPW_NET_LINE_STREAM_H
#define SPW_NET_LINE_STREAM_H

#include <stddef.h>

#define SPW_LINE_BYTES_MAX 65536

struct spw_line_stream;

/** spw_line_stream_new() - read lines from @fd, which stays the caller's. NULL: out of memory. */
struct spw_line_stream *spw_line_stream_new(int fd);

/**
 * spw_line_stream_next() - the next line, without line end; waits up to @wait_ms.
 * @line, @bytes: valid until the next call
 * Returns 1: a line; 0: timeout or signal; -EPIPE: the other end closed; -EMSGSIZE: longer than SPW_LINE_BYTES_MAX; or
 * another -errno.
 */
int spw_line_stream_next(struct spw_line_stream *stream, int wait_ms, const char **line, size_t *bytes);
void spw_line_stream_free(struct spw_line_stream *stream);

#endif
