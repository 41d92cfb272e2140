/* SPDX-License-Identifier: GPL-2.0-only */
#include "text.h"

#include <string.h>

/* Longer words are not compared: bounds the distance table. */
#define WORD_MAX 32

size_t spw_utf8_next(const char *text, size_t length, u32 *rune)
{
	static const u32 smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	u8 lead;
	size_t bytes;

	if (!length)
		return 0;
	lead = (u8)*text;
	if (lead < 0x80) {
		*rune = lead;
		return 1;
	}
	bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead < 0xc0 || lead > 0xf7 || bytes > length)
		return 0;
	*rune = lead & (0xffu >> (bytes + 1));
	for (size_t i = 1; i < bytes; i++) {
		if (((u8)text[i] & 0xc0) != 0x80)
			return 0;
		*rune = *rune << 6 | ((u8)text[i] & 0x3f);
	}
	if (*rune < smallest[bytes] || *rune > 0x10ffff || (*rune >= 0xd800 && *rune < 0xe000))
		return 0;
	return bytes;
}

bool spw_rune_printable(u32 rune)
{
	static const struct {
		u32 first, last;
	} hidden[] = {
		{0x00, 0x1f},	  /* C0: newline, escape sequences of terminals */
		{0x7f, 0x9f},	  /* DEL, C1 */
		{0x200b, 0x200b}, /* zero width space; the joiners after it belong to some scripts */
		{0x200e, 0x200f}, /* direction marks */
		{0x2028, 0x202e}, /* line and paragraph separator, direction */
		{0x2060, 0x206f}, /* invisible operators, direction isolates */
		{0xfeff, 0xfeff}, /* byte order mark */
		{0xfff9, 0xfffb}, /* annotation */
		{0xfffe, 0xffff}, /* noncharacters */
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		if (rune >= hidden[i].first && rune <= hidden[i].last)
			return false;
	return rune <= 0x10ffff;
}

size_t spw_utf8_whole(const char *text)
{
	size_t length = strlen(text), whole = 0, bytes;
	u32 rune;

	while ((bytes = spw_utf8_next(text + whole, length - whole, &rune)))
		whole += bytes;
	return whole;
}

bool spw_text_printable(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		u32 rune;
		size_t bytes = spw_utf8_next(text, left, &rune);

		if (!bytes || !spw_rune_printable(rune))
			return false;
		text += bytes;
		left -= bytes;
	}
	return true;
}

static u32 min(u32 left, u32 right)
{
	return left < right ? left : right;
}

/* Damerau-Levenshtein distance (optimal string alignment); UINT32_MAX for long words. */
static u32 distance_of(const char *left, const char *right)
{
	u32 rows[3][WORD_MAX + 1]; /* three rows of the table, reused in turn */
	size_t left_length = strnlen(left, WORD_MAX + 1), right_length = strnlen(right, WORD_MAX + 1);

	if (left_length > WORD_MAX || right_length > WORD_MAX)
		return UINT32_MAX;
	for (u32 j = 0; j <= right_length; j++)
		rows[0][j] = j;
	for (u32 i = 1; i <= left_length; i++) {
		u32 *row = rows[i % 3];
		const u32 *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];

		row[0] = i;
		for (u32 j = 1; j <= right_length; j++) {
			row[j] = min(min(above[j], row[j - 1]) + 1, above[j - 1] + (left[i - 1] != right[j - 1]));
			if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
				row[j] = min(row[j], second[j - 2] + 1);
		}
	}
	return rows[left_length % 3][right_length];
}

void spw_nearest_offer(struct spw_nearest *nearest, const char *candidate)
{
	u32 distance = distance_of(nearest->word, candidate);

	if (nearest->best && distance >= nearest->distance)
		return;
	nearest->best = candidate;
	nearest->distance = distance;
}

const char *spw_nearest_take(const struct spw_nearest *nearest)
{
	size_t length = strlen(nearest->word), allowed = length < 6 ? 1 : length / 3;

	if (!nearest->best || nearest->distance > allowed || nearest->distance >= strlen(nearest->best))
		return NULL;
	return nearest->best;
}
