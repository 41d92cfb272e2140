/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors and warnings about input: "file:line:column: message". Collected first, shown by the caller: `check` prints
 * them to stderr, the agent logs them and sends them to the client of `apply`.
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
 * A bounded list: past SPW_DIAGNOSTICS_MAX the rest is only counted, but an error replaces the last warning.
 * Zero-initialise; free with spw_diagnostics_free().
 */
#define SPW_DIAGNOSTICS_MAX 50

struct spw_diagnostics {
	struct spw_diagnostic {
		enum spw_severity severity;
		char *text; /* "file:line:column: message", one line of printable UTF-8, no newline */
		u32 line;   /* of its location */
		u32 column;
		bool standing; /* a warning about a missing key: shown when it is new, not at each reload */
	} items[SPW_DIAGNOSTICS_MAX];
	size_t count;
	size_t errors; /* all, including those not kept */
	size_t warnings;
};

/** spw_error(), spw_warning() - add one. Unprintable characters, as from a hostile file, are escaped. */
__attribute__((format(printf, 3, 4))) void spw_error(struct spw_diagnostics *diagnostics, struct spw_place place,
						     const char *format, ...);
__attribute__((format(printf, 3, 4))) void spw_warning(struct spw_diagnostics *diagnostics, struct spw_place place,
						       const char *format, ...);

/** spw_warning_standing() - as spw_warning(), with `standing` set. */
__attribute__((format(printf, 3, 4))) void spw_warning_standing(struct spw_diagnostics *diagnostics,
								struct spw_place place, const char *format, ...);

/** spw_diagnostics_sort() - sort those from @first on, all of one file, by position. */
void spw_diagnostics_sort(struct spw_diagnostics *diagnostics, size_t first);

/** spw_diagnostics_soften() - turn all errors, which the caller has dealt with, into warnings. */
void spw_diagnostics_soften(struct spw_diagnostics *diagnostics);

/** spw_diagnostics_move() - append all of @from to @to; @from is empty then. */
void spw_diagnostics_move(struct spw_diagnostics *from, struct spw_diagnostics *to);

/** spw_log_diagnostics() - to the log, one line each. */
void spw_log_diagnostics(const struct spw_diagnostics *diagnostics);

void spw_diagnostics_free(struct spw_diagnostics *diagnostics);

#endif
