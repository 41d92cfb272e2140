/* SPDX-License-Identifier: GPL-2.0-only */
/* Text from outside: UTF-8, printable characters, and suggestions for misspelt words. */
#ifndef SPW_BASE_TEXT_H
#define SPW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

/** spw_utf8_next() - decode the first character of @text. Returns its length in bytes; 0: not valid UTF-8. */
size_t spw_utf8_next(const char *text, size_t length, u32 *rune);

/** spw_rune_printable() - false for control characters, including bidirectional controls and line separators. */
bool spw_rune_printable(u32 rune);

/** spw_utf8_whole() - bytes of the longest prefix of @text that is valid UTF-8. */
size_t spw_utf8_whole(const char *text);

/** spw_text_printable() - whether all of @text is valid UTF-8 and printable. */
bool spw_text_printable(const char *text);

/* Finds the candidate nearest to `word`: set `word`, offer each candidate, then take. */
struct spw_nearest {
	const char *word;
	const char *best;
	u32 distance; /* of `best` */
};

void spw_nearest_offer(struct spw_nearest *nearest, const char *candidate);

/** spw_nearest_take() - the nearest candidate; NULL: none is near enough. */
const char *spw_nearest_take(const struct spw_nearest *nearest);

#endif
