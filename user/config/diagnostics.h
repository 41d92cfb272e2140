/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was wrong with the input, and where: "file:line:column: message". Collected first, shown by whoever asked, so
 * that `check` prints to stderr, the agent to its journal and the control socket to the one who called `apply`.
 */
#ifndef SPW_CONFIG_DIAGNOSTICS_H
#define SPW_CONFIG_DIAGNOSTICS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

struct spw_place {
	const char *file; /* borrowed; NULL: no file */
	u32 line;	  /* from 1; 0: the file as a whole */
	u32 column;	  /* from 1; 0: the line as a whole */
};

enum spw_severity {
	SPW_ERROR,
	SPW_WARNING,
};

/*
 * A bounded log: past SPW_DIAGNOSTICS_MAX the rest is only counted, but an error takes the room of the last warning.
 * Zero-initialise; free with the function below.
 */
#define SPW_DIAGNOSTICS_MAX 50

struct spw_diagnostics {
	struct spw_diagnostic {
		enum spw_severity severity;
		char *text; /* "file:line:column: message", one line of printable UTF-8, no newline */
		u32 line;   /* as in its place */
		u32 column;
		bool standing; /* a warning about what the configuration leaves out: told when it is new, not at each reload */
	} items[SPW_DIAGNOSTICS_MAX];
	size_t count;
	size_t errors; /* all, those not kept too */
	size_t warnings;
};

/** spw_error(), spw_warning() - add one. What is not printable in it, as a hostile file's own text, is escaped. */
__attribute__((format(printf, 3, 4))) void spw_error(struct spw_diagnostics *diagnostics, struct spw_place place,
						     const char *format, ...);
__attribute__((format(printf, 3, 4))) void spw_warning(struct spw_diagnostics *diagnostics, struct spw_place place,
						       const char *format, ...);

/** spw_warning_standing() - as spw_warning(), and marked so. */
__attribute__((format(printf, 3, 4))) void spw_warning_standing(struct spw_diagnostics *diagnostics,
								struct spw_place place, const char *format, ...);

/** spw_diagnostics_sort() - put those from @first on, all of one file, in the order of the file. */
void spw_diagnostics_sort(struct spw_diagnostics *diagnostics, size_t first);

/** spw_log_diagnostics() - to the log, one line each. */
void spw_log_diagnostics(const struct spw_diagnostics *diagnostics);

void spw_diagnostics_free(struct spw_diagnostics *diagnostics);

#endif
