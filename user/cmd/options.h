/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command-line options, each described once in a table: source of parsing, --help and shell completion (reads --help).
 */
#ifndef SPW_CMD_OPTIONS_H
#define SPW_CMD_OPTIONS_H

#include <stdio.h>

#include "cmd.h"

/**
 * spw_options_read() - read options with getopt_long(3): `--key value` or `--key=value`, anywhere after argv[0].
 * @verb: accept its options and the global ones; NULL: only the global ones, up to the first other word
 * @argv: permuted, so that all other words come last
 * @call: filled in
 * Returns the index of the first other word, or -1 after an error was printed.
 */
int spw_options_read(const struct spw_verb *verb, int argc, char **argv, struct spw_call *call);

/** spw_options_print() - the lines of --help: options of @verb, or the global ones (NULL). */
void spw_options_print(FILE *out, const struct spw_verb *verb);

#endif
