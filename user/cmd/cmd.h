/* SPDX-License-Identifier: GPL-2.0-only */
/* Verbs: one per file, one row each in the table of main.c, which reads the options before it calls a verb. */
#ifndef SPW_CMD_CMD_H
#define SPW_CMD_CMD_H

#include <stdbool.h>

#include "config/config.h"
#include "kernel/pins.h"

enum spw_exit {
	SPW_EXIT_DONE = 0,
	SPW_EXIT_FAILED = 1,
	SPW_EXIT_USAGE = 2,
};

enum { SPW_OPTIONS_MAX = 10 }; /* per verb */

struct spw_option {
	const char *name;  /* "level", without dashes */
	char brief;	   /* 'q'; 0: none */
	const char *value; /* "FILE", or the possible values: "green|yellow|orange|red"; NULL: takes none */
	const char *help;
};

/* The command line of a verb. */
struct spw_call {
	const char *config_path; /* SPW_CONFIG_DEFAULT_PATH unless -c */
	bool config_given;	 /* -c was given */
	bool json;
	bool help;
	bool version;
	const char *options[SPW_OPTIONS_MAX]; /* by index in the verb's table: the value, "" if it takes none; NULL: not
						 given */
};

struct spw_verb {
	const char *name;
	const char *usage;		  /* follows the name: "[NAME]" */
	const char *summary;		  /* one line; NULL: not for people, and not in --help */
	const char *help;		  /* the part of --help after the options; may be NULL */
	const struct spw_option *options; /* ends with a row without name; NULL: none */
	int (*run)(const struct spw_call *call, int argc,
		   char **argv); /* argv[0] is the verb, then all words that are not options; returns enum spw_exit */
};

extern const struct spw_verb spw_verb_run, spw_verb_check, spw_verb_apply, spw_verb_confirm, spw_verb_status,
	spw_verb_level, spw_verb_capacity, spw_verb_list, spw_verb_simulate, spw_verb_doctor, spw_verb_detach,
	spw_verb_top, spw_verb_capture, spw_verb_version, spw_verb_explain, spw_verb_events, spw_verb_replay,
	spw_verb_crowdsec, spw_verb_init, spw_verb_export, spw_verb_fetch_list;

/** spw_usage() - "spillway: VERB: message; see spillway VERB --help" on stderr; returns SPW_EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int spw_usage(const struct spw_verb *verb, const char *format, ...);

/** spw_fail() - "spillway: message" on stderr; returns SPW_EXIT_FAILED. */
__attribute__((format(printf, 1, 2))) int spw_fail(const char *format, ...);

/** spw_print_diagnostics() - print all on stderr, warnings as "warning: ". */
void spw_print_diagnostics(const struct spw_diagnostics *diagnostics);

/** spw_colour() - whether standard output may be coloured: a terminal, and NO_COLOR is not set (no-color.org). */
bool spw_colour(void);

/** spw_no_config() - -c was not given and there is no file at the default path. */
bool spw_no_config(const struct spw_call *call);

/**
 * spw_where() - pin and run directories for verbs that need nothing else: from the configuration as far as it is
 * readable, otherwise the defaults, since `status` must work with a broken configuration.
 * @config: filled in, at least with pin_dir and run_dir; free with spw_config_free()
 * Returns SPW_EXIT_DONE, or SPW_EXIT_FAILED if -c named an unreadable file (printed on stderr).
 */
int spw_where(const struct spw_call *call, struct spw_config *config);

#endif
