/* SPDX-License-Identifier: GPL-2.0-only */
/* check: whether a configuration is valid, and what it means. Changes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "view/view.h"
#include "look.h"
#include "dry_run.h"

/* The format of a list's files, if it is not plain and the same for all. */
static const char *format_of(const struct spw_list *list)
{
	for (size_t i = 1; i < list->files_count; i++)
		if (list->files[i].format != list->files[0].format)
			return "several formats";
	if (!list->files_count || list->files[0].format == SPW_FORMAT_PLAIN)
		return NULL;
	return spw_list_format_name(list->files[0].format);
}

static int print_meaning(const struct spw_call *call, const struct spw_dry_run *dry_run,
			 const struct spw_diagnostics *diagnostics)
{
	size_t count = dry_run->config.lists_count;
	_cleanup_free_ u64 *prefixes4 = calloc(count + 1, sizeof(*prefixes4));
	_cleanup_free_ u64 *prefixes6 = calloc(count + 1, sizeof(*prefixes6));
	_cleanup_free_ u64 *skipped = calloc(count + 1, sizeof(*skipped));
	_cleanup_free_ const char **formats = calloc(count + 1, sizeof(*formats));
	const struct spw_meaning meaning = {
		.config = &dry_run->config,
		.formats = formats,
		.prefixes4 = prefixes4,
		.prefixes6 = prefixes6,
		.skipped = skipped,
		.ruleset_bytes = dry_run->image.bytes,
		.intervals4 = dry_run->image.intervals4,
		.intervals6 = dry_run->image.intervals6,
		.read_seconds = dry_run->read_seconds,
		.compile_seconds = dry_run->compile_seconds,
		.warnings = diagnostics,
	};

	if (!prefixes4 || !prefixes6 || !skipped || !formats)
		return spw_fail("out of memory");
	for (size_t i = 0; i < count; i++) {
		prefixes4[i] = dry_run->lists.lists[i].count4;
		prefixes6[i] = dry_run->lists.lists[i].count6;
		skipped[i] = dry_run->lists.lists[i].skipped;
		formats[i] = format_of(&dry_run->lists.lists[i]);
	}
	if (call->json)
		return spw_print_json(spw_view_meaning_json(&meaning));
	spw_view_meaning(stdout, &meaning, (struct spw_style){spw_colour()});
	return SPW_EXIT_DONE;
}

static int check(const struct spw_call *call, bool force)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_dry_run dry_run;
	int err = spw_dry_run_make(call->config_path, force, &dry_run, &diagnostics);
	int status = SPW_EXIT_FAILED;

	spw_print_diagnostics(&diagnostics);
	if (!err && !diagnostics.errors)
		status = print_meaning(call, &dry_run, &diagnostics);
	spw_diagnostics_free(&diagnostics);
	spw_dry_run_free(&dry_run);
	return status;
}

enum option { FORCE };

static const struct spw_option options[] = {
	[FORCE] = {"force", 0, NULL, "only warn about a class that could cut everybody or a management prefix"},
	{0},
};

static int run(const struct spw_call *call, int argc, char **argv)
{
	if (argc > 1)
		return spw_usage(&spw_verb_check, "unexpected '%s'", argv[1]);
	return check(call, call->options[FORCE]);
}

const struct spw_verb spw_verb_check = {
	.name = "check",
	.usage = "",
	.summary = "Check the configuration and its lists, and show what they mean",
	.options = options,
	.help = "Errors and warnings go to stderr as file:line:column: message; after an error the exit status is 1.\n"
		"stdout shows the classes by priority with their lists, and what each level does to them; with -j also the\n"
		"warnings. Nothing is loaded.\n",
	.run = run,
};
