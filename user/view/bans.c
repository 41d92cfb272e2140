/* SPDX-License-Identifier: GPL-2.0-only */
/* Bans of one list: time left, exact counts, owner, note. For `list show`. */
#include <string.h>

#include "json.h"
#include "numbers.h"
#include "text.h"

static void put_owner(FILE *out, const char *owner, int width)
{
	spw_put_text(out, owner, SPW_FOR_TERMINAL);
	fprintf(out, "%*s  ", width > (int)strlen(owner) ? width - (int)strlen(owner) : 0, "");
}

/* "fail2ban:sshd", or "fail2ban:sshd+1" with another owner whose name is not known. */
static void put_first_owner(FILE *out, const struct spw_ban_view *entry, int width)
{
	char text[SPW_BAN_OWNER_MAX + 16];
	size_t length = strlen(entry->owner);

	memcpy(text, entry->owner, length + 1);
	if (entry->owners > 1 && !entry->others_count)
		snprintf(text + length, sizeof(text) - length, "+%u", entry->owners - 1);
	put_owner(out, text, width);
}

/* The prefix is printed only with the owner of the latest end. */
static void put_others(FILE *out, const struct spw_ban_view *entry, int width, int owners)
{
	char text[SPW_SHORT_TEXT];

	for (u32 i = 0; i < entry->others_count; i++) {
		const struct spw_ban_other *other = &entry->others[i];

		fprintf(out, "%-*s %9s %15s %18s  ", width, "",
			other->left_ns == SPW_BAN_FOREVER ? "-" : spw_short_time(other->left_ns, text), "", "");
		put_owner(out, other->owner, owners);
		spw_put_text(out, other->note, SPW_FOR_TERMINAL);
		putc('\n', out);
	}
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
		for (u32 j = 0; j < entries[i].others_count; j++) {
			owner = (int)strlen(entries[i].others[j].owner);
			*owners = owner > *owners ? owner : *owners;
		}
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
		put_first_owner(out, entry, owners);
		spw_put_text(out, entry->note, SPW_FOR_TERMINAL);
		putc('\n', out);
		put_others(out, entry, width, owners);
	}
}

static json_t *left_json(u64 left_ns)
{
	return left_ns == SPW_BAN_FOREVER ? json_null() : spw_json_seconds(left_ns);
}

/* null: there are others, known to the agent only. */
static json_t *others_json(const struct spw_ban_view *entry)
{
	struct spw_json array;

	if (entry->owners > 1 && !entry->others_count)
		return json_null();
	array = spw_json_array();
	for (u32 i = 0; i < entry->others_count; i++) {
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "owner", spw_json_text(entry->others[i].owner));
		spw_json_set(&object, "left_s", left_json(entry->others[i].left_ns));
		spw_json_set(&object, "note", spw_json_text(entry->others[i].note));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

json_t *spw_view_bans_json(const struct spw_ban_view *entries, size_t count)
{
	struct spw_json array = spw_json_array();
	char prefix[SPW_PREFIX_TEXT];

	for (size_t i = 0; i < count; i++) {
		const struct spw_ban_view *entry = &entries[i];
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "prefix", json_string(spw_prefix_format(&entry->prefix, prefix)));
		spw_json_set(&object, "left_s", left_json(entry->left_ns));
		spw_json_set(&object, "packets", spw_json_count(entry->counted.packets));
		spw_json_set(&object, "bytes", spw_json_count(entry->counted.bytes));
		spw_json_set(&object, "owner", spw_json_text(entry->owner));
		spw_json_set(&object, "owners", json_integer(entry->owners));
		spw_json_set(&object, "others", others_json(entry));
		spw_json_set(&object, "note", spw_json_text(entry->note));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}
