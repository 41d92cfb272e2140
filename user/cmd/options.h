/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of the command line. Each is described once, in a table: parsing, --help and the completion of the shell
 * (which reads --help) all come from it.
 */
#ifndef SPW_CMD_OPTIONS_H
#define SPW_CMD_OPTIONS_H

#include <stdio.h>

#include "cmd.h"

/**
 * spw_options_read() - read options with getopt_long(3): `--key value` or `--key=value`, anywhere behind argv[0].
 * @verb: its options and the global ones are known; NULL: the global ones alone, up to the first word that is none
 * @argv: permuted, so that all other words come last
 * @call: filled in
 * Returns the index of the first word that is no option, or -1 after an error was printed.
 */
int spw_options_read(const struct spw_verb *verb, int argc, char **argv, struct spw_call *call);

/** spw_options_print() - the lines of --help: options of @verb, or the global ones (NULL). */
void spw_options_print(FILE *out, const struct spw_verb *verb);

#endif
