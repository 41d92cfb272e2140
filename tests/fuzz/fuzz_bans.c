/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as a file of bans: the first line and the others. Accepted values are within an agent's bounds, safe
 * for a terminal, and unchanged when written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "user/base/text.h"
#include "user/store/ban_line.h"

#define BOOT_ID "5f0c3c0e-7a6b-4a3e-9f2d-000000000001"

static void check(const struct spw_ban_line *line, const struct spw_ban_moment *moment)
{
	require(*line->list && strlen(line->list) < SPW_NAME_MAX && spw_text_printable(line->list));
	require(*line->owner && strlen(line->owner) < SPW_BAN_OWNER_MAX && spw_text_printable(line->owner));
	require(strlen(line->note) < SPW_BAN_NOTE_MAX && spw_text_printable(line->note));
	require(line->prefix.family == 4 ? line->prefix.len <= 32
					 : line->prefix.family == 6 && line->prefix.len <= 128);
	if (!moment->same_boot && line->until_ns != SPW_BAN_FOREVER)
		require(line->until_ns >= moment->now_ns &&
			line->until_ns - moment->now_ns <= 400 * 86400 * 1000000000ull);
}

static void check_written(const struct spw_ban_line *line, struct spw_ban_moment moment)
{
	struct spw_ban_line again;
	size_t bytes = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &bytes);

	require(out);
	moment.same_boot = true;
	spw_ban_write_line(out, line, &moment);
	require(!fclose(out) && bytes && text[bytes - 1] == '\n' && !memchr(text, '\n', bytes - 1));
	require(spw_ban_read_line(text, bytes - 1, &moment, &again));
	require(!strcmp(again.list, line->list) && !strcmp(again.note, line->note));
	require(spw_prefix_contains(&again.prefix, &line->prefix) && again.prefix.len == line->prefix.len);
	require(!strcmp(again.owner, line->owner) && again.shared == line->shared);
	require(again.until_ns == line->until_ns);
	require(again.counted.packets == line->counted.packets && again.counted.bytes == line->counted.bytes);
	free(text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_ban_moment moment = {.now = 1.8e9, .now_ns = 1000000000};
	const char *text = (const char *)data, *end = text + size;
	struct spw_ban_line line;
	bool first = true;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((stop ? stop : end) - text);

		if (first) {
			spw_ban_read_head(text, length, BOOT_ID, &moment);
		} else if (spw_ban_read_line(text, length, &moment, &line)) {
			check(&line, &moment);
			check_written(&line, moment);
		}
		first = false;
		text += length + 1;
	}
	return 0;
}
