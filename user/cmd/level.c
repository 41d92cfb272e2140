/* SPDX-License-Identifier: GPL-2.0-only */
/* level: show or set how far down the classes shedding may reach. */
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

/* Reads "bound LEAST MOST [--for DURATION]". */
static int read_bounds(int argc, char **argv, json_t *request)
{
	int least = argc > 3 ? spw_level_parse(argv[2]) : -1, most = argc > 3 ? spw_level_parse(argv[3]) : -1;

	if (least < 0 || most < least || (argc != 4 && !(argc == 6 && !strcmp(argv[4], "--for"))))
		return spw_usage(&spw_verb_level, "bound wants two levels, as in: level bound green orange --for 1h");
	json_object_set_new(request, "least", json_string(argv[2]));
	json_object_set_new(request, "most", json_string(argv[3]));
	return argc == 6 ? read_duration(argv[5], request) : SPW_EXIT_DONE;
}

/* Reads "[set] LEVEL [--for DURATION]" or "auto" into @request; returns enum spw_exit. */
static int read_arguments(int argc, char **argv, json_t *request)
{
	const char *name = NULL, *duration = NULL;

	if (argc > 1 && !strcmp(argv[1], "bound"))
		return read_bounds(argc, argv, request);

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--for") && i + 1 < argc)
			duration = argv[++i];
		else if (!strncmp(argv[i], "--for=", 6))
			duration = argv[i] + 6;
		else if (!strcmp(argv[i], "set") && !name && i == 1 && i + 1 < argc)
			continue;
		else if (name || argv[i][0] == '-')
			return spw_usage(&spw_verb_level, "unexpected '%s'", argv[i]);
		else
			name = argv[i];
	}
	if (!name && argc > 1)
		return spw_usage(&spw_verb_level, "which level?");
	if (name && strcmp(name, "auto") && spw_level_parse(name) < 0)
		return spw_usage(&spw_verb_level, "no level '%s'; there are green, yellow, orange, red and auto", name);
	if (name)
		json_object_set_new(request, "level", json_string(name));
	if (!duration)
		return SPW_EXIT_DONE;
	if (!strcmp(name ? name : "auto", "auto"))
		return spw_usage(&spw_verb_level, "--for goes with a level");
	return read_duration(duration, request);
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	json_t *request = json_pack("{s:s}", "verb", "level");
	int status = read_arguments(argc, argv, request);

	if (status == SPW_EXIT_DONE)
		return spw_ask(call, request, print_answer);
	json_decref(request);
	return status;
}

const struct spw_verb spw_verb_level = {
	.name = "level",
	.usage = "[set green|yellow|orange|red [--for DURATION] | bound LEAST MOST [--for DURATION] | auto]",
	.summary = "Show the level, set or bound it by hand for a time, or give it back",
	.help = "  spillway level                      show\n"
		"  spillway level set red --for 10m    for ten minutes, then automatic again\n"
		"  spillway level set red              until 'level auto'\n"
		"  spillway level bound green orange   decide, but no higher than orange\n"
		"  spillway level auto                 give both back\n\n"
		"What is set by hand survives a restart of the agent. At a green that was set by hand nothing is shed.\n",
	.run = run,
};
