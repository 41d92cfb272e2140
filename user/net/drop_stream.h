/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines that go on: whoever asked the control socket for drops gets them until it goes away. The agent hands over the
 * connection, offers lines, and flushes at each tick. Nobody is waited for: what a slow reader has no room for is
 * counted, and told once there is room again ({"lost":N}).
 */
#ifndef SPW_IO_SAMPLE_STREAM_H
#define SPW_IO_SAMPLE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

#define SPW_STREAMS_MAX 4

/* What a reader wants to see. */
struct spw_stream_filter {
	u64 reasons;  /* a bit by enum spw_reason */
	int class_id; /* -1: any */
};

/** spw_stream_wants() - whether a drop of that reason and class is among them. */
bool spw_stream_wants(const struct spw_stream_filter *filter, u32 reason, u32 class_id);

/**
 * spw_stream_send() - @bytes of @line to a connection that is not among the streams, without waiting.
 * Returns false: it does not read, or is gone.
 */
bool spw_stream_send(int fd, const char *line, size_t bytes);

struct spw_streams;

/** spw_streams_new() - NULL: no memory. Free with spw_streams_free(), which ends all. */
struct spw_streams *spw_streams_new(void);
void spw_streams_free(struct spw_streams *streams);

/** spw_streams_room() - whether one more may be added. */
bool spw_streams_room(const struct spw_streams *streams);

/**
 * spw_streams_add() - @fd: a connection; taken over, also where it fails
 * @first: the first line, with its end
 * Returns 0, -EBUSY or -ENOMEM.
 */
int spw_streams_add(struct spw_streams *streams, int fd, const struct spw_stream_filter *filter, const char *first);

/** spw_streams_wanted() - whether anybody would see a drop of that reason and class. */
bool spw_streams_wanted(const struct spw_streams *streams, u32 reason, u32 class_id);

/** spw_streams_offer() - @line of @bytes, with its end, for all who want it. */
void spw_streams_offer(struct spw_streams *streams, u32 reason, u32 class_id, const char *line, size_t bytes);

/** spw_streams_flush() - send what fits, forget who has gone. */
void spw_streams_flush(struct spw_streams *streams);

/** spw_streams_count(), spw_streams_lost() - how many read now; how many lines were lost to slow ones since the start.
 */
u32 spw_streams_count(const struct spw_streams *streams);
u64 spw_streams_lost(const struct spw_streams *streams);

#endif
