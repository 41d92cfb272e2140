/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that other people wrote: what of it is UTF-8, what of it may be shown, and which word they may have meant.
 * Used by everything that reads the configuration or lists and by diagnostics.
 */
#ifndef SPW_CONFIG_TEXT_H
#define SPW_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

/** spw_utf8_next() - the character at the front of @text; returns its bytes, or 0 if there is none in valid UTF-8. */
size_t spw_utf8_next(const char *text, size_t length, u32 *rune);

/** spw_rune_printable() - false for control characters, also those that turn the direction of text or end a line. */
bool spw_rune_printable(u32 rune);

/** spw_utf8_whole() - bytes of @text up to what is not UTF-8, such as a character that was cut at the end of a buffer.
 */
size_t spw_utf8_whole(const char *text);

/** spw_text_printable() - whether all of @text is valid UTF-8 and may be shown. */
bool spw_text_printable(const char *text);

/* Which of many words is nearest to the one given? Fill in `word`, offer the others, then take. */
struct spw_nearest {
	const char *word;
	const char *best;
	u32 distance; /* of `best` */
};

void spw_nearest_offer(struct spw_nearest *nearest, const char *candidate);

/** spw_nearest_take() - the one that may have been meant, or NULL if none comes near enough. */
const char *spw_nearest_take(const struct spw_nearest *nearest);

#endif
