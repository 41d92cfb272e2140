/* SPDX-License-Identifier: GPL-2.0-only */
/* What the renderers share. */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

#include "core/words.h"
#include "base/cleanup.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

#define NS_PER_S 1000000000ull

/*
 * Bytes of the UTF-8 character at @at, which ends in NUL somewhere; 0: it is none. Rejects what decoders disagree on:
 * overlong forms, surrogates, beyond U+10FFFF (Unicode 15, table 3-7).
 */
static size_t character_bytes(const u8 *at)
{
	u8 low = 0x80, high = 0xbf;
	size_t bytes;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	bytes = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return bytes;
}

/* C0 and DEL, C1, and the marks that turn the direction of what follows. */
static bool is_control(const u8 *at, size_t bytes)
{
	if (bytes == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (bytes == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	return bytes == 3 && at[0] == 0xe2 &&
	       ((at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
		(at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

static void put_ascii(FILE *out, u8 character, enum spw_quoting quoting)
{
	bool quoted = quoting == SPW_FOR_JSON || quoting == SPW_FOR_LABEL;

	if (quoted && (character == '"' || character == '\\'))
		fprintf(out, "\\%c", character);
	else if (quoted && character == '\n')
		fputs("\\n", out);
	else if (quoting == SPW_FOR_JSON && character < 0x20)
		fprintf(out, "\\u%04x", character);
	else
		putc(character, out);
}

/* One character; returns the bytes that it took. */
static size_t put_character(FILE *out, const u8 *at, enum spw_quoting quoting)
{
	size_t bytes = character_bytes(at);

	if (!bytes || (quoting == SPW_FOR_TERMINAL && is_control(at, bytes)))
		fputs(REPLACEMENT, out);
	else if (bytes == 1)
		put_ascii(out, *at, quoting);
	else
		fwrite(at, 1, bytes, out);
	return bytes ? bytes : 1;
}

void spw_put_text(FILE *out, const char *text, enum spw_quoting quoting)
{
	const u8 *at = (const u8 *)text;

	while (*at)
		at += put_character(out, at, quoting);
}

int spw_text_width(const char *text)
{
	const u8 *at = (const u8 *)text;
	int width = 0;

	for (; *at; width++) {
		size_t bytes = character_bytes(at);

		at += bytes ? bytes : 1;
	}
	return width;
}

void spw_put_cell(FILE *out, const char *text, int width)
{
	const u8 *at = (const u8 *)text;
	int left = spw_text_width(text), room = left > width ? width - 1 : width;

	for (; *at && room > 0; room--)
		at += put_character(out, at, SPW_FOR_TERMINAL);
	if (*at)
		putc('~', out);
	fprintf(out, "%*s", room > 0 ? room : 0, "");
}

struct spw_row spw_row_begin(FILE *out, const char *label, int indent)
{
	spw_put_cell(out, label, indent);
	return (struct spw_row){.out = out, .indent = indent, .column = indent};
}

void spw_row_next(struct spw_row *row, int width)
{
	if (row->begun && row->column + 2 + width > SPW_PAGE_COLUMNS) {
		fprintf(row->out, ",\n%*s", row->indent, "");
		row->column = row->indent;
	} else if (row->begun) {
		row->column += fprintf(row->out, ", ");
	}
	row->column += width;
	row->begun = true;
}

void spw_put_coloured(FILE *out, struct spw_style style, enum spw_colour_name colour, const char *text)
{
	static const char *const codes[] = {
		[SPW_COLOUR_STRONG] = "1",	    [SPW_COLOUR_GREEN] = "1;32", [SPW_COLOUR_YELLOW] = "1;33",
		[SPW_COLOUR_ORANGE] = "1;38;5;208", [SPW_COLOUR_RED] = "1;31",
	};

	if (style.colour)
		fprintf(out, "\033[%sm%s\033[0m", codes[colour], text);
	else
		fputs(text, out);
}

enum spw_colour_name spw_level_colour(u32 level)
{
	static const enum spw_colour_name colours[SPW_LEVELS] = {
		[SPW_GREEN] = SPW_COLOUR_GREEN,
		[SPW_YELLOW] = SPW_COLOUR_YELLOW,
		[SPW_ORANGE] = SPW_COLOUR_ORANGE,
		[SPW_RED] = SPW_COLOUR_RED,
	};

	return level < SPW_LEVELS ? colours[level] : SPW_COLOUR_STRONG;
}

const char *spw_short_count(u64 count, char text[SPW_SHORT_TEXT])
{
	static const char units[] = "kMGTPE";
	size_t unit = 0;
	double scaled;

	if (count < 10000) {
		snprintf(text, SPW_SHORT_TEXT, "%u", (unsigned int)count);
		return text;
	}
	/* 999.5 would be shown as 1000 of this unit: it is 1.0 of the next. */
	for (scaled = (double)count / 1000; scaled >= 999.5 && units[unit + 1]; unit++)
		scaled /= 1000;
	snprintf(text, SPW_SHORT_TEXT, scaled < 99.95 ? "%.1f%c" : "%.0f%c", scaled, units[unit]);
	return text;
}

const char *spw_long_count(u64 count, char text[SPW_SHORT_TEXT])
{
	char digits[SPW_SHORT_TEXT];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *to = text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

const char *spw_short_time(u64 ns, char text[SPW_SHORT_TEXT])
{
	unsigned long long s = ns / NS_PER_S;

	if (ns < 1000000)
		snprintf(text, SPW_SHORT_TEXT, "%llu us", (unsigned long long)(ns / 1000));
	else if (ns < NS_PER_S)
		snprintf(text, SPW_SHORT_TEXT, "%llu ms", (unsigned long long)(ns / 1000000));
	else if (s < 10)
		snprintf(text, SPW_SHORT_TEXT, "%llu.%llu s", s, (unsigned long long)(ns % NS_PER_S / 100000000));
	else if (s < 120)
		snprintf(text, SPW_SHORT_TEXT, "%llu s", s);
	else if (s < 2 * 3600)
		snprintf(text, SPW_SHORT_TEXT, "%llum%02llus", s / 60, s % 60);
	else if (s < 48 * 3600)
		snprintf(text, SPW_SHORT_TEXT, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(text, SPW_SHORT_TEXT, "%llud%lluh", s / 86400, s / 3600 % 24);
	return text;
}

struct spw_json spw_json_object(void)
{
	return (struct spw_json){.value = json_object()};
}

struct spw_json spw_json_array(void)
{
	return (struct spw_json){.value = json_array()};
}

void spw_json_set(struct spw_json *object, const char *key, json_t *value)
{
	if (json_object_set_new(object->value, key, value))
		object->failed = true;
}

void spw_json_add(struct spw_json *array, json_t *value)
{
	if (json_array_append_new(array->value, value))
		array->failed = true;
}

json_t *spw_json_finish(struct spw_json *json)
{
	if (!json->failed)
		return json->value;
	json_decref(json->value);
	return NULL;
}

json_t *spw_json_text(const char *text)
{
	_cleanup_free_ char *buffer = NULL;
	size_t length = 0;
	json_t *valid = json_string(text);
	FILE *out = valid ? NULL : open_memstream(&buffer, &length);

	if (!out)
		return valid;
	spw_put_text(out, text, SPW_FOR_LIBRARY);
	if (fclose(out))
		return NULL;
	return json_stringn(buffer, length);
}

json_t *spw_json_text_or_null(const char *text)
{
	return *text ? spw_json_text(text) : json_null();
}

json_t *spw_json_count(u64 count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *spw_json_seconds(u64 ns)
{
	/* To the microsecond: what is left then has few digits. */
	return json_real((double)(ns / 1000) / 1e6);
}

json_t *spw_json_level(u32 level)
{
	return level < SPW_LEVELS ? json_string(spw_level_name(level)) : json_null();
}

json_t *spw_json_verdicts(const u64 counts[SPW_VERDICTS])
{
	struct spw_json object = spw_json_object();

	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		spw_json_set(&object, spw_verdict_name(verdict), spw_json_count(counts[verdict]));
	return spw_json_finish(&object);
}

json_t *spw_json_list(const struct spw_snapshot *snapshot, const struct spw_list_snapshot *list)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "name", spw_json_text(list->record.name));
	spw_json_set(&object, "class", spw_json_text(spw_class_name(snapshot, list->record.class_id)));
	spw_json_set(&object, "active", json_boolean(list->record.state == SPW_RECORD_ACTIVE));
	spw_json_set(&object, "prefixes4", spw_json_count(list->record.prefixes4));
	spw_json_set(&object, "prefixes6", spw_json_count(list->record.prefixes6));
	spw_json_set(&object, "packets", spw_json_verdicts(list->counter.packets));
	spw_json_set(&object, "bytes", spw_json_verdicts(list->counter.bytes));
	return spw_json_finish(&object);
}

enum spw_treatment spw_treatment(u32 shed_from, u32 cut_new_from, u32 cut_all_from, u32 level)
{
	if (level >= cut_all_from)
		return SPW_CUT_ALL;
	if (level >= cut_new_from)
		return SPW_CUT_NEW;
	return level > SPW_GREEN && level >= shed_from ? SPW_SHEDS : SPW_SERVED;
}

const char *spw_treatment_name(enum spw_treatment treatment)
{
	static const char *const names[] = {
		[SPW_SERVED] = "served", [SPW_SHEDS] = "sheds", [SPW_CUT_NEW] = "cut_new", [SPW_CUT_ALL] = "cut_all"};

	return names[treatment];
}

const char *spw_treatment_text(enum spw_treatment treatment)
{
	static const char *const texts[] = {
		[SPW_SERVED] = "served", [SPW_SHEDS] = "sheds", [SPW_CUT_NEW] = "cut new", [SPW_CUT_ALL] = "cut all"};

	return texts[treatment];
}

struct spw_traffic spw_class_traffic(const struct spw_snapshot *snapshot, u32 class_id)
{
	struct spw_traffic sum = {0};

	for (size_t i = 0; i < snapshot->lists_count; i++) {
		const struct spw_list_snapshot *list = &snapshot->lists[i];

		if (list->record.class_id != class_id)
			continue;
		if (list->record.state == SPW_RECORD_ACTIVE) {
			sum.prefixes4 += list->record.prefixes4;
			sum.prefixes6 += list->record.prefixes6;
		}
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
			sum.packets[verdict] += list->counter.packets[verdict];
			sum.bytes[verdict] += list->counter.bytes[verdict];
		}
	}
	return sum;
}

bool spw_reason_shown(u32 reason)
{
	return reason != SPW_REASON_MALFORMED_DROP;
}

bool spw_enforcing(const struct spw_snapshot *snapshot)
{
	return spw_lease_left_ns(snapshot) && snapshot->control.mode == SPW_ENFORCE;
}

bool spw_level_pinned(const struct spw_snapshot *snapshot)
{
	return snapshot->control.pinned_level < SPW_LEVELS && snapshot->control.pinned_until_ns > snapshot->now_ns;
}

u64 spw_since_ns(const struct spw_snapshot *snapshot, u64 then_ns)
{
	return snapshot->now_ns > then_ns ? snapshot->now_ns - then_ns : 0;
}

const char *spw_interface_mode(const struct spw_interface_record *interface)
{
	if (!interface->attached)
		return NULL;
	return interface->native ? "native" : "generic";
}

const char *spw_interface_name(const struct spw_interface_record *interface, char name[SPW_SHORT_TEXT])
{
	snprintf(name, SPW_SHORT_TEXT, "%.*s", (int)sizeof(interface->name), interface->name);
	return name;
}

const char *spw_class_name(const struct spw_snapshot *snapshot, u32 class_id)
{
	const struct spw_class_snapshot *class = spw_snapshot_class(snapshot, class_id);

	return class ? class->record.name : "?";
}

const char *spw_protocol_text(u32 protocol, char text[SPW_SHORT_TEXT])
{
	static const struct {
		u32 number;
		const char *name;
	} known[] = {{1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "icmp6"}};

	snprintf(text, SPW_SHORT_TEXT, "%u", protocol);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].number == protocol)
			snprintf(text, SPW_SHORT_TEXT, "%s", known[i].name);
	return text;
}
