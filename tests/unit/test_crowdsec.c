/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers of CrowdSec's local API: what is accepted, skipped and refused, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "maps/ban.h"
#include "user/lists/crowdsec.h"

#define DECISION(scope, value, type, duration)                                                                         \
	"{\"duration\":\"" duration "\",\"id\":1,\"origin\":\"cscli\",\"scenario\":\"a {[\\\"]} b\","                  \
	"\"scope\":\"" scope "\",\"type\":\"" type "\",\"value\":\"" value "\"}"
#define BAN(value, duration) DECISION("Ip", value, "ban", duration)

/* Feed in pieces of @piece bytes. */
static struct spw_crowdsec_reader *read_pieces(const char *text, size_t piece)
{
	struct spw_crowdsec_reader *reader = spw_crowdsec_open();
	size_t length = strlen(text);

	assert_non_null(reader);
	for (size_t at = 0; at < length; at += piece)
		if (spw_crowdsec_feed(reader, text + at, length - at < piece ? length - at : piece))
			break;
	return reader;
}

static char *put_bans(char *out, const struct spw_crowdsec_bans *bans, bool timed)
{
	char text[SPW_PREFIX_TEXT];

	for (size_t i = 0; i < bans->count; i++) {
		out += sprintf(out, "%s%s", i ? " " : "", spw_prefix_format(&bans->items[i].prefix, text));
		if (timed)
			out += sprintf(out, ":%u", bans->items[i].for_s);
	}
	return out;
}

/* "NEW:SECONDS ... | DELETED ... | how many are skipped, by reason", or "refused: why". */
static const char *read_text(const char *text, size_t piece)
{
	static char told[4096];
	struct spw_crowdsec_reader *reader = read_pieces(text, piece);
	const struct spw_crowdsec_answer *answer = spw_crowdsec_end(reader);
	char *out = told;

	if (*answer->error) {
		assert_int_equal(answer->fresh.count + answer->deleted.count, 0);
		sprintf(told, "refused: %s", answer->error);
	} else {
		out = put_bans(out, &answer->fresh, true);
		out = put_bans(stpcpy(out, " | "), &answer->deleted, false);
		out = stpcpy(out, " |");
		for (int i = 0; i < SPW_CROWDSEC_SKIPS; i++)
			out += sprintf(out, " %u", answer->skipped[i]);
	}
	spw_crowdsec_close(reader);
	return told;
}

static void expect(const char *text, const char *expected)
{
	assert_string_equal(read_text(text, 1), expected);
	assert_string_equal(read_text(text, 7), expected);
	assert_string_equal(read_text(text, SIZE_MAX / 2), expected);
}

static void answers(void **state)
{
	(void)state;
	expect("{\"deleted\":null,\"new\":null}", " |  | 0 0 0 0 0");
	expect("{\"new\":[]}", " |  | 0 0 0 0 0");
	expect(" {\r\n\"deleted\" : [ " BAN("192.0.2.8", "-1.012080735s") " ] , \"new\":[" BAN(
		       "192.0.2.7", "4h") ",\n" DECISION("Range", "2001:DB8::/32", "ban", "1h") "] }\n",
	       "192.0.2.7/32:14400 2001:db8::/32:3600 | 192.0.2.8/32 | 0 0 0 0 0");
	expect("{\"new\":[" DECISION("range", "192.0.2.7/24", "BAN", "1s") "," BAN("::ffff:192.0.2.1", "1s") "]}",
	       "192.0.2.0/24:1 192.0.2.1/32:1 |  | 0 0 0 0 0");
	/* Other keys, with any content. */
	expect("{\"links\":{\"new\":[" BAN("192.0.2.9", "4h") "]},\"n\":[[1],{\"a\":[]}],\"new\":[" BAN("192.0.2.7",
													"4h") "]}",
	       "192.0.2.7/32:14400 |  | 0 0 0 0 0");
}

static void each_prefix_once(void **state)
{
	(void)state;
	expect("{\"new\":[" BAN("192.0.2.7", "1h") "," BAN("192.0.2.6", "1s") "," BAN("192.0.2.7", "4h") "," DECISION(
		       "Range", "192.0.2.7/32", "ban",
		       "2h") "],\"deleted\":[" BAN("192.0.2.5", "-1s") "," BAN("192.0.2.5", "-2s") "]}",
	       "192.0.2.6/32:1 192.0.2.7/32:14400 | 192.0.2.5/32 | 0 0 0 0 0");
}

static void skipped(void **state)
{
	struct spw_crowdsec_reader *reader;

	(void)state;
	expect("{\"new\":[" DECISION("Country", "DE", "ban", "1h") "," DECISION("AS", "64496", "ban", "1h") "," DECISION(
		       "Ip", "192.0.2.7", "captcha",
		       "1h") ",{\"scope\":\"Ip\",\"type\":\"ban\",\"value\":\"192.0.2.7\","
			     "\"duration\":\"1h\",\"simulated\":true}," BAN("192.0.2.7", "-1h") "," BAN("192.0.2.7", "0") "," BAN(
				     "192.0.2.300",
				     "1h") "," BAN("192.0.2.0/24",
						   "1h") "," BAN("192.0.2.1-192.0.2.9",
								 "1h") ",{},"
								       "{\"scope\":\"Ip\",\"type\":\"ban\",\"value\":\"192.0.2.7\"},"
								       "{\"scope\":1,\"type\":\"ban\",\"value\":\"192.0.2.7\",\"duration\":\"1h\"}],\"deleted\":[" DECISION(
									       "Ip", "192.0.2.7", "captcha", "1h") "]}",
	       " |  | 2 3 2 6 0");
	reader =
		read_pieces("{\"new\":[" DECISION("Country", "DE", "ban", "1h") "," DECISION(
				    "AS", "\\u001b[2J", "ban", "1h") "," DECISION("Ip", "\\u001b[2J", "ban", "1h") "]}",
			    1);
	assert_string_equal(spw_crowdsec_end(reader)->example[SPW_CROWDSEC_SCOPE], "Country DE: ban");
	assert_string_equal(spw_crowdsec_end(reader)->example[SPW_CROWDSEC_DAMAGED], "a value that cannot be shown");
	spw_crowdsec_close(reader);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		long seconds; /* -1: none */
	} cases[] = {
		{"3h59m50.2s", 14391},
		{"3h59m58.999999999s", 14399},
		{"1m0s", 60},
		{"1s", 1},
		{"100ms", 1},
		{"1ns", 1},
		{"5\xc2\xb5s", 1},
		{"5\xce\xbcs", 1},
		{"5us", 1},
		{".5h", 1800},
		{"1.h", 3600},
		{"+1h", 3600},
		{"167h59m59.5s", 604800},
		{"8784h", SPW_BAN_SECONDS_MAX},
		{"8784h0.1s", SPW_BAN_SECONDS_MAX},
		{"99999999999999999999999999h", SPW_BAN_SECONDS_MAX},
		{"1h1h", 7200},
		{"", -1},
		{"1", -1},
		{"h", -1},
		{".s", -1},
		{"1d", -1},
		{"1h ", -1},
		{" 1h", -1},
		{"1h-1m", -1},
		{"--1h", -1},
		{"infs", -1},
		{"nans", -1},
		{"0x1s", -1},
		{"1e3s", -1},
		{"1,5s", -1},
		{"1H", -1},
		{"-", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[256], expected[64];

		snprintf(text, sizeof(text), "{\"new\":[" BAN("192.0.2.7", "%s") "]}", cases[i].text);
		if (cases[i].seconds < 0)
			snprintf(expected, sizeof(expected), " |  | 0 0 0 1 0");
		else
			snprintf(expected, sizeof(expected), "192.0.2.7/32:%ld |  | 0 0 0 0 0", cases[i].seconds);
		assert_string_equal(read_text(text, 3), expected);
	}
}

static void refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"null",
		"[]",
		"{}",
		"{\"message\":\"access forbidden\"}",
		"<html>",
		"{\"new\":",
		"{\"new\":[",
		"{\"new\":[" BAN("192.0.2.7", "1h"),
		"{\"new\":[" BAN("192.0.2.7", "1h") "]",
		"{\"new\":[]}{}",
		"{\"new\":[]}]",
		"]",
		"}",
		"{\"new\":[],\"new\":[]}",
		"{\"new\":{}}",
		"{\"new\":\"x\"}",
		"{\"new\":[1]}",
		"{\"new\":[[]]}",
		"{\"new\":[null]}",
		"{\"new\":[" BAN("192.0.2.7", "1h") BAN("192.0.2.8", "1h") "]}",
		"{\"new\":[" BAN("192.0.2.7", "1h") ",]}",
		"{\"new\":[" BAN("192.0.2.7", "1h") "}]",
		"{\"new\":[{]]}",
		"{\"new\":[{\"scope\":\"Ip\",\"scope\":\"Ip\"}]}",
		"{\"new\":[{\"a\":1,}]}",
		"{\"new\":[{\"a\":\"\xff\"}]}",
		"{\"n\\u0065w\":[" BAN("192.0.2.7", "1h") "],\"deleted\":null}",
		"{\"new\":{\"a\":" BAN("192.0.2.7", "1h") "}}",
		"{\"new\":[],\"deleted\":5}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *told = read_text(texts[i], 1);

		if (strncmp(told, "refused: ", 9))
			fail_msg("%s: %s", texts[i], told);
		assert_int_equal(strncmp(read_text(texts[i], 4096), "refused: ", 9), 0);
	}
}

static void feed(struct spw_crowdsec_reader *reader, const char *text)
{
	assert_int_equal(spw_crowdsec_feed(reader, text, strlen(text)), 0);
}

/* Endless input ends soon. */
static void bounds(void **state)
{
	struct spw_crowdsec_reader *reader = spw_crowdsec_open();
	char decision[256];
	size_t fed = 0;

	(void)state;
	feed(reader, "{\"new\":[");
	for (u32 i = 0; i <= SPW_BANS_MAX; i++) {
		snprintf(decision, sizeof(decision), "%s" BAN("10.%u.%u.%u", "1h"), i ? "," : "", i >> 16, i >> 8 & 255,
			 i & 255);
		feed(reader, decision);
	}
	feed(reader, "]}");
	assert_string_equal(spw_crowdsec_end(reader)->error, "");
	assert_int_equal(spw_crowdsec_end(reader)->fresh.count, SPW_BANS_MAX);
	assert_int_equal(spw_crowdsec_end(reader)->skipped[SPW_CROWDSEC_TOO_MANY], 1);
	spw_crowdsec_close(reader);

	reader = spw_crowdsec_open();
	while (!spw_crowdsec_feed(reader, "                ", 16))
		fed += 16;
	assert_in_range(fed, SPW_CROWDSEC_FRAME_BYTES - 16, SPW_CROWDSEC_FRAME_BYTES);
	assert_string_equal(spw_crowdsec_end(reader)->error, "it is too large");
	spw_crowdsec_close(reader);

	reader = spw_crowdsec_open();
	feed(reader, "{\"new\":[{\"a\":\"");
	for (fed = 0; !spw_crowdsec_feed(reader, "xxxxxxxxxxxxxxxx", 16); fed += 16)
		;
	assert_in_range(fed, SPW_CROWDSEC_DECISION_BYTES - 32, SPW_CROWDSEC_DECISION_BYTES);
	spw_crowdsec_close(reader);
}

static void finds(void **state)
{
	struct spw_crowdsec_reader *reader =
		read_pieces("{\"new\":[" BAN("192.0.2.7", "1h") "," BAN("2001:db8::1", "1h") "," DECISION(
				    "Range", "192.0.2.0/24", "ban", "1h") "]}",
			    5);
	const struct spw_crowdsec_bans *bans = &spw_crowdsec_end(reader)->fresh;
	static const char *const there[] = {"192.0.2.7", "2001:db8::1", "192.0.2.0/24"};
	static const char *const absent[] = {"192.0.2.8",     "192.0.2.0/25", "192.0.2.0",
					     "2001:db8::/64", "0.0.0.0/0",    "ffff::"};
	struct spw_prefix prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++) {
		assert_int_equal(spw_prefix_parse(there[i], strlen(there[i]), &prefix), SPW_PREFIX_OK);
		assert_true(spw_crowdsec_have(bans, &prefix));
	}
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		assert_int_equal(spw_prefix_parse(absent[i], strlen(absent[i]), &prefix), SPW_PREFIX_OK);
		assert_false(spw_crowdsec_have(bans, &prefix));
	}
	spw_crowdsec_close(reader);
	spw_crowdsec_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),   cmocka_unit_test(each_prefix_once), cmocka_unit_test(skipped),
		cmocka_unit_test(durations), cmocka_unit_test(refused),		 cmocka_unit_test(bounds),
		cmocka_unit_test(finds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
