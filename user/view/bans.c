/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of one list: time left, exact counts, owner, note. Called by `list show`. */
#include <string.h>

#include "json.h"
#include "numbers.h"
#include "text.h"

/* "fail2ban:sshd", or "fail2ban:sshd+1" with another owner. */
static void put_owner(FILE *out, const struct spw_ban_view *entry, int width)
{
	char text[SPW_BAN_OWNER_MAX + 16];
	size_t length = strlen(entry->owner);

	memcpy(text, entry->owner, length + 1);
	if (entry->owners > 1)
		snprintf(text + length, sizeof(text) - length, "+%u", entry->owners - 1);
	spw_put_text(out, text, SPW_FOR_TERMINAL);
	fprintf(out, "%*s", width > (int)strlen(text) ? width - (int)strlen(text) : 0, "");
}

static void find_widths(const struct spw_ban_view *entries, size_t count, int *prefixes, int *owners)
{
	char prefix[SPW_PREFIX_TEXT];

	*prefixes = 18;
	*owners = 6;
	for (size_t i = 0; i < count; i++) {
		int length = (int)strlen(spw_prefix_format(&entries[i].prefix, prefix));
		int owner = (int)strlen(entries[i].owner) + (entries[i].owners > 1 ? 2 : 0);

		*prefixes = length > *prefixes ? length : *prefixes;
		*owners = owner > *owners ? owner : *owners;
	}
}

void spw_view_bans(FILE *out, const struct spw_ban_view *entries, size_t count, size_t total)
{
	char text[SPW_SHORT_TEXT], prefix[SPW_PREFIX_TEXT];
	int width, owners;

	fprintf(out, "%-10s%s\n", "entries", spw_long_count(total, text));
	if (!count)
		return;
	find_widths(entries, count, &width, &owners);
	fprintf(out, "\n%-*s %9s %15s %18s  %-*s  %s\n", width, "prefix", "left", "packets", "bytes", owners, "owner",
		"note");
	for (size_t i = 0; i < count; i++) {
		const struct spw_ban_view *entry = &entries[i];

		fprintf(out, "%-*s %9s", width, spw_prefix_format(&entry->prefix, prefix),
			entry->left_ns == SPW_BAN_FOREVER ? "-" : spw_short_time(entry->left_ns, text));
		fprintf(out, " %15s", spw_long_count(entry->counted.packets, text));
		fprintf(out, " %18s  ", spw_long_count(entry->counted.bytes, text));
		put_owner(out, entry, owners);
		fputs("  ", out);
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
		spw_json_set(&object, "owner", spw_json_text(entry->owner));
		spw_json_set(&object, "owners", json_integer(entry->owners));
		spw_json_set(&object, "note", spw_json_text(entry->note));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}
