/* SPDX-License-Identifier: GPL-2.0-only */
/* Detects the end of an HTTP/1.1 answer, read in pieces; the body is counted, not kept. */
#ifndef LOOP_ANSWER_H
#define LOOP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum loop_answer_state {
	LOOP_ANSWER_HEAD,  /* status line and header fields */
	LOOP_ANSWER_BODY,  /* @left more bytes */
	LOOP_ANSWER_CLOSE, /* until the connection is closed */
	LOOP_ANSWER_SIZE,  /* the line before a chunk */
	LOOP_ANSWER_CHUNK, /* @left more bytes of a chunk and the end of its line */
	LOOP_ANSWER_TRAIL, /* lines after the last chunk */
	LOOP_ANSWER_DONE,
	LOOP_ANSWER_BAD,
};

/* All zero: waiting for an answer. */
struct loop_answer {
	uint8_t state; /* enum loop_answer_state */
	bool chunked, sized;
	uint8_t line_length;
	uint16_t status;
	uint64_t left;
	char line[64]; /* the relevant beginning of the current line */
};

/**
 * loop_answer_read() - take some bytes. Returns how many belong to this answer; fewer than @size at its end or an
 * error.
 */
size_t loop_answer_read(struct loop_answer *answer, const char *bytes, size_t size);

/** loop_answer_closed() - the peer has closed. Returns whether the answer is complete. */
bool loop_answer_closed(const struct loop_answer *answer);

#endif
