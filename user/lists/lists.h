/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists: names in a configuration -> prefixes in memory. One reader a format, one file a reader. Called by the compile
 * job of the agent, check and simulate. Every error has its file:line:column; any error means no lists at all.
 */
#ifndef SPW_LISTS_LISTS_H
#define SPW_LISTS_LISTS_H

#include "config/config.h"
#include "core/table/ruleset.h"

/* How a list is written in its file (format.c tells by the content). */
enum spw_list_format {
	SPW_FORMAT_PLAIN, /* a prefix, address or range a line: FireHOL, Spamhaus DROP, bogons, fail2ban */
	SPW_FORMAT_DSHIELD,
	SPW_FORMAT_P2P,
	SPW_FORMAT_IPSET,
	SPW_FORMAT_NFT,
	SPW_FORMAT_NFT_JSON,
	SPW_FORMAT_SPAMHAUS_JSON,
	SPW_FORMAT_AWS,
	SPW_FORMAT_GOOGLE,
	SPW_FORMAT_AZURE,
	SPW_FORMAT_CLOUDFLARE,
	SPW_FORMAT_FASTLY,
	SPW_FORMAT_JSON_ARRAY,
	SPW_FORMATS,
};

/* One of the files of a list. */
struct spw_list_file {
	char *name; /* owned */
	enum spw_list_format format;
	size_t first; /* its entries begin here */
};

/* The prefixes of one list, in the order of its source. */
struct spw_list {
	struct spw_list_entry *entries; /* owned */
	size_t count;
	size_t capacity;
	const char *file;	     /* borrowed: what entries' lines are lines of, unless there are `files` */
	struct spw_list_file *files; /* owned */
	size_t files_count;
	enum spw_list_format format; /* of what was parsed last */
	u64 count4;		     /* prefixes by family */
	u64 count6;
	u64 skipped; /* lines that could not be read and were left out (on_error: skip) */
};

struct spw_lists {
	struct spw_list *lists; /* as many as, and in the order of, spw_config.lists */
	size_t count;
};

/* Bounds that every reader keeps; beyond them the list is refused. */
#define SPW_LIST_FILES_MAX	1024	    /* of one list, globs included */
#define SPW_LIST_JSON_BYTES_MAX (64u << 20) /* parsed JSON takes ten times its text */
#define SPW_LIST_FILE_BYTES_MAX (256u << 20)
#define SPW_LIST_ENTRIES_MAX	(8u << 20)
#define SPW_LIST_LINE_BYTES_MAX 4096
#define SPW_LIST_ERRORS_MAX	20 /* told of one file; the rest is only counted */

/**
 * spw_lists_load() - read every list that @config names.
 *
 * A file is opened once and is one version or an error (config/file.h). Tables of a geo folder or a database are read
 * once, however many lists name them; entries from them have line 0.
 * Returns 0, or -errno with errors in @diagnostics. Free with spw_lists_free() in both cases.
 */
int spw_lists_load(const struct spw_config *config, struct spw_lists *lists, struct spw_diagnostics *diagnostics);
void spw_lists_free(struct spw_lists *lists);

/**
 * spw_lists_check() - what a class may not be cut by: the one place where fault 38 is judged.
 * @force: tell as warnings, and return 0
 *
 * In a class with cut_from, inline and file lists may hold no prefix of length zero, and none that is equal to,
 * contains or lies in a management prefix. Such a prefix is most likely a mistake, and although management passes first
 * (rule 3), it does so only to its ports. Lists of countries are left out: no person wrote their prefixes.
 * Returns 0, or -EINVAL with errors in @diagnostics.
 */
int spw_lists_check(const struct spw_config *config, const struct spw_lists *lists, bool force,
		    struct spw_diagnostics *diagnostics);

/** spw_list_check() - the same for one list, which holds @list; places without a file stand for entries. */
int spw_list_check(const struct spw_config *config, size_t index, const struct spw_list *list, bool force,
		   struct spw_diagnostics *diagnostics);

/** spw_list_append() - add one prefix; -ENOMEM, or -E2BIG at SPW_LIST_ENTRIES_MAX. */
int spw_list_append(struct spw_list *list, const struct spw_prefix *prefix, u32 line, u32 column);

/** spw_list_free() - free what a list owns. */
void spw_list_free(struct spw_list *list);

/** spw_list_place() - where @entry of @list was read; line 0: nowhere that a person wrote. */
struct spw_place spw_list_place(const struct spw_list *list, const struct spw_list_entry *entry);

struct spw_list_options {
	bool strict; /* host bits are an error, not cleared with a warning */
	bool skip;   /* lines that cannot be read are left out with a warning, not an error */
};

/** spw_list_format_name() - in words for people: "Spamhaus DROP (JSON)". */
const char *spw_list_format_name(enum spw_list_format format);

/**
 * spw_list_parse() - the reader of files of every format, from memory, which it tells by the content.
 * @options: NULL: neither
 * Files of other kinds (compressed, HTML, UTF-16) are named for what they are. Returns 0 or -errno with an error in
 * @diagnostics; @list has list->format and what could be read.
 */
int spw_list_parse(const char *text, size_t length, const char *file, const struct spw_list_options *options,
		   struct spw_list *list, struct spw_diagnostics *diagnostics);

/* One country range of a tor geoip or geoip6 file, handed to the caller of the reader below. */
typedef int spw_geo_visit(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
			  const char code[3], u32 line);

/**
 * spw_list_parse_geo() - the reader of tor's geoip (family 4) and geoip6 (family 6).
 * @visit: called for each range; anything but 0 ends the reading and is handed back, without an error in @diagnostics
 */
int spw_list_parse_geo(const char *text, size_t length, u8 family, const char *file, spw_geo_visit *visit,
		       void *context, struct spw_diagnostics *diagnostics);

#endif
