/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a file in memory, with locations for errors and a bound on reports. Private to lists/. */
#ifndef SPW_LISTS_LINES_H
#define SPW_LISTS_LINES_H

#include "lists.h"

/* An event on many lines: how often, and the first one. */
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
	const char *at; /* start of what is not read yet */
	const char *end;
	const char *line; /* the current line, without line end and carriage return */
	size_t length;
	u32 number;
	u32 errors;
	struct spw_lines_note skipped;
	struct spw_lines_note masked;
};

/** spw_lines_start() - begin with @text; a NUL byte in it is an error, and then there are no lines. */
void spw_lines_start(struct spw_lines *lines, const char *text, size_t length, const char *file,
		     struct spw_diagnostics *diagnostics);

/** spw_lines_next() - go to the next line; false at the end, and after too many errors. */
bool spw_lines_next(struct spw_lines *lines);

/** spw_lines_error() - report an error in this line, @at bytes from its start; only counted with options.skip. */
__attribute__((format(printf, 3, 4))) void spw_lines_error(struct spw_lines *lines, size_t at, const char *format, ...);

/** spw_lines_skip_comment() - cut the line at a comment: # or ;, or // after a blank. */
void spw_lines_skip_comment(struct spw_lines *lines);

/** spw_lines_trim() - move @start and @end, offsets into the line, past blanks; false: nothing is left. */
bool spw_lines_trim(const struct spw_lines *lines, size_t *start, size_t *end);

/** spw_lines_word() - the next word of the line from *@start on, up to *@end; false: none. */
bool spw_lines_word(const struct spw_lines *lines, size_t *start, size_t *end);

/**
 * spw_lines_take() - append the prefix, address or range at @start to @end of the line to lines->list.
 * Returns 0, even after an error in the text, or -ENOMEM or -E2BIG with an error.
 */
int spw_lines_take(struct spw_lines *lines, size_t start, size_t end);

/** spw_lines_take_text() - the same for @text, which is not in the line as it is; @at is its offset there. */
int spw_lines_take_text(struct spw_lines *lines, const char *text, size_t length, size_t at);

/** spw_lines_finish() - report the number of errors not reported. Returns 0, or -EINVAL if there were errors. */
int spw_lines_finish(struct spw_lines *lines);

#endif
