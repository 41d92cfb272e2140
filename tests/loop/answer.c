// SPDX-License-Identifier: GPL-2.0-only
/* Detects the end of an HTTP answer in a byte stream. RFC 9112, as far as servers use it for a GET. */
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void become(struct loop_answer *answer, enum loop_answer_state state)
{
	answer->state = (uint8_t)state;
}

static void end_head(struct loop_answer *answer)
{
	if (!answer->status)
		become(answer, LOOP_ANSWER_BAD);
	else if (answer->chunked)
		become(answer, LOOP_ANSWER_SIZE);
	else if (answer->sized)
		become(answer, answer->left ? LOOP_ANSWER_BODY : LOOP_ANSWER_DONE);
	else
		become(answer, LOOP_ANSWER_CLOSE);
}

static void read_head_line(struct loop_answer *answer, const char *line)
{
	if (!answer->status) {
		if (strncmp(line, "HTTP/1.", 7) || strlen(line) < 12)
			become(answer, LOOP_ANSWER_BAD);
		else
			answer->status = (uint16_t)atoi(line + 9);
	} else if (!*line) {
		end_head(answer);
	} else if (!strncasecmp(line, "content-length:", 15)) {
		answer->sized = true;
		answer->left = strtoull(line + 15, NULL, 10);
	} else if (!strncasecmp(line, "transfer-encoding:", 18)) {
		answer->chunked = strstr(line + 18, "chunked");
	}
}

static void read_size_line(struct loop_answer *answer, const char *line)
{
	char *end;
	uint64_t size = strtoull(line, &end, 16);

	if (end == line || size > 1ULL << 40) {
		become(answer, LOOP_ANSWER_BAD);
		return;
	}
	answer->left = size + 2; /* its line ends, too */
	become(answer, size ? LOOP_ANSWER_CHUNK : LOOP_ANSWER_TRAIL);
}

static void read_line(struct loop_answer *answer)
{
	if (answer->line_length && answer->line[answer->line_length - 1] == '\r')
		answer->line_length--;
	answer->line[answer->line_length] = '\0';
	answer->line_length = 0;
	if (answer->state == LOOP_ANSWER_HEAD)
		read_head_line(answer, answer->line);
	else if (answer->state == LOOP_ANSWER_SIZE)
		read_size_line(answer, answer->line);
	else if (!*answer->line)
		become(answer, LOOP_ANSWER_DONE);
}

static void read_byte(struct loop_answer *answer, char byte)
{
	if (byte == '\n')
		read_line(answer);
	else if (answer->line_length < sizeof(answer->line) - 1)
		answer->line[answer->line_length++] = byte;
}

static size_t skip_body(struct loop_answer *answer, size_t size)
{
	size_t taken = size < answer->left ? size : (size_t)answer->left;

	answer->left -= taken;
	if (!answer->left)
		become(answer, answer->state == LOOP_ANSWER_BODY ? LOOP_ANSWER_DONE : LOOP_ANSWER_SIZE);
	return taken;
}

size_t loop_answer_read(struct loop_answer *answer, const char *bytes, size_t size)
{
	size_t taken = 0;

	while (taken < size && answer->state < LOOP_ANSWER_DONE) {
		if (answer->state == LOOP_ANSWER_CLOSE)
			return size;
		if (answer->state == LOOP_ANSWER_BODY || answer->state == LOOP_ANSWER_CHUNK)
			taken += skip_body(answer, size - taken);
		else
			read_byte(answer, bytes[taken++]);
	}
	return taken;
}

bool loop_answer_closed(const struct loop_answer *answer)
{
	return answer->state == LOOP_ANSWER_DONE || answer->state == LOOP_ANSWER_CLOSE;
}
