/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last good ruleset: text of the configuration and the prefixes of every list, as they were when they last came into
 * force, in one file of state_dir. It is compiled again when it is needed, so it outlives an upgrade. Written by the
 * compile job (to memory, see store/last_good_file.h), read by that and by the agent, check and doctor.
 *
 *   header, path of the configuration, its text, and for each list a record and its prefixes; numbers as the host has
 *   them; a CRC-32 of all of it in the header
 */
#ifndef SPW_LISTS_LAST_GOOD_H
#define SPW_LISTS_LAST_GOOD_H

#include "base/error.h"
#include "config/file.h"
#include "lists.h"

#define SPW_LAST_GOOD_BYTES_MAX (256u << 20) /* larger ones are not kept */
#define SPW_LAST_GOOD_WHEN	64

struct spw_last_good {
	u64 saved_s;	   /* Unix time */
	char *config_path; /* owned, as is all below */
	char *text;	   /* of the configuration; no NUL */
	size_t text_bytes;
	struct spw_config config; /* parsed */
	struct spw_file file;
	struct spw_last_good_list {
		char name[SPW_NAME_MAX];
		u64 read_s; /* Unix time of its content, which may be older than saved_s */
		u32 count4;
		u32 count6;
		u32 skipped;
		const u8 *prefixes; /* in file.text */
	} * lists;
	size_t lists_count;
};

/**
 * spw_last_good_write() - write what is in force to @fd, an empty file.
 * @now_s: Unix time; of lists whose content is itself the last good one the time of that is kept
 * Returns 0, -EFBIG (more than SPW_LAST_GOOD_BYTES_MAX) or another -errno.
 */
int spw_last_good_write(int fd, const struct spw_config *config, const struct spw_lists *lists, u64 now_s);

/**
 * spw_last_good_read() - read and check the file of @state_dir, and parse the configuration in it.
 * @problem: after an error: what it is
 * Returns 0, -ENOENT (none is kept) or another -errno. Free with spw_last_good_free() in both cases.
 */
int spw_last_good_read(const char *state_dir, struct spw_last_good *good, char problem[SPW_MESSAGE_MAX]);

/** spw_last_good_parse() - the same of a text in memory, which @good takes from @file. */
int spw_last_good_parse(struct spw_file *file, struct spw_last_good *good, char problem[SPW_MESSAGE_MAX]);
void spw_last_good_free(struct spw_last_good *good);

/** spw_last_good_find() - the list of the name and the source of @list; NULL: there is none. */
const struct spw_last_good_list *spw_last_good_find(const struct spw_last_good *good,
						    const struct spw_config_list *list);

/** spw_last_good_take() - put the content of @kept into @list, which is empty. 0 or -ENOMEM. */
int spw_last_good_take(const struct spw_last_good_list *kept, const struct spw_config_list *named,
		       struct spw_list *list);

/**
 * spw_last_good_load() - read every list that @config names, as spw_lists_load() does, but for one that cannot be read, or
 * that shrank (spw_lists_check_shrunk()), its last good content stands in, with a warning.
 * @good: NULL: there is none
 * @now_s: Unix time
 * Returns 0, or -errno with errors in @diagnostics.
 */
int spw_last_good_load(const struct spw_config *config, const struct spw_last_good *good, u64 now_s,
		       struct spw_lists *lists, struct spw_diagnostics *diagnostics);

/** spw_last_good_warn_shrunk() - warn of lists that an agent would keep back (spw_lists_check_shrunk()). */
void spw_last_good_warn_shrunk(const struct spw_config *config, const struct spw_last_good *good,
			       const struct spw_lists *lists, struct spw_diagnostics *diagnostics);

/** spw_last_good_restore() - all lists as they were. @config: that of @good. 0 or -errno. */
int spw_last_good_restore(const struct spw_last_good *good, const struct spw_config *config, struct spw_lists *lists);

/** spw_last_good_when() - "2026-11-29T07:00:00Z, 3 h ago". Returns @text. */
const char *spw_last_good_when(u64 then_s, u64 now_s, char text[SPW_LAST_GOOD_WHEN]);

#endif
