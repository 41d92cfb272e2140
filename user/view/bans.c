/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of one list: time left, exact counts, note. Called by `list show`. */
#include <string.h>

#include "json.h"
#include "numbers.h"
#include "text.h"

void spw_view_bans(FILE *out, const struct spw_ban_view *entries, size_t count)
{
	char text[SPW_SHORT_TEXT], prefix[SPW_PREFIX_TEXT];
	int width = 18;

	fprintf(out, "%-10s%s\n", "entries", spw_long_count(count, text));
	if (!count)
		return;
	for (size_t i = 0; i < count; i++) {
		int length = (int)strlen(spw_prefix_format(&entries[i].prefix, prefix));

		width = length > width ? length : width;
	}
	fprintf(out, "\n%-*s %9s %15s %18s  %s\n", width, "prefix", "left", "packets", "bytes", "note");
	for (size_t i = 0; i < count; i++) {
		const struct spw_ban_view *entry = &entries[i];

		fprintf(out, "%-*s %9s", width, spw_prefix_format(&entry->prefix, prefix),
			entry->left_ns == SPW_BAN_FOREVER ? "-" : spw_short_time(entry->left_ns, text));
		fprintf(out, " %15s", spw_long_count(entry->counted.packets, text));
		fprintf(out, " %18s  ", spw_long_count(entry->counted.bytes, text));
		spw_put_text(out, entry->note, SPW_FOR_TERMINAL);
		putc('\n', out);
	}
}

json_t *spw_view_bans_json(const struct spw_ban_view *entries, size_t count)
{
	struct spw_json array = spw_json_array();
	char prefix[SPW_PREFIX_TEXT];

	for (size_t i = 0; i < count; i++) {
		const struct spw_ban_view *entry = &entries[i];
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "prefix", json_string(spw_prefix_format(&entry->prefix, prefix)));
		spw_json_set(&object, "left_s",
			     entry->left_ns == SPW_BAN_FOREVER ? json_null() : spw_json_seconds(entry->left_ns));
		spw_json_set(&object, "packets", spw_json_count(entry->counted.packets));
		spw_json_set(&object, "bytes", spw_json_count(entry->counted.bytes));
		spw_json_set(&object, "note", spw_json_text(entry->note));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}
