/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streams of drops: a client of the control socket that asked for drops gets lines until it disconnects. The agent
 * passes the connection, offers lines and flushes at each tick. Never waits: lines that a slow reader cannot take are
 * counted, and reported as {"lost":N} once there is space.
 */
#ifndef SPW_NET_DROP_STREAM_H
#define SPW_NET_DROP_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

#define SPW_STREAMS_MAX 4

/* Which drops a reader asked for. */
struct spw_stream_filter {
	u64 reasons;  /* a bit by enum spw_reason */
	int class_id; /* -1: any */
};

/** spw_stream_wants() - whether the filter matches a drop of that reason and class. */
bool spw_stream_wants(const struct spw_stream_filter *filter, u32 reason, u32 class_id);

/**
 * spw_stream_send() - send @line to a connection that is not a stream yet; does not wait.
 * Returns false if the client does not read or is gone.
 */
bool spw_stream_send(int fd, const char *line, size_t bytes);

struct spw_streams;

/** spw_streams_new() - NULL: no memory. Free with spw_streams_free(), which disconnects all readers. */
struct spw_streams *spw_streams_new(void);
void spw_streams_free(struct spw_streams *streams);

/** spw_streams_room() - whether another reader can be added. */
bool spw_streams_room(const struct spw_streams *streams);

/**
 * spw_streams_add() - @fd: a connection, owned by the streams from now on, also after an error
 * @first: the first line, with its newline
 * Returns 0, -EBUSY or -ENOMEM.
 */
int spw_streams_add(struct spw_streams *streams, int fd, const struct spw_stream_filter *filter, const char *first);

/** spw_streams_wanted() - whether any reader wants a drop of that reason and class. */
bool spw_streams_wanted(const struct spw_streams *streams, u32 reason, u32 class_id);

/** spw_streams_offer() - queue @line of @bytes, with its newline, for all that want it. */
void spw_streams_offer(struct spw_streams *streams, u32 reason, u32 class_id, const char *line, size_t bytes);

/** spw_streams_flush() - send what fits; drop readers that are gone. */
void spw_streams_flush(struct spw_streams *streams);

/** spw_streams_count(), spw_streams_lost() - readers now; lines lost to slow ones since the start. */
u32 spw_streams_count(const struct spw_streams *streams);
u64 spw_streams_lost(const struct spw_streams *streams);

#endif
