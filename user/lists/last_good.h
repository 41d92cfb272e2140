/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last good ruleset: the configuration's text and the prefixes of all lists that came into force last, in one file
 * of state_dir. It is compiled again when needed, so it survives an upgrade. Written by the compile job (to memory, see
 * store/last_good_file.h), read by the job, the agent, check and doctor.
 *
 *   header with a CRC-32 of the file, path and text of the configuration, a record and the prefixes of each list; in
 *   host byte order
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
 * @now_s: Unix time; lists with last good content keep the time of that
 * Returns 0, -EFBIG (more than SPW_LAST_GOOD_BYTES_MAX) or another -errno.
 */
int spw_last_good_write(int fd, const struct spw_config *config, const struct spw_lists *lists, u64 now_s);

/**
 * spw_last_good_read() - read and check the file of @state_dir, and parse the configuration in it.
 * @problem: describes an error
 * Returns 0, -ENOENT (none is kept) or another -errno. Free with spw_last_good_free() in both cases.
 */
int spw_last_good_read(const char *state_dir, struct spw_last_good *good, char problem[SPW_MESSAGE_MAX]);

/** spw_last_good_parse() - the same for a file in memory, which is moved into @good. */
int spw_last_good_parse(struct spw_file *file, struct spw_last_good *good, char problem[SPW_MESSAGE_MAX]);
void spw_last_good_free(struct spw_last_good *good);

/** spw_last_good_find() - the list with the name and source of @list; NULL: none. */
const struct spw_last_good_list *spw_last_good_find(const struct spw_last_good *good,
						    const struct spw_config_list *list);

/** spw_last_good_take() - fill the empty @list with @kept. Returns 0 or -ENOMEM. */
int spw_last_good_take(const struct spw_last_good_list *kept, const struct spw_config_list *named,
		       struct spw_list *list);

/**
 * spw_last_good_load() - read all lists as spw_lists_load() does; one that cannot be read or shrank
 * (spw_lists_check_shrunk()) gets its last good content, with a warning.
 * @good: NULL: none
 * @now_s: Unix time
 * Returns 0, or -errno with errors in @diagnostics.
 */
int spw_last_good_load(const struct spw_config *config, const struct spw_last_good *good, u64 now_s,
		       struct spw_lists *lists, struct spw_diagnostics *diagnostics);

/** spw_last_good_warn_shrunk() - warn of lists that an agent would keep back (spw_lists_check_shrunk()). */
void spw_last_good_warn_shrunk(const struct spw_config *config, const struct spw_last_good *good,
			       const struct spw_lists *lists, struct spw_diagnostics *diagnostics);

/** spw_last_good_restore() - all lists as kept. @config: that of @good. Returns 0 or -errno. */
int spw_last_good_restore(const struct spw_last_good *good, const struct spw_config *config, struct spw_lists *lists);

/** spw_last_good_when() - "2026-11-29T07:00:00Z, 3 h ago". Returns @text. */
const char *spw_last_good_when(u64 then_s, u64 now_s, char text[SPW_LAST_GOOD_WHEN]);

#endif
