/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a file in memory, with places for errors and a bound on how many are told. Inside lists/ only: what the
 * readers of formats share.
 */
#ifndef SPW_LISTS_LINES_H
#define SPW_LISTS_LINES_H

#include "lists.h"

struct spw_lines {
	const char *file;
	struct spw_diagnostics *diagnostics;
	const char *at; /* what is not read yet */
	const char *end;
	const char *line; /* this line, without its end and a carriage return before that */
	size_t length;
	u32 number;
	u32 errors;
};

/** spw_lines_start() - begin with @text; a NUL byte anywhere in it is an error, and then there are no lines. */
void spw_lines_start(struct spw_lines *lines, const char *text, size_t length, const char *file,
		     struct spw_diagnostics *diagnostics);

/** spw_lines_next() - go to the next line; false at the end, and when there were far too many errors. */
bool spw_lines_next(struct spw_lines *lines);

/** spw_lines_error() - an error in this line, @at bytes from its start. */
__attribute__((format(printf, 3, 4))) void spw_lines_error(struct spw_lines *lines, size_t at, const char *format, ...);

/** spw_lines_finish() - tell how many errors were not told. Returns 0, or -EINVAL if there were any. */
int spw_lines_finish(struct spw_lines *lines);

#endif
