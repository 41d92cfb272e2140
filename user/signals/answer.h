/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a probe's target says: an HTTP answer, a number, a page of the Prometheus text format. Pure: text in, values
 * out. The text comes from another program and may be anything; it is bounded by the caller. Called by app_probe.c.
 */
#ifndef SPW_IO_ANSWER_H
#define SPW_IO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

enum spw_answer_state {
	SPW_ANSWER_PART, /* more is to come */
	SPW_ANSWER_WHOLE,
	SPW_ANSWER_BAD, /* this is not HTTP/1 */
};

struct spw_answer {
	enum spw_answer_state state;
	u32 status;   /* 200; 0: the header is not complete yet */
	char *body;   /* inside the text, with a NUL behind it; set when the state is WHOLE */
	size_t bytes; /* of the body */
};

/**
 * spw_answer_read() - what came up to now.
 * @text: changed once the answer is whole: a chunked body is put together in place. Has room for one byte more
 * @closed: nothing more will come
 */
struct spw_answer spw_answer_read(char *text, size_t length, bool closed);

/** spw_answer_number() - the number that is all of @text but for white space. False: it is not one, or not finite. */
bool spw_answer_number(const char *text, double *number);

/**
 * spw_answer_sample() - the value of @wanted, a name or a name with labels (queue{pool="web"}), on a Prometheus page.
 * A sample of that name with all of these labels, and perhaps more, is meant. Returns how many there are; @number is
 * that of the last one. Values that are not finite don't count.
 */
u32 spw_answer_sample(const char *page, const char *wanted, double *number);

#endif
