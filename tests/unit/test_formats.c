/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists as published: what is read from each format, locations of errors, and files that are no lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "user/lists/lists.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Each prefix with its location. */
static const char *prefixes_of(const struct spw_list *list)
{
	static char text[65536];
	char prefix[SPW_PREFIX_TEXT], *out = text;

	*out = 0;
	for (size_t i = 0; i < list->count; i++)
		out += sprintf(out, "%u:%u %s\n", list->entries[i].line, list->entries[i].column,
			       spw_prefix_format(&list->entries[i].prefix, prefix));
	return text;
}

/* @text is copied without a NUL, so that the sanitizer finds overreads. */
static void expect(const char *text, size_t length, const struct spw_list_options *options, enum spw_list_format format,
		   const char *prefixes, const char *messages)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_list list = {0};
	char *copy = malloc(length ? length : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, text, length);
	err = spw_list_parse(copy, length, "f", options, &list, &diagnostics);
	assert_string_equal(told(&diagnostics), messages);
	assert_int_equal(!err, !diagnostics.errors);
	assert_string_equal(spw_list_format_name(list.format), spw_list_format_name(format));
	assert_string_equal(prefixes_of(&list), prefixes);
	free(copy);
	spw_list_free(&list);
	spw_diagnostics_free(&diagnostics);
}

static void test_taken(void **state)
{
	static const struct {
		enum spw_list_format format;
		const char *text, *prefixes;
	} rows[] = {
		{SPW_FORMAT_PLAIN,
		 "; Spamhaus DROP List 2026/05/20 - (c) 2026\n; Last-Modified: Wed\n198.18.16.0/20 ; SBL1\n"
		 "198.18.32.0/20 ; SBL2\n",
		 "3:1 198.18.16.0/20\n4:1 198.18.32.0/20\n"},
		{SPW_FORMAT_PLAIN, "\xef\xbb\xbf// list\r\n\t198.18.1.1 // one\r\n// end - of it\r\n",
		 "2:2 198.18.1.1/32\n"},
		{SPW_FORMAT_PLAIN,
		 "#\n# firehol_level1\n# Maintainer : FireHOL - x\n# Category : attacks\n0.0.0.0/8\n198.18.0.0/15\n",
		 "5:1 0.0.0.0/8\n6:1 198.18.0.0/15\n"},
		{SPW_FORMAT_PLAIN, "# last updated 1764288000 (Fri Nov 28 00:00:00 2026 GMT)\n2001:db8::/32\n",
		 "2:1 2001:db8::/32\n"},
		{SPW_FORMAT_DSHIELD,
		 "#\n#   DShield.org Recommended Block List\n#\nStart\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n"
		 "198.18.13.0\t198.18.13.255\t24\t3071\tSOME-NET\tUS\ta@b\n198.18.14.0\t198.18.14.255\t24\t9\n",
		 "5:1 198.18.13.0/24\n6:1 198.18.14.0/24\n"},
		{SPW_FORMAT_P2P, "# List\nSome: odd, name:198.18.16.0-198.18.16.255\nb:198.18.17.0-198.18.17.127\n",
		 "2:17 198.18.16.0/24\n3:3 198.18.17.0/25\n"},
		{SPW_FORMAT_IPSET,
		 "create drop hash:net family inet hashsize 1024 maxelem 65536 timeout 0\nadd drop 198.18.1.0/24\n"
		 "add drop 198.18.2.1 timeout 300 comment \"nomatch, really\"\nadd drop6 2001:db8::/48\n",
		 "2:10 198.18.1.0/24\n3:10 198.18.2.1/32\n4:11 2001:db8::/48\n"},
		{SPW_FORMAT_NFT,
		 "table inet filter {\n\tset elements_ {\n\t\ttype ipv4_addr\n\t\tflags interval,timeout\n"
		 "\t\telements = { 198.18.0.0/24, 198.18.1.1 timeout 1h expires 59m,\n"
		 "\t\t\t     198.18.3.0-198.18.3.255 counter packets 3 bytes 180,\n"
		 "\t\t\t     198.18.5.5 comment \"a, b }\" }\n\t}\n\tset b {\n\t\ttype ipv6_addr\n"
		 "\t\telements = { 2001:db8::/32 }\n\t}\n\tchain c {\n\t\tip saddr 198.18.9.9 drop\n\t}\n}\n",
		 "5:16 198.18.0.0/24\n5:31 198.18.1.1/32\n6:9 198.18.3.0/24\n7:9 198.18.5.5/32\n11:16 2001:db8::/32\n"},
		{SPW_FORMAT_NFT,
		 "flush set inet filter bad\nadd element inet filter bad { 198.18.0.1, 198.18.0.2 }\n"
		 "define x = {\n  198.18.0.3 # three\n}\n",
		 "2:31 198.18.0.1/32\n2:43 198.18.0.2/32\n4:3 198.18.0.3/32\n"},
		{SPW_FORMAT_NFT_JSON,
		 "{\"nftables\": [{\"metainfo\": {\"version\": \"1.0.6\"}}, {\"set\": {\"name\": \"x\", \"elem\": [\n"
		 "\"198.18.0.1\", {\"prefix\": {\"addr\": \"198.18.1.0\", \"len\": 24}},\n"
		 "{\"range\": [\"198.18.2.0\", \"198.18.2.1\"]},\n"
		 "{\"elem\": {\"val\": \"198.18.3.3\", \"timeout\": 60}}]}}]}",
		 "2:2 198.18.0.1/32\n2:36 198.18.1.0/24\n3:13 198.18.2.0/31\n4:19 198.18.3.3/32\n"},
		{SPW_FORMAT_SPAMHAUS_JSON,
		 "{\"cidr\":\"198.18.16.0/20\",\"sblid\":\"SBL1\",\"rir\":\"x\"}\n{\"cidr\":\"2001:db8::/29\"}\n"
		 "{\"type\":\"metadata\",\"timestamp\":1764288000,\"size\":2}\n",
		 "1:10 198.18.16.0/20\n2:10 2001:db8::/29\n"},
		{SPW_FORMAT_AWS,
		 "{\n \"syncToken\": \"1\",\n \"createDate\": \"2026-11-28\",\n \"prefixes\": [\n"
		 "  {\"ip_prefix\": \"198.18.0.0/24\", \"region\": \"x\", \"service\": \"S3\"},\n"
		 "  {\"ip_prefix\": \"198.18.1.0/24\"}\n ],\n"
		 " \"ipv6_prefixes\": [{\"ipv6_prefix\": \"2001:db8::/32\", \"service\": \"S3\"}]\n}\n",
		 "5:18 198.18.0.0/24\n6:18 198.18.1.0/24\n8:37 2001:db8::/32\n"},
		{SPW_FORMAT_GOOGLE,
		 "{\"syncToken\": \"1\", \"prefixes\": [{\"ipv4Prefix\": \"198.18.0.0/24\", \"scope\": \"x\"},\n"
		 "{\"ipv6Prefix\": \"2001:db8::/32\"}]}",
		 "1:49 198.18.0.0/24\n2:17 2001:db8::/32\n"},
		{SPW_FORMAT_AZURE,
		 "{\"changeNumber\": 1, \"values\": [{\"name\": \"A\", \"properties\": {\"addressPrefixes\": [\n"
		 "\"198.18.0.0/24\",\"2001:db8::/32\"]}}, {\"name\": \"B\", \"properties\": {\"addressPrefixes\": []}}]}",
		 "2:2 198.18.0.0/24\n2:18 2001:db8::/32\n"},
		{SPW_FORMAT_CLOUDFLARE,
		 "{\"result\":{\"ipv4_cidrs\":[\"198.18.0.0/20\"],\"ipv6_cidrs\":[\"2001:db8::/32\"],\"etag\":\"x\"},"
		 "\"success\":true}",
		 "1:27 198.18.0.0/20\n1:58 2001:db8::/32\n"},
		{SPW_FORMAT_FASTLY, "{\"addresses\":[\"198.18.0.0/20\"],\"ipv6_addresses\":[\"2001:db8::/32\"]}",
		 "1:16 198.18.0.0/20\n1:51 2001:db8::/32\n"},
		{SPW_FORMAT_JSON_ARRAY, "[\"198.18.0.0/20\", \"2001:db8::1\"]",
		 "1:3 198.18.0.0/20\n1:20 2001:db8::1/128\n"},
		{SPW_FORMAT_JSON_ARRAY, "[{\"cidr\": \"198.18.0.0/20\"}, {\"ip\": \"198.18.1.1\"}]\n",
		 "1:12 198.18.0.0/20\n1:37 198.18.1.1/32\n"},
		/* The location is in the whole text. */
		{SPW_FORMAT_FASTLY, "{\"x\": \"198.18.1.10\", \"addresses\": [\"198.18.1.1\"]}",
		 "1:37 198.18.1.1/32\n"},
		/* With escaped slashes the location is unknown. */
		{SPW_FORMAT_JSON_ARRAY, "[\"198.18.0.0\\/20\"]", "0:1 198.18.0.0/20\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect(rows[i].text, strlen(rows[i].text), NULL, rows[i].format, rows[i].prefixes, "");
}

static void test_errors(void **state)
{
	static const struct {
		enum spw_list_format format;
		const char *text, *prefixes, *messages;
	} rows[] = {
		{SPW_FORMAT_PLAIN, "198.18.0.0/24\n198.18.221.040\n", "1:1 198.18.0.0/24\n",
		 "f:2:1: '198.18.221.040' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, "
		 "192.0.2.7 or 192.0.2.1-192.0.2.9\n"},
		{SPW_FORMAT_DSHIELD, "198.18.13.0\t198.18.13.255\t24\n198.18.14.0\n198.18.15.9\t198.18.15.0\t24\n",
		 "1:1 198.18.13.0/24\n",
		 "f:2:1: a line of a DShield list has a first and a last address\n"
		 "f:3:1: '198.18.15.9' is above '198.18.15.0'; write the lower end of a range first\n"},
		{SPW_FORMAT_P2P, "a:198.18.16.0-198.18.16.255\nb\nc:198.18.17.0-198.18.17\n", "1:3 198.18.16.0/24\n",
		 "f:2:1: a line of a P2P list is NAME:FIRST-LAST\n"
		 "f:3:15: '198.18.17' is not an address; write a range as 192.0.2.1-192.0.2.9\n"},
		{SPW_FORMAT_IPSET,
		 "create a hash:net\nadd a\nadd a 198.18.1.0/24,tcp:80\nadd a 198.18.1.0/25 nomatch\nadd a 198.18.1.0/33\n"
		 "quit\n",
		 "",
		 "f:2:5: an entry is missing; a line is: add SET ENTRY\n"
		 "f:3:20: an entry with more than an address; sets of type hash:ip and hash:net can be read\n"
		 "f:4:21: 'nomatch' is an exception, which a list cannot have\n"
		 "f:5:17: '/33' is not a prefix length; IPv4 has /0 to /32\n"
		 "f:6:1: this is not a line of ipset save\n"},
		{SPW_FORMAT_NFT, "table ip f {\n\tset s {\n\t\telements = { 198.18.0.1,\n\t\t\t198.18.0.2 . 80,\n",
		 "3:16 198.18.0.1/32\n",
		 "f:4:4: an element with more than an address; sets of type ipv4_addr and ipv6_addr can be read\n"
		 "f:4:1: the elements that begin at line 3 have no end; the file is incomplete\n"},
		{SPW_FORMAT_SPAMHAUS_JSON, "{\"cidr\":\"198.18.16.0/33\"}\n{\"sblid\":\"SBL1\"}\n{\"cidr\":\n", "",
		 "f:1:21: '/33' is not a prefix length; IPv4 has /0 to /32\n"
		 "f:2:1: the object has no 'cidr'\n"
		 "f:3:1: unexpected token near end of file\n"},
		{SPW_FORMAT_AWS,
		 "{\"prefixes\": [\n{\"region\": \"x\"},\n{\"ip_prefix\": \"q\"}],\"ipv6_prefixes\": []}", "",
		 "f:1:1: an entry has no text 'ip_prefix'\n"
		 "f:3:16: 'q' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 or "
		 "192.0.2.1-192.0.2.9\n"},
		{SPW_FORMAT_JSON_ARRAY, "{\"prefixes\": [\n", "",
		 "f:2:1: this is not valid JSON: ']' expected near end of file\n"},
		{SPW_FORMAT_JSON_ARRAY, "{\"hosts\": [\"198.18.0.1\"]}\n", "",
		 "f:1:1: JSON of an unknown kind; known are the ranges of AWS, Google, Azure, Cloudflare and Fastly, "
		 "Spamhaus DROP, sets of nft, and an array of prefixes\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect(rows[i].text, strlen(rows[i].text), NULL, rows[i].format, rows[i].prefixes, rows[i].messages);
}

/* Truncated anywhere, a file is an error or shorter, without overreads. */
static void test_truncated(void **state)
{
	static const char *const texts[] = {
		"{\"nftables\":[{\"set\":{\"elem\":[\"198.18.0.1\",{\"prefix\":{\"addr\":\"198.18.1.0\",\"len\":24}}]}}]}",
		"table ip f {\n set s {\n elements = { 198.18.0.1 comment \"x\", 198.18.0.2 }\n}\n}\n",
		"create a hash:net\nadd a 198.18.1.0/24 timeout 3\n",
		"a:198.18.16.0-198.18.16.255\n",
		"198.18.13.0\t198.18.13.255\t24\t9\n",
		"{\"cidr\":\"198.18.16.0/20\"}\n{\"type\":\"metadata\"}\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		for (size_t length = 0; length <= strlen(texts[i]); length++) {
			struct spw_diagnostics diagnostics = {0};
			struct spw_list list = {0};
			char *copy = malloc(length ? length : 1);
			int err;

			memcpy(copy, texts[i], length);
			err = spw_list_parse(copy, length, "f", NULL, &list, &diagnostics);
			assert_int_equal(!err, !diagnostics.errors);
			free(copy);
			spw_list_free(&list);
			spw_diagnostics_free(&diagnostics);
		}
}

static void test_no_list(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *named;
	} rows[] = {
		{"\x1f\x8b\x08\x00\x00", 5, "gzip"},
		{"BZh91AY", 7, "bzip2"},
		{"\xfd"
		 "7zXZ\x00",
		 6, "xz file"},
		{"\x28\xb5\x2f\xfd\x00", 5, "zstd"},
		{"PK\x03\x04\x14", 5, "zip"},
		{"\xff\xfe"
		 "1\x00.\x00",
		 6, "UTF-16"},
		{"<!DOCTYPE html>", 15, "HTML"},
		{"<html><body>", 12, "HTML"},
		{"%PDF-1.7", 8, "PDF"},
		{"x\xab\xcd\xefMaxMind.com\xe9", 16, "mmdb:"},
		{"network,geoname_id,registered\n198.18.0.0/15,1,2\n", 48, "CSV"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct spw_diagnostics diagnostics = {0};
		struct spw_list list = {0};

		assert_int_equal(spw_list_parse(rows[i].bytes, rows[i].length, "f", NULL, &list, &diagnostics),
				 -EINVAL);
		assert_int_equal(diagnostics.count, 1);
		if (!strstr(diagnostics.items[0].text, rows[i].named))
			fail_msg("%s", diagnostics.items[0].text);
		assert_int_equal(list.count, 0);
		spw_diagnostics_free(&diagnostics);
	}
}

static void test_host_bits(void **state)
{
	static const char text[] = "198.18.8.7/24\n198.18.9.0/24\n2001:db8:3::7/64\n::ffff:198.18.3.1\n";
	const struct spw_list_options strict = {.strict = true};

	(void)state;
	expect(text, sizeof(text) - 1, NULL, SPW_FORMAT_PLAIN,
	       "1:1 198.18.8.0/24\n2:1 198.18.9.0/24\n3:1 2001:db8:3::/64\n4:1 198.18.3.1/32\n",
	       "warning: f:1:1: '198.18.8.7/24' has host bits set; the network is 198.18.8.0/24; they were cleared, and "
	       "1 more like it\n");
	expect(text, sizeof(text) - 1, &strict, SPW_FORMAT_PLAIN, "2:1 198.18.9.0/24\n4:1 198.18.3.1/32\n",
	       "f:1:1: '198.18.8.7/24' has host bits set; the network is 198.18.8.0/24\n"
	       "f:3:1: '2001:db8:3::7/64' has host bits set; the network is 2001:db8:3::/64\n");
}

static void test_skipped(void **state)
{
	static const char text[] = "198.18.8.0/24\nfoo\n198.18.9.0/33\n198.18.10.0/24\n", nothing[] = "foo\nbar\n";
	const struct spw_list_options skip = {.skip = true};
	struct spw_diagnostics diagnostics = {0};
	struct spw_list list = {0};

	(void)state;
	expect(text, sizeof(text) - 1, &skip, SPW_FORMAT_PLAIN, "1:1 198.18.8.0/24\n4:1 198.18.10.0/24\n",
	       "warning: f:2:1: 'foo' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 "
	       "or 192.0.2.1-192.0.2.9; this was skipped, and 1 more lines with errors\n");
	assert_int_equal(spw_list_parse(text, sizeof(text) - 1, "f", &skip, &list, &diagnostics), 0);
	assert_int_equal(list.skipped, 2);
	spw_list_free(&list);
	spw_diagnostics_free(&diagnostics);
	assert_int_equal(spw_list_parse(nothing, sizeof(nothing) - 1, "f", &skip, &list, &diagnostics), -EINVAL);
	spw_list_free(&list);
	spw_diagnostics_free(&diagnostics);
}

static void load(const char *text, int expected, const char *prefixes, const char *messages)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config;
	struct spw_lists lists = {0};
	char name[128];
	int err;

	snprintf(name, sizeof(name), "%s/c", folder);
	err = spw_config_parse(text, strlen(text), name, &config, &diagnostics);
	if (!err)
		err = spw_lists_load(&config, &lists, &diagnostics);
	assert_string_equal(told(&diagnostics), messages);
	assert_int_equal(err, expected);
	if (!err)
		assert_string_equal(prefixes_of(&lists.lists[0]), prefixes);
	if (!err && lists.lists[0].count > 2) {
		struct spw_place place = spw_list_place(&lists.lists[0], &lists.lists[0].entries[2]);

		assert_string_equal(strrchr(place.file, '/'), "/b.txt");
		assert_int_equal(place.line, 2);
		place = spw_list_place(&lists.lists[0], &lists.lists[0].entries[1]);
		assert_string_equal(strrchr(place.file, '/'), "/a.txt");
	}
	spw_lists_free(&lists);
	spw_config_free(&config);
	spw_diagnostics_free(&diagnostics);
}

#define WITH(list) "interfaces: [e]\nlists: {a: " list "}\nclasses: [{name: x, lists: [a]}, {name: z}]\n"

static void test_files(void **state)
{
	(void)state;
	write_file("a.txt", "198.18.1.0/24\n198.18.2.0/24\n");
	write_file("b.txt", "\n198.18.3.0/24\n");
	write_file("x[1].net", "198.18.9.0/24\n");
	load(WITH("{files: [a.txt, b.txt]}"), 0, "1:1 198.18.1.0/24\n2:1 198.18.2.0/24\n2:1 198.18.3.0/24\n", "");
	load(WITH("{file: '?.txt'}"), 0, "1:1 198.18.1.0/24\n2:1 198.18.2.0/24\n2:1 198.18.3.0/24\n", "");
	load(WITH("{file: 'x[1].net'}"), 0, "1:1 198.18.9.0/24\n", "");
	load(WITH("{files: ['*.none', a.txt, c.txt]}"), -ENOENT, NULL,
	     "c:2:21: no file matches '*.none'\n"
	     "c:2:38: cannot read 'c.txt': open: No such file or directory\n");
	load(WITH("{file: a.txt, files: [b.txt]}"), -EINVAL, NULL,
	     "c:2:26: list 'a' already has 'file'; a list has one source\n");
	load(WITH("{prefixes: [198.18.1.7/24]}"), 0, "2:24 198.18.1.0/24\n",
	     "warning: c:2:24: '198.18.1.7/24' has host bits set; the network is 198.18.1.0/24; they were cleared\n");
	load(WITH("{inline: [198.18.1.7/24], strict: true}"), -EINVAL, NULL,
	     "c:2:22: '198.18.1.7/24' has host bits set; the network is 198.18.1.0/24\n");
	write_file("a.txt", "198.18.1.0/24\nx\n");
	load(WITH("{file: a.txt, on_error: skip}"), 0, "1:1 198.18.1.0/24\n",
	     "warning: a.txt:2:1: 'x' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 or "
	     "192.0.2.1-192.0.2.9; this was skipped\n");
	load(WITH("{inline: [], on_error: skip}"), -EINVAL, NULL,
	     "c:2:25: 'on_error' needs 'file', 'files' or 'url' beside it\n");
	load(WITH("{inline: [], on_shrink: take}"), -EINVAL, NULL,
	     "c:2:25: 'on_shrink' needs 'file', 'files', 'url', 'geo' or 'mmdb' beside it\n");
	load(WITH("{file: a.txt, on_shrink: yes}"), -EINVAL, NULL,
	     "c:2:37: 'yes' is not allowed here; write keep or take\n");
}

#define IN_FOLDER(name, test)                                                                                          \
	{                                                                                                              \
		name, test, enter_folder, leave_folder, NULL                                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"published formats are taken as they are", test_taken, NULL, NULL, NULL},
		{"errors have their places", test_errors, NULL, NULL, NULL},
		{"truncated anywhere", test_truncated, NULL, NULL, NULL},
		{"what is no list is named", test_no_list, NULL, NULL, NULL},
		{"host bits and IPv4-mapped addresses", test_host_bits, NULL, NULL, NULL},
		{"on_error: skip", test_skipped, NULL, NULL, NULL},
		IN_FOLDER("several files, patterns, options", test_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
