/* SPDX-License-Identifier: GPL-2.0-only */
/* Is an HTTP/1.1 answer whole? Read in pieces as they come; the body is counted, not kept. */
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
	char line[64]; /* as much of the current line as matters */
};

/** loop_answer_read() - take some bytes. Return: how many were of this answer; fewer than @size when it is whole or bad
 */
size_t loop_answer_read(struct loop_answer *answer, const char *bytes, size_t size);

/** loop_answer_closed() - the other side has closed. Return: is the answer whole? */
bool loop_answer_closed(const struct loop_answer *answer);

#endif
