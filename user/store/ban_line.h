/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines of <state_dir>/entries.jsonl, as entries_file.h describes them: text to values and back. Called by
 * entries_file.c; no file, no clock.
 */
#ifndef SPW_IO_ENTRY_LINE_H
#define SPW_IO_ENTRY_LINE_H

#include <stdio.h>

#include "maps/ban.h"
#include "core/table/prefix.h"

/* An entry that was read. */
struct spw_ban_line {
	char list[SPW_NAME_MAX];
	struct spw_prefix prefix;
	u64 until_ns; /* CLOCK_MONOTONIC of this boot; SPW_BAN_FOREVER */
	char note[SPW_BAN_NOTE_MAX];
	struct spw_ban_count counted;
};

/* When the file was saved, and when it is read. */
struct spw_ban_moment {
	bool same_boot;
	double saved, now; /* seconds of the wall clock */
	u64 now_ns;
};

/**
 * spw_ban_read_head() - the first line: sets `same_boot` and `saved` of @moment.
 * @boot_id: of this boot; empty: not known
 * Returns why the line does not begin a file of entries; NULL: it does.
 */
const char *spw_ban_read_head(const char *text, size_t length, const char *boot_id, struct spw_ban_moment *moment);

/** spw_ban_read_line() - one of the others. False: it is no entry, and @line holds nothing of use. */
bool spw_ban_read_line(const char *text, size_t length, const struct spw_ban_moment *moment, struct spw_ban_line *line);

/** spw_ban_write_head(), spw_ban_write_line() - the same to @out; errors are the stream's. */
void spw_ban_write_head(FILE *out, const char *boot_id, double saved);
void spw_ban_write_line(FILE *out, const struct spw_ban_line *line, const struct spw_ban_moment *moment);

#endif
