/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a file in memory, with places for errors and a bound on how many are reported. Inside lists/ only: what the
 * readers of formats share.
 */
#ifndef SPW_LISTS_LINES_H
#define SPW_LISTS_LINES_H

#include "lists.h"

/* Something that happened on many lines: how often, and the first of them. */
struct spw_lines_note {
	u32 count;
	struct spw_place place;
	char text[512];
};

struct spw_lines {
	const char *file;
	struct spw_diagnostics *diagnostics;
	struct spw_list *list; /* that spw_lines_take() appends to */
	struct spw_list_options options;
	size_t line_max;
	const char *at; /* what is not read yet */
	const char *end;
	const char *line; /* this line, without its end and a carriage return before that */
	size_t length;
	u32 number;
	u32 errors;
	struct spw_lines_note skipped;
	struct spw_lines_note masked;
};

/** spw_lines_start() - begin with @text; a NUL byte anywhere in it is an error, and then there are no lines. */
void spw_lines_start(struct spw_lines *lines, const char *text, size_t length, const char *file,
		     struct spw_diagnostics *diagnostics);

/** spw_lines_next() - go to the next line; false at the end, and when there were far too many errors. */
bool spw_lines_next(struct spw_lines *lines);

/** spw_lines_error() - an error in this line, @at bytes from its start; with options.skip it is only counted. */
__attribute__((format(printf, 3, 4))) void spw_lines_error(struct spw_lines *lines, size_t at, const char *format, ...);

/** spw_lines_skip_comment() - end the line where a comment begins: at # or ;, or at // behind a blank. */
void spw_lines_skip_comment(struct spw_lines *lines);

/** spw_lines_trim() - move @start and @end, offsets into the line, over blanks; false: nothing is between them. */
bool spw_lines_trim(const struct spw_lines *lines, size_t *start, size_t *end);

/** spw_lines_word() - the next word of the line from *@start on, up to *@end; false: there is none. */
bool spw_lines_word(const struct spw_lines *lines, size_t *start, size_t *end);

/**
 * spw_lines_take() - append the prefix, address or range at @start to @end of the line to lines->list.
 * Returns 0, also after an error in the text, or -ENOMEM or -E2BIG with an error.
 */
int spw_lines_take(struct spw_lines *lines, size_t start, size_t end);

/** spw_lines_take_text() - the same of @text, which is not in the line as it is; @at is its place there. */
int spw_lines_take_text(struct spw_lines *lines, const char *text, size_t length, size_t at);

/** spw_lines_finish() - report how much was not reported. Returns 0, or -EINVAL if there were errors. */
int spw_lines_finish(struct spw_lines *lines);

#endif
