/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists: names in a configuration -> prefixes in memory. One file per format. Used by the agent's compile job, check
 * and simulate. Every error has its file:line:column; any error means no lists at all.
 */
#ifndef SPW_LISTS_LISTS_H
#define SPW_LISTS_LISTS_H

#include "config/config.h"
#include "core/table/ruleset.h"

/* Formats of list files (format.c detects them by content). */
enum spw_list_format {
	SPW_FORMAT_PLAIN, /* a prefix, address or range per line: FireHOL, Spamhaus DROP, bogons, fail2ban */
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

/* A file of a list. */
struct spw_list_file {
	char *name; /* owned */
	enum spw_list_format format;
	size_t first; /* index of its first entry */
};

/* The prefixes of one list, in the sequence of its source. */
struct spw_list {
	struct spw_list_entry *entries; /* owned */
	size_t count;
	size_t capacity;
	const char *file;	     /* borrowed: the file that line numbers refer to, unless there are `files` */
	struct spw_list_file *files; /* owned */
	size_t files_count;
	enum spw_list_format format; /* of the last file parsed */
	u64 count4;		     /* prefixes by family */
	u64 count6;
	u64 kept_s;  /* Unix time of last good content; 0: the list was read now */
	u64 skipped; /* unreadable lines skipped (on_error: skip) */
};

struct spw_lists {
	struct spw_list *lists; /* indexed like spw_config.lists */
	size_t count;
};

/* Bounds of every reader; a list beyond them is refused. */
#define SPW_LIST_FILES_MAX	1024	    /* of one list, globs included */
#define SPW_LIST_JSON_BYTES_MAX (64u << 20) /* parsed JSON takes ten times its text */
#define SPW_LIST_FILE_BYTES_MAX (256u << 20)
#define SPW_LIST_ENTRIES_MAX	(8u << 20)
#define SPW_LIST_LINE_BYTES_MAX 4096
#define SPW_LIST_ERRORS_MAX	20 /* reported per file; more are only counted */

/**
 * spw_lists_load() - read every list that @config names.
 *
 * A file is opened once and is one version or an error (config/file.h). A geo folder or database is read once, however
 * many lists name it; its entries have line 0.
 * Returns 0, or -errno with errors in @diagnostics. Free with spw_lists_free() in both cases.
 */
int spw_lists_load(const struct spw_config *config, struct spw_lists *lists, struct spw_diagnostics *diagnostics);

/**
 * spw_lists_load_each() - the same, but an error concerns only its own list.
 * @errs: 0 or -errno for each list
 * Returns 0 even if no list can be read, or -ENOMEM.
 */
int spw_lists_load_each(const struct spw_config *config, struct spw_lists *lists, int *errs,
			struct spw_diagnostics *diagnostics);
void spw_lists_free(struct spw_lists *lists);

/**
 * spw_lists_check() - refuse dangerous prefixes in classes that may be cut (fault 38).
 * @force: report as warnings, and return 0
 *
 * In a class with cut_from, inline and file lists may hold no prefix of length zero, and none that equals, contains or
 * lies in a management prefix. Such a prefix is most likely a mistake: although management passes first (rule 3), it
 * does so only on its ports. Country lists are exempt: no person wrote their prefixes.
 * Returns 0, or -EINVAL with errors in @diagnostics.
 */
int spw_lists_check(const struct spw_config *config, const struct spw_lists *lists, bool force,
		    struct spw_diagnostics *diagnostics);

/** spw_list_check() - the same for one list with content @list; locations without a file are entry numbers. */
int spw_list_check(const struct spw_config *config, size_t index, const struct spw_list *list, bool force,
		   struct spw_diagnostics *diagnostics);

/**
 * spw_lists_check_shrunk() - refuse lists that were emptied or have lost more than half of their prefixes, as they are
 * most likely cut off (fault 49). Exempt: inline lists and those with `on_shrink: take`.
 * @before: prefixes in force by list of @config; 0: nothing to compare with
 * Returns 0, or -EINVAL with errors in @diagnostics that say how to confirm.
 */
int spw_lists_check_shrunk(const struct spw_config *config, const struct spw_lists *lists, const u64 *before,
			   struct spw_diagnostics *diagnostics);

/** spw_list_append() - add one prefix; -ENOMEM, or -E2BIG at SPW_LIST_ENTRIES_MAX. */
int spw_list_append(struct spw_list *list, const struct spw_prefix *prefix, u32 line, u32 column);

/** spw_list_free() - free what a list owns. */
void spw_list_free(struct spw_list *list);

/** spw_list_place() - where @entry of @list was read; line 0: not written by a person. */
struct spw_place spw_list_place(const struct spw_list *list, const struct spw_list_entry *entry);

struct spw_list_options {
	bool strict; /* host bits are an error, not cleared with a warning */
	bool skip;   /* unreadable lines are skipped with a warning instead of an error */
};

/** spw_list_format_name() - for display: "Spamhaus DROP (JSON)". */
const char *spw_list_format_name(enum spw_list_format format);

/**
 * spw_list_parse() - parse list files of any format, detected by content, from memory.
 * @options: NULL: none
 * Other files (compressed, HTML, UTF-16) are recognised in the error. Returns 0 or -errno with an error in
 * @diagnostics;
 * @list has list->format and what could be read.
 */
int spw_list_parse(const char *text, size_t length, const char *file, const struct spw_list_options *options,
		   struct spw_list *list, struct spw_diagnostics *diagnostics);

/* Called for each country range of a tor geoip or geoip6 file. */
typedef int spw_geo_visit(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
			  const char code[3], u32 line);

/**
 * spw_list_parse_geo() - parse tor's geoip (family 4) or geoip6 (family 6).
 * @visit: called for each range; a result other than 0 stops and is returned, without an error in @diagnostics
 */
int spw_list_parse_geo(const char *text, size_t length, u8 family, const char *file, spw_geo_visit *visit,
		       void *context, struct spw_diagnostics *diagnostics);

#endif
