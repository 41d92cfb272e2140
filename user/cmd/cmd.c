/* SPDX-License-Identifier: GPL-2.0-only */
/* Common to all verbs: error messages, and finding the state. */
#include "cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/policy.h"

int spw_usage(const struct spw_verb *verb, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "spillway: %s: ", verb->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "; see spillway %s --help\n", verb->name);
	return SPW_EXIT_USAGE;
}

int spw_fail(const char *format, ...)
{
	va_list arguments;

	/* For the systemd journal: priority "error" (sd-daemon(3)). */
	fputs(getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO) ? "<3>spillway: " : "spillway: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return SPW_EXIT_FAILED;
}

void spw_print_diagnostics(const struct spw_diagnostics *diagnostics)
{
	size_t all = diagnostics->errors + diagnostics->warnings;

	for (size_t i = 0; i < diagnostics->count; i++)
		fprintf(stderr, "%s%s\n", diagnostics->items[i].severity == SPW_WARNING ? "warning: " : "",
			diagnostics->items[i].text);
	if (all > diagnostics->count)
		fprintf(stderr, "and %zu more\n", all - diagnostics->count);
}

bool spw_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

bool spw_no_config(const struct spw_call *call)
{
	return !call->config_given && access(call->config_path, F_OK) && errno == ENOENT;
}

int spw_where(const struct spw_call *call, struct spw_config *config)
{
	struct spw_diagnostics diagnostics = {0};
	int err = spw_config_load(call->config_path, config, &diagnostics);
	int status = SPW_EXIT_DONE;

	/* Use what could be read of a broken file; do not report a missing one. */
	if (err && config->pin_dir && config->run_dir) {
		fprintf(stderr, "spillway: %s cannot be used ('spillway check' says why); looking in %s\n",
			call->config_path, config->pin_dir);
	} else if (err && call->config_given) {
		spw_print_diagnostics(&diagnostics);
		status = SPW_EXIT_FAILED;
	} else if (err) {
		spw_config_free(config);
		*config = (struct spw_config){
			.pin_dir = strdup(SPW_PIN_DIR_DEFAULT),
			.run_dir = strdup(SPW_RUN_DIR_DEFAULT),
			.state_dir = strdup(SPW_STATE_DIR_DEFAULT),
		};
	}
	spw_diagnostics_free(&diagnostics);
	return status;
}
