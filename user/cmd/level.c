/* SPDX-License-Identifier: GPL-2.0-only */
/* level: show, set or bound how far down the classes shedding may reach. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "core/words.h"
#include "ask.h"

static int print_answer(const struct spw_call *call, const json_t *answer)
{
	const char *pinned = json_string_value(json_object_get(answer, "pinned"));
	const json_t *seconds = json_object_get(answer, "pinned_for_s");

	if (call->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		putchar('\n');
		return SPW_EXIT_DONE;
	}
	printf("%s", json_string_value(json_object_get(answer, "level")));
	if (json_is_string(json_object_get(answer, "least")))
		printf(" (bounded by hand: %s to %s)", json_string_value(json_object_get(answer, "least")),
		       json_string_value(json_object_get(answer, "most")));
	if (!pinned)
		printf(" (automatic)\n");
	else if (seconds)
		printf(" (set by hand, for %.0f s more)\n", json_number_value(seconds));
	else
		printf(" (set by hand, until 'level auto')\n");
	return SPW_EXIT_DONE;
}

enum option { FOR };

static const struct spw_option options[] = {
	[FOR] = {"for", 0, "DURATION", "with set and bound: return to automatic after this time, such as 90s, 10m, 1h"},
	{0},
};

static int read_duration(const char *duration, json_t *request)
{
	const char *wrong;
	u64 ns;

	wrong = spw_units_duration(duration, &ns);
	if (wrong)
		return spw_usage(&spw_verb_level, "--for '%s': %s", duration, wrong);
	json_object_set_new(request, "for_s", json_real((double)ns / 1e9));
	return SPW_EXIT_DONE;
}

/* Arguments: "bound LEAST MOST" */
static int read_bounds(int argc, char **argv, json_t *request)
{
	int least = argc == 4 ? spw_level_parse(argv[2]) : -1, most = argc == 4 ? spw_level_parse(argv[3]) : -1;

	if (least < 0 || most < least)
		return spw_usage(&spw_verb_level, "bound needs two levels, the lower first: level bound green orange");
	json_object_set_new(request, "least", json_string(argv[2]));
	json_object_set_new(request, "most", json_string(argv[3]));
	return SPW_EXIT_DONE;
}

/* Arguments: "[set] LEVEL" or "auto" */
static int read_level(int argc, char **argv, json_t *request)
{
	int at = !strcmp(argv[1], "set") ? 2 : 1;

	if (argc <= at)
		return spw_usage(&spw_verb_level, "which level? green, yellow, orange or red");
	if (argc > at + 1)
		return spw_usage(&spw_verb_level, "unexpected '%s'", argv[at + 1]);
	if (strcmp(argv[at], "auto") != 0 && spw_level_parse(argv[at]) < 0)
		return spw_usage(&spw_verb_level,
				 "there is no level '%s'; levels are green, yellow, orange, red; or auto", argv[at]);
	json_object_set_new(request, "level", json_string(argv[at]));
	return SPW_EXIT_DONE;
}

static int read_words(const struct spw_call *call, int argc, char **argv, json_t *request)
{
	int status = SPW_EXIT_DONE;

	if (argc > 1)
		status = !strcmp(argv[1], "bound") ? read_bounds(argc, argv, request) : read_level(argc, argv, request);
	if (status != SPW_EXIT_DONE || !call->options[FOR])
		return status;
	if (argc < 2 || !strcmp(argv[argc - 1], "auto"))
		return spw_usage(&spw_verb_level, "--for needs a level");
	return read_duration(call->options[FOR], request);
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	json_t *request = json_pack("{s:s}", "verb", "level");
	int status = read_words(call, argc, argv, request);

	if (status == SPW_EXIT_DONE)
		return spw_ask(call, request, print_answer);
	json_decref(request);
	return status;
}

const struct spw_verb spw_verb_level = {
	.name = "level",
	.usage = "[set green|yellow|orange|red | bound LEAST MOST | auto]",
	.summary = "Show the level; set or bound it by hand, or make it automatic again",
	.options = options,
	.help = "  spillway level                      show it\n"
		"  spillway level set red --for 10m    for ten minutes, then automatic again\n"
		"  spillway level set red              until 'level auto'\n"
		"  spillway level bound green orange   automatic, but no higher than orange\n"
		"  spillway level auto                 automatic, without bounds\n\n"
		"A level set by hand survives a restart of the agent. While green is set by hand, nothing is shed.\n",
	.run = run,
};
