/* SPDX-License-Identifier: GPL-2.0-only */
/* See drop.h. */
#include "drop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "maps/sample.h"
#include "store/events.h"
#include "json.h"
#include "numbers.h"
#include "packet.h"
#include "text.h"

static json_t *header_json(const struct spw_drop_view *drop)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * SPW_SAMPLE_HEADER];
	u32 bytes = drop->captured < SPW_SAMPLE_HEADER ? drop->captured : SPW_SAMPLE_HEADER;

	for (u32 i = 0; i < bytes; i++) {
		text[2 * i] = digits[drop->header[i] >> 4];
		text[2 * i + 1] = digits[drop->header[i] & 15];
	}
	return json_stringn(text, 2 * (size_t)bytes);
}

char *spw_view_drop_json(const struct spw_drop_view *drop, size_t *bytes)
{
	struct spw_json object = spw_json_object();
	char time_text[32], *line;
	json_t *value;

	spw_json_set(&object, "at", json_string(spw_events_time(drop->wall_ns, time_text)));
	spw_json_set(&object, "at_ns", spw_json_count(drop->wall_ns));
	spw_json_set(&object, "one_in", json_integer(drop->one_in));
	spw_json_set(&object, "header", header_json(drop));
	spw_json_set_packet(&object, &drop->packet);
	value = spw_json_finish(&object);
	line = value ? json_dumps(value, JSON_COMPACT) : NULL;
	json_decref(value);
	if (!line)
		return NULL;
	/* The newline replaces the final NUL. */
	*bytes = strlen(line) + 1;
	line[*bytes - 1] = '\n';
	return line;
}

static const char *text_of(const json_t *drop, const char *key, const char *absent)
{
	const char *text = json_string_value(json_object_get(drop, key));

	return text ? text : absent;
}

static unsigned long long number_of(const json_t *drop, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(drop, key));

	return number > 0 ? (unsigned long long)number : 0;
}

/* Time of day to the millisecond: for a live display. */
static void put_clock(FILE *out, u64 wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm parts = {0};

	localtime_r(&seconds, &parts);
	fprintf(out, "%02d:%02d:%02d.%03u", parts.tm_hour, parts.tm_min, parts.tm_sec,
		(unsigned)(wall_ns / 1000000 % 1000));
}

static void put_ports(FILE *out, const json_t *drop)
{
	char ports[SPW_SHORT_TEXT] = "";

	if (json_is_integer(json_object_get(drop, "sport")))
		snprintf(ports, sizeof(ports), "%u > %u", (u16)number_of(drop, "sport"), (u16)number_of(drop, "dport"));
	fprintf(out, " %-13s", ports);
}

static void put_protocol(FILE *out, const json_t *drop)
{
	char text[SPW_SHORT_TEXT] = "-";

	if (json_is_integer(json_object_get(drop, "proto")))
		spw_protocol_text((u32)number_of(drop, "proto"), text);
	fprintf(out, " %-5s ", text);
}

void spw_view_drop(FILE *out, const json_t *drop, struct spw_style style)
{
	put_clock(out, number_of(drop, "at_ns"));
	fputs("  ", out);
	spw_put_cell(out, text_of(drop, "src", "-"), 21);
	put_ports(out, drop);
	put_protocol(out, drop);
	spw_put_cell(out, text_of(drop, "class", "-"), 14);
	putc(' ', out);
	spw_put_cell(out, text_of(drop, "list", "-"), 14);
	putc(' ', out);
	spw_put_coloured(out, style, SPW_COLOUR_RED, text_of(drop, "reason", "?"));
	fprintf(out, "  1 in %llu\n", number_of(drop, "one_in"));
}

const char *spw_drop_comment(const json_t *drop, char *text, size_t room)
{
	snprintf(text, room, "%s: class %s, list %s, 1 in %llu", text_of(drop, "reason", "?"),
		 text_of(drop, "class", "-"), text_of(drop, "list", "none"), number_of(drop, "one_in"));
	return text;
}

static int digit_of(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

u32 spw_drop_bytes(const json_t *drop, u8 *bytes, u32 room)
{
	const char *at = text_of(drop, "header", "");
	u32 count = 0;

	for (; count < room; count++, at += 2) {
		int high = digit_of(at[0]), low = high < 0 ? -1 : digit_of(at[1]);

		if (low < 0)
			break;
		bytes[count] = (u8)(high << 4 | low);
	}
	return count;
}
