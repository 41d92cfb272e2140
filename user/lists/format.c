/* SPDX-License-Identifier: GPL-2.0-only */
/* Formats of lists: names, detection, and recognising files that cannot be lists. */
#include "format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/item.h"

/* Number of lines examined, without blank ones and comments. */
#define TELLING_LINES 64

static const char *const names[SPW_FORMATS] = {
	[SPW_FORMAT_PLAIN] = "prefixes",
	[SPW_FORMAT_DSHIELD] = "DShield",
	[SPW_FORMAT_P2P] = "P2P",
	[SPW_FORMAT_IPSET] = "ipset",
	[SPW_FORMAT_NFT] = "nft set",
	[SPW_FORMAT_NFT_JSON] = "nft set (JSON)",
	[SPW_FORMAT_SPAMHAUS_JSON] = "Spamhaus DROP (JSON)",
	[SPW_FORMAT_AWS] = "AWS ranges",
	[SPW_FORMAT_GOOGLE] = "Google ranges",
	[SPW_FORMAT_AZURE] = "Azure service tags",
	[SPW_FORMAT_CLOUDFLARE] = "Cloudflare ranges",
	[SPW_FORMAT_FASTLY] = "Fastly ranges",
	[SPW_FORMAT_JSON_ARRAY] = "JSON array",
};

const char *spw_list_format_name(enum spw_list_format format)
{
	return (u32)format < SPW_FORMATS ? names[format] : "?";
}

static bool has_at(const char *bytes, size_t length, size_t at, const char *magic, size_t magic_length)
{
	return length >= at + magic_length && !memcmp(bytes + at, magic, magic_length);
}

/* Why a file cannot be a list, and what to do; NULL: it may be one. */
static const char *content_problem(const char *bytes, size_t length)
{
	static const struct {
		size_t at;
		const char *magic;
		size_t length;
		const char *problem;
	} kinds[] = {
		{0, "\x1f\x8b", 2, "it is a gzip file; unpack it first: gunzip, or tar -xzf"},
		{0, "BZh", 3, "it is a bzip2 file; unpack it first: bunzip2"},
		{0,
		 "\xfd"
		 "7zXZ",
		 5, "it is an xz file; unpack it first: unxz"},
		{0, "\x28\xb5\x2f\xfd", 4, "it is a zstd file; unpack it first: unzstd"},
		{0, "PK\x03\x04", 4, "it is a zip file; unpack it first: unzip"},
		{257, "ustar", 5, "it is a tar file; unpack it first: tar -xf"},
		{0, "\xff\xfe", 2, "it is text in UTF-16; convert it: iconv -f UTF-16 -t UTF-8"},
		{0, "\xfe\xff", 2, "it is text in UTF-16; convert it: iconv -f UTF-16 -t UTF-8"},
		{0, "\xff\xff\xff\xffP2B", 7, "it is a binary P2B list; use the text version (P2P)"},
		{0, "%PDF", 4, "it is a PDF document"},
		{0, "SQLite format 3", 15, "it is an SQLite database"},
		{0,
		 "\x7f"
		 "ELF",
		 4, "it is a program (ELF)"},
		{0, "<?xml", 5, "it is XML; lists are text, JSON or MMDB"},
		{0, "<!DOCTYPE", 9, "it is a web page (HTML), perhaps an error or a login page instead of the list"},
		{0, "<!doctype", 9, "it is a web page (HTML), perhaps an error or a login page instead of the list"},
		{0, "<html", 5, "it is a web page (HTML), perhaps an error or a login page instead of the list"},
		{0, "network,geoname_id", 18, "it is the CSV edition of GeoLite2; use the MMDB edition with mmdb:"},
	};
	size_t window = length < 131072 ? length : 131072;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (has_at(bytes, length, kinds[i].at, kinds[i].magic, kinds[i].length))
			return kinds[i].problem;
	if (window && memmem(bytes + length - window, window, "\xab\xcd\xefMaxMind.com", 14))
		return "it is a MaxMind database; write mmdb: instead of file:";
	return NULL;
}

static bool begins(const struct spw_lines *lines, size_t start, const char *word)
{
	return lines->length - start >= strlen(word) && !memcmp(lines->line + start, word, strlen(word));
}

/* Two addresses and a length: DShield. */
static bool is_dshield(const struct spw_lines *lines)
{
	size_t start = 0, end;
	struct spw_addr addr;
	u8 family;

	for (int i = 0; i < 2; i++, start = end)
		if (!spw_lines_word(lines, &start, &end) ||
		    !spw_addr_parse(lines->line + start, end - start, &addr, &family))
			return false;
	return spw_lines_word(lines, &start, &end) && end - start <= 2 && lines->line[start] >= '0' &&
	       lines->line[start] <= '9';
}

static bool is_plain(const struct spw_lines *lines, size_t start, size_t end)
{
	struct spw_item_error error;
	struct spw_item item;

	return spw_item_parse(lines->line + start, end - start, &item, &error);
}

/* The format that this line alone shows; SPW_FORMATS: none. @lines are before its comment. */
static enum spw_list_format tell_line(struct spw_lines *lines)
{
	static const struct {
		const char *word;
		enum spw_list_format format;
	} words[] = {
		{"{", SPW_FORMAT_JSON_ARRAY},	  {"[", SPW_FORMAT_JSON_ARRAY}, {"create ", SPW_FORMAT_IPSET},
		{"add element ", SPW_FORMAT_NFT}, {"add ", SPW_FORMAT_IPSET},	{"-N ", SPW_FORMAT_IPSET},
		{"table ", SPW_FORMAT_NFT},	  {"set ", SPW_FORMAT_NFT},	{"define ", SPW_FORMAT_NFT},
		{"elements = {", SPW_FORMAT_NFT}, {"flush ", SPW_FORMAT_NFT},
	};
	size_t start = 0, end = lines->length;

	if (!spw_lines_trim(lines, &start, &end))
		return SPW_FORMATS;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (begins(lines, start, words[i].word))
			return words[i].format;
	if (is_dshield(lines))
		return SPW_FORMAT_DSHIELD;
	if (lines->line[start] != '#' && spw_p2p_range(lines->line + start, end - start) &&
	    !is_plain(lines, start, end))
		return SPW_FORMAT_P2P;
	spw_lines_skip_comment(lines);
	start = 0;
	end = lines->length;
	return spw_lines_trim(lines, &start, &end) && is_plain(lines, start, end) ? SPW_FORMAT_PLAIN : SPW_FORMATS;
}

/* Returns SPW_FORMAT_JSON_ARRAY for any kind of JSON. */
static enum spw_list_format tell_format(const char *text, size_t length)
{
	struct spw_diagnostics ignored = {0};
	struct spw_lines lines;
	enum spw_list_format format = SPW_FORMATS;

	spw_lines_start(&lines, text, length, NULL, &ignored);
	lines.line_max = SPW_LIST_FILE_BYTES_MAX;
	for (u32 i = 0; i < TELLING_LINES && format == SPW_FORMATS && spw_lines_next(&lines); i++) {
		format = tell_line(&lines);
		i -= format == SPW_FORMATS && (!lines.length || *lines.line == '#' || *lines.line == ';');
	}
	spw_diagnostics_free(&ignored);
	return format == SPW_FORMATS ? SPW_FORMAT_PLAIN : format;
}

int spw_list_parse(const char *text, size_t length, const char *file, const struct spw_list_options *options,
		   struct spw_list *list, struct spw_diagnostics *diagnostics)
{
	static int (*const readers[SPW_FORMATS])(struct spw_lines * lines) = {
		[SPW_FORMAT_PLAIN] = spw_read_plain, [SPW_FORMAT_DSHIELD] = spw_read_dshield,
		[SPW_FORMAT_P2P] = spw_read_p2p,     [SPW_FORMAT_IPSET] = spw_read_ipset,
		[SPW_FORMAT_NFT] = spw_read_nft,     [SPW_FORMAT_JSON_ARRAY] = spw_read_json,
	};
	const char *problem = content_problem(text, length);
	size_t before = list->count;
	struct spw_lines lines;
	int err, wrong;

	list->file = file;
	list->format = SPW_FORMAT_PLAIN;
	if (problem) {
		spw_error(diagnostics, (struct spw_place){file, 0, 0}, "this cannot be read as a list: %s", problem);
		return -EINVAL;
	}
	list->format = tell_format(text, length);
	spw_lines_start(&lines, text, length, file, diagnostics);
	lines.list = list;
	if (options)
		lines.options = *options;
	err = readers[list->format](&lines);
	if (lines.skipped.count && list->count == before) {
		lines.options.skip = false;
		spw_lines_error(&lines, 0, "not one of its lines could be read");
	}
	wrong = spw_lines_finish(&lines);
	return err ? err : wrong;
}
