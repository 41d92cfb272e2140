/* SPDX-License-Identifier: GPL-2.0-only */
#include "line_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct spw_line_stream {
	int fd;
	size_t begin; /* start of what was not returned yet */
	size_t end;
	char text[SPW_LINE_BYTES_MAX];
};

struct spw_line_stream *spw_line_stream_new(int fd)
{
	struct spw_line_stream *stream = malloc(sizeof(*stream));

	if (stream) {
		stream->fd = fd;
		stream->begin = stream->end = 0;
	}
	return stream;
}

/* Return a complete line from the buffer, if any. */
static int take_line(struct spw_line_stream *stream, const char **line, size_t *bytes)
{
	const char *begin = stream->text + stream->begin, *end = memchr(begin, '\n', stream->end - stream->begin);

	if (!end)
		return 0;
	*line = begin;
	*bytes = (size_t)(end - begin);
	stream->begin += *bytes + 1;
	return 1;
}

/* Returns 1 if data were received, otherwise as spw_line_stream_next(). */
static int receive(struct spw_line_stream *stream, int wait_ms)
{
	struct pollfd wait = {.fd = stream->fd, .events = POLLIN};
	ssize_t got;

	if (poll(&wait, 1, wait_ms) <= 0)
		return 0;
	got = recv(stream->fd, stream->text + stream->end, sizeof(stream->text) - stream->end, 0);
	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	stream->end += (size_t)got;
	return got ? 1 : -EPIPE;
}

int spw_line_stream_next(struct spw_line_stream *stream, int wait_ms, const char **line, size_t *bytes)
{
	int got = take_line(stream, line, bytes);

	while (!got) {
		memmove(stream->text, stream->text + stream->begin, stream->end - stream->begin);
		stream->end -= stream->begin;
		stream->begin = 0;
		if (stream->end == sizeof(stream->text))
			return -EMSGSIZE;
		got = receive(stream, wait_ms);
		if (got <= 0)
			return got;
		got = take_line(stream, line, bytes);
	}
	return got;
}

void spw_line_stream_free(struct spw_line_stream *stream)
{
	free(stream);
}
