/* SPDX-License-Identifier: GPL-2.0-only */
#include "drop_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (256u << 10) /* some 600 lines, in addition to the socket's buffer */
#define LOST_BYTES   40		  /* of the line that reports losses */

struct stream {
	int fd; /* -1: free */
	struct spw_stream_filter filter;
	u64 lost; /* not reported yet */
	size_t length;
	char *buffer;
};

struct spw_streams {
	struct stream streams[SPW_STREAMS_MAX];
	u64 lost;
};

struct spw_streams *spw_streams_new(void)
{
	struct spw_streams *streams = calloc(1, sizeof(*streams));

	for (int i = 0; streams && i < SPW_STREAMS_MAX; i++)
		streams->streams[i].fd = -1;
	return streams;
}

static void end(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	free(stream->buffer);
	*stream = (struct stream){.fd = -1};
}

void spw_streams_free(struct spw_streams *streams)
{
	for (int i = 0; streams && i < SPW_STREAMS_MAX; i++)
		end(&streams->streams[i]);
	free(streams);
}

static struct stream *free_stream(const struct spw_streams *streams)
{
	for (int i = 0; i < SPW_STREAMS_MAX; i++)
		if (streams->streams[i].fd < 0)
			return (struct stream *)&streams->streams[i];
	return NULL;
}

bool spw_streams_room(const struct spw_streams *streams)
{
	return free_stream(streams);
}

int spw_streams_add(struct spw_streams *streams, int fd, const struct spw_stream_filter *filter, const char *first)
{
	struct stream *stream = free_stream(streams);

	if (!stream) {
		close(fd);
		return -EBUSY;
	}
	stream->fd = fd;
	stream->filter = *filter;
	stream->buffer = malloc(BUFFER_BYTES);
	if (!stream->buffer) {
		end(stream);
		return -ENOMEM;
	}
	stream->length = strlen(first);
	memcpy(stream->buffer, first, stream->length);
	spw_streams_flush(streams);
	return 0;
}

bool spw_stream_wants(const struct spw_stream_filter *filter, u32 reason, u32 class_id)
{
	return reason < 64 && filter->reasons >> reason & 1 &&
	       (filter->class_id < 0 || (u32)filter->class_id == class_id);
}

bool spw_stream_send(int fd, const char *line, size_t bytes)
{
	return send(fd, line, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

static bool wants(const struct stream *stream, u32 reason, u32 class_id)
{
	return stream->fd >= 0 && spw_stream_wants(&stream->filter, reason, class_id);
}

bool spw_streams_wanted(const struct spw_streams *streams, u32 reason, u32 class_id)
{
	for (int i = 0; i < SPW_STREAMS_MAX; i++)
		if (wants(&streams->streams[i], reason, class_id))
			return true;
	return false;
}

static void send_some(struct stream *stream)
{
	ssize_t sent = stream->length ? send(stream->fd, stream->buffer, stream->length, MSG_NOSIGNAL | MSG_DONTWAIT)
				      : 0;

	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		end(stream);
		return;
	}
	if (sent > 0) {
		stream->length -= (size_t)sent;
		memmove(stream->buffer, stream->buffer + sent, stream->length);
	}
}

static void append(struct spw_streams *streams, struct stream *stream, const char *line, size_t bytes)
{
	size_t needed = bytes + (stream->lost ? LOST_BYTES : 0);

	if (stream->length + needed > BUFFER_BYTES)
		send_some(stream);
	if (stream->fd < 0)
		return;
	if (stream->length + needed > BUFFER_BYTES) {
		stream->lost++;
		streams->lost++;
		return;
	}
	if (stream->lost)
		stream->length += (size_t)snprintf(stream->buffer + stream->length, LOST_BYTES, "{\"lost\":%llu}\n",
						   (unsigned long long)stream->lost);
	stream->lost = 0;
	memcpy(stream->buffer + stream->length, line, bytes);
	stream->length += bytes;
}

void spw_streams_offer(struct spw_streams *streams, u32 reason, u32 class_id, const char *line, size_t bytes)
{
	for (int i = 0; i < SPW_STREAMS_MAX; i++)
		if (wants(&streams->streams[i], reason, class_id))
			append(streams, &streams->streams[i], line, bytes);
}

/* Closed in both directions. A reader that only closed its sending side stays. */
static bool is_gone(int fd)
{
	struct pollfd state = {.fd = fd};

	return poll(&state, 1, 0) > 0 && state.revents & (POLLHUP | POLLERR | POLLNVAL);
}

void spw_streams_flush(struct spw_streams *streams)
{
	for (int i = 0; i < SPW_STREAMS_MAX; i++) {
		struct stream *stream = &streams->streams[i];

		if (stream->fd >= 0 && is_gone(stream->fd))
			end(stream);
		if (stream->fd >= 0)
			send_some(stream);
	}
}

u32 spw_streams_count(const struct spw_streams *streams)
{
	u32 count = 0;

	for (int i = 0; i < SPW_STREAMS_MAX; i++)
		count += streams->streams[i].fd >= 0;
	return count;
}

u64 spw_streams_lost(const struct spw_streams *streams)
{
	return streams->lost;
}
