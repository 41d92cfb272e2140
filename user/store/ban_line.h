/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of <state_dir>/entries.jsonl (bans_file.h): text <-> values. Pure. */
#ifndef SPW_STORE_BAN_LINE_H
#define SPW_STORE_BAN_LINE_H

#include <stdio.h>

#include "maps/ban.h"
#include "core/table/prefix.h"

/* A saved ban. */
struct spw_ban_line {
	char list[SPW_NAME_MAX];
	struct spw_prefix prefix;
	u64 until_ns; /* CLOCK_MONOTONIC of this boot; SPW_BAN_FOREVER */
	char owner[SPW_BAN_OWNER_MAX];
	char note[SPW_BAN_NOTE_MAX];
	bool shared; /* one owner of a shared ban, whose own line came before */
	struct spw_ban_count counted;
};

/* Beginning of such a line, so that others can be skipped unparsed. */
#define SPW_BAN_SHARED "{\"shared\":true,"

/* When the file was saved, and when it is read. */
struct spw_ban_moment {
	bool same_boot;
	double saved, now; /* seconds of the wall clock */
	u64 now_ns;
};

/**
 * spw_ban_read_head() - the first line: sets `same_boot` and `saved` of @moment.
 * @boot_id: of this boot; empty: unknown
 * Returns why the line is not the head of such a file; NULL: it is.
 */
const char *spw_ban_read_head(const char *text, size_t length, const char *boot_id, struct spw_ban_moment *moment);

/** spw_ban_read_line() - any other line. False: it is not a ban, and @line is undefined. */
bool spw_ban_read_line(const char *text, size_t length, const struct spw_ban_moment *moment, struct spw_ban_line *line);

/** spw_ban_write_head(), spw_ban_write_line() - write them to @out; errors are those of the stream. */
void spw_ban_write_head(FILE *out, const char *boot_id, double saved);
void spw_ban_write_line(FILE *out, const struct spw_ban_line *line, const struct spw_ban_moment *moment);

#endif
