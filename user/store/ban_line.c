/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_line.h"

#include <jansson.h>
#include <string.h>

#include "ban_label.h"
#include "base/text.h"

enum { VERSION = 1 };

/* ---- reading ---- */

static bool get_text(const json_t *object, const char *key, char *text, size_t bytes)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value) || json_string_length(value) >= bytes ||
	    !spw_text_printable(json_string_value(value)))
		return false;
	snprintf(text, bytes, "%s", json_string_value(value));
	return true;
}

static u64 get_count(const json_t *object, const char *key)
{
	json_int_t count = json_integer_value(json_object_get(object, key));

	return count > 0 ? (u64)count : 0;
}

/* The end of the ban as CLOCK_MONOTONIC of this boot. */
static bool get_end(const json_t *object, const struct spw_ban_moment *moment, u64 *until_ns)
{
	const json_t *same = json_object_get(object, "until_ns"), *wall = json_object_get(object, "until");
	double left, most;

	*until_ns = SPW_BAN_FOREVER;
	if (json_is_null(same) && json_is_null(wall))
		return true;
	if (!json_is_integer(same) || json_integer_value(same) < 0 || !json_is_number(wall))
		return false;
	*until_ns = (u64)json_integer_value(same);
	if (moment->same_boot)
		return true;
	left = json_number_value(wall) - moment->now;
	most = json_number_value(wall) - moment->saved;
	if (!(most < 400 * 86400.0))
		return false;
	left = left < most ? left : most;
	*until_ns = left > 0 ? moment->now_ns + (u64)(left * 1e9) : moment->now_ns;
	return true;
}

/* After the note. */
static bool get_owner(const json_t *object, struct spw_ban_line *line)
{
	if (json_object_get(object, "owner"))
		return get_text(object, "owner", line->owner, sizeof(line->owner)) && *line->owner;
	spw_ban_guess_owner(line->note, line->owner);
	return true;
}

bool spw_ban_read_line(const char *text, size_t length, const struct spw_ban_moment *moment, struct spw_ban_line *line)
{
	json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	char prefix[SPW_PREFIX_TEXT];
	bool right = get_text(object, "list", line->list, sizeof(line->list)) && *line->list &&
		     get_text(object, "prefix", prefix, sizeof(prefix)) &&
		     spw_prefix_parse(prefix, strlen(prefix), &line->prefix) == SPW_PREFIX_OK &&
		     get_text(object, "note", line->note, sizeof(line->note)) && get_owner(object, line) &&
		     get_end(object, moment, &line->until_ns);

	line->shared = json_is_true(json_object_get(object, "shared"));
	line->counted = (struct spw_ban_count){get_count(object, "packets"), get_count(object, "bytes")};
	json_decref(object);
	return right;
}

const char *spw_ban_read_head(const char *text, size_t length, const char *boot_id, struct spw_ban_moment *moment)
{
	json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	const char *kind = json_string_value(json_object_get(object, "spillway"));
	const char *saved_by = json_string_value(json_object_get(object, "boot_id")), *wrong = NULL;
	json_int_t version = json_integer_value(json_object_get(object, "version"));

	if (!kind || strcmp(kind, "entries") || !saved_by)
		wrong = "it is not a file of bans";
	else if (version != VERSION)
		wrong = "it is of another version";
	else
		moment->same_boot = *boot_id && !strcmp(saved_by, boot_id);
	moment->saved = json_number_value(json_object_get(object, "saved"));
	json_decref(object);
	return wrong;
}

/* ---- writing ---- */

/* Names, owners and notes have no control characters: only these two need a backslash. */
static void put_quoted(FILE *out, const char *text)
{
	putc_unlocked('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc_unlocked('\\', out);
		putc_unlocked(*text, out);
	}
	putc_unlocked('"', out);
}

void spw_ban_write_head(FILE *out, const char *boot_id, double saved)
{
	fprintf(out, "{\"spillway\":\"entries\",\"version\":%d,\"boot_id\":\"%s\",\"saved\":%.3f}\n", VERSION, boot_id,
		saved);
}

void spw_ban_write_line(FILE *out, const struct spw_ban_line *line, const struct spw_ban_moment *moment)
{
	char text[SPW_PREFIX_TEXT];

	fputs(line->shared ? SPW_BAN_SHARED "\"list\":" : "{\"list\":", out);
	put_quoted(out, line->list);
	fprintf(out, ",\"prefix\":\"%s\"", spw_prefix_format(&line->prefix, text));
	if (line->until_ns == SPW_BAN_FOREVER)
		fputs(",\"until_ns\":null,\"until\":null,\"note\":", out);
	else
		fprintf(out, ",\"until_ns\":%llu,\"until\":%.3f,\"note\":", (unsigned long long)line->until_ns,
			moment->now + ((double)line->until_ns - (double)moment->now_ns) / 1e9);
	put_quoted(out, line->note);
	fputs(",\"owner\":", out);
	put_quoted(out, line->owner);
	fprintf(out, ",\"packets\":%llu,\"bytes\":%llu}\n", (unsigned long long)line->counted.packets,
		(unsigned long long)line->counted.bytes);
}
