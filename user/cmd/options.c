/* SPDX-License-Identifier: GPL-2.0-only */
/* See options.h. */
#include "options.h"

#include <getopt.h>
#include <string.h>

enum global {
	CONFIG,
	JSON,
	HELP,
	VERSION,
	GLOBALS,
};

static const struct spw_option globals[GLOBALS] = {
	[CONFIG] = {"config", 'c', "FILE", "configuration (" SPW_CONFIG_DEFAULT_PATH ")"},
	[JSON] = {"json", 'j', NULL, "JSON on standard output"},
	[HELP] = {"help", 'h', NULL, "this help, or the help of a verb: spillway VERB --help"},
	[VERSION] = {"version", 'V', NULL, "print the version"},
};

#define LONG_ONLY 256 /* getopt_long() returns this plus the index of the option */

/* The option tables in getopt_long()'s form. */
struct tables {
	const struct spw_option *options[GLOBALS + SPW_OPTIONS_MAX]; /* the global ones first */
	int count;
	struct option names[GLOBALS + SPW_OPTIONS_MAX + 1];
	char briefs[2 + 2 * (GLOBALS + SPW_OPTIONS_MAX) + 1];
};

static void add_option(struct tables *tables, const struct spw_option *option)
{
	size_t length = strlen(tables->briefs);

	tables->names[tables->count] = (struct option){
		.name = option->name,
		.has_arg = option->value ? required_argument : no_argument,
		.val = LONG_ONLY + tables->count,
	};
	tables->options[tables->count++] = option;
	if (option->brief) {
		tables->briefs[length++] = option->brief;
		if (option->value)
			tables->briefs[length] = ':';
	}
}

/*
 * "+": stop at the first word that is not an option, here the verb; ":": tell a missing value from an unknown option.
 */
static struct tables make_tables(const struct spw_verb *verb)
{
	struct tables tables = {.briefs = "+:"};

	if (verb)
		strcpy(tables.briefs, ":");
	for (int i = 0; i < GLOBALS; i++)
		add_option(&tables, &globals[i]);
	for (int i = 0; verb && verb->options && i < SPW_OPTIONS_MAX && verb->options[i].name; i++)
		add_option(&tables, &verb->options[i]);
	return tables;
}

static int find_option(const struct tables *tables, int found)
{
	int index = 0;

	if (found >= LONG_ONLY)
		return found - LONG_ONLY;
	while (tables->options[index]->brief != found)
		index++;
	return index;
}

static void take_option(struct spw_call *call, int index, const char *value)
{
	switch (index) {
	case CONFIG:
		call->config_path = value;
		call->config_given = true;
		break;
	case JSON:
		call->json = true;
		break;
	case HELP:
		call->help = true;
		break;
	case VERSION:
		call->version = true;
		break;
	default:
		call->options[index - GLOBALS] = value ? value : "";
	}
}

static void report(const struct spw_verb *verb, int found, char **argv)
{
	const char *name = verb ? verb->name : "", *space = verb ? " " : "", *word = argv[optind - 1];

	fprintf(stderr, "spillway%s%s: ", verb ? ": " : "", name);
	if (found == ':')
		fprintf(stderr, "'%s' needs a value", word);
	else if (optopt >= LONG_ONLY)
		fprintf(stderr, "'%s': this option takes no value", word);
	else if (optopt)
		fprintf(stderr, "there is no option '-%c'", optopt);
	else
		fprintf(stderr, "there is no option '%s'", word);
	fprintf(stderr, "; see spillway%s%s --help\n", space, name);
}

int spw_options_read(const struct spw_verb *verb, int argc, char **argv, struct spw_call *call)
{
	struct tables tables = make_tables(verb);
	int found;

	opterr = 0;
	optind = 0; /* GNU: reset, as this runs twice */
	while ((found = getopt_long(argc, argv, tables.briefs, tables.names, NULL)) != -1) {
		if (found == '?' || found == ':') {
			report(verb, found, argv);
			return -1;
		}
		take_option(call, find_option(&tables, found), optarg);
	}
	return optind;
}

/* Formats "-q, --quiet", "    --level green|yellow|orange|red" */
static int option_text(const struct spw_option *option, char *text, size_t room)
{
	char brief[] = {'-', option->brief, ',', '\0'};

	return snprintf(text, room, "%-3s --%s%s%s", option->brief ? brief : "", option->name, option->value ? " " : "",
			option->value ? option->value : "");
}

void spw_options_print(FILE *out, const struct spw_verb *verb)
{
	const struct tables tables = make_tables(verb);
	int width = 0, first = verb ? GLOBALS : 0;
	char text[80];

	for (int i = first; i < tables.count; i++) {
		int length = option_text(tables.options[i], text, sizeof(text));

		width = length > width ? length : width;
	}
	for (int i = first; i < tables.count; i++) {
		option_text(tables.options[i], text, sizeof(text));
		fprintf(out, "  %-*s  %s\n", width, text, tables.options[i]->help);
	}
}
