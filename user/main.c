/* SPDX-License-Identifier: GPL-2.0-only */
/* The command: global options, wherever they stand, then the verb. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

static const struct spw_verb *const verbs[] = {
	&spw_verb_run,	 &spw_verb_check,    &spw_verb_apply,	&spw_verb_confirm, &spw_verb_status,  &spw_verb_top,
	&spw_verb_level, &spw_verb_capacity, &spw_verb_explain, &spw_verb_events,  &spw_verb_capture, &spw_verb_replay,
	&spw_verb_list,	 &spw_verb_simulate, &spw_verb_doctor,	&spw_verb_detach,  &spw_verb_version,
};

static void print_help(FILE *out)
{
	fprintf(out,
		"usage: spillway [-c FILE] [-j] VERB ...\n\n"
		"Sheds excess traffic at the NIC, lowest class first, before the application saturates.\n\nverbs:\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		fprintf(out, "  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
	fprintf(out, "\noptions:\n"
		     "  -c, --config FILE  configuration (" SPW_CONFIG_DEFAULT_PATH ")\n"
		     "  -j, --json         JSON on standard output\n"
		     "  -h, --help         this, or the help of a verb: spillway VERB --help\n"
		     "  -V, --version      version\n\n"
		     "exit status: 0 done, 1 failed, 2 usage\n");
}

static void print_verb_help(const struct spw_verb *verb)
{
	printf("usage: spillway [-c FILE] [-j] %s%s%s\n\n%s.\n", verb->name, *verb->usage ? " " : "", verb->usage,
	       verb->summary);
	if (verb->help)
		printf("\n%s", verb->help);
}

/* What was asked for besides the verb. */
struct options {
	struct spw_call call;
	bool help;
	bool version;
};

static bool is_option(const char *word, const char *brief, const char *full)
{
	return !strcmp(word, brief) || !strcmp(word, full);
}

/* Takes the global options out of argv; what is left is packed to its front. Returns how many words, -1: usage. */
static int take_options(int argc, char **argv, struct options *options)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		char *word = argv[i];

		if (!strcmp(word, "--")) {
			while (++i < argc)
				argv[kept++] = argv[i];
		} else if (is_option(word, "-c", "--config")) {
			if (++i == argc) {
				fprintf(stderr, "spillway: %s wants a file\n", word);
				return -1;
			}
			options->call.config_path = argv[i];
			options->call.config_given = true;
		} else if (!strncmp(word, "--config=", 9)) {
			options->call.config_path = word + 9;
			options->call.config_given = true;
		} else if (is_option(word, "-j", "--json")) {
			options->call.json = true;
		} else if (is_option(word, "-h", "--help")) {
			options->help = true;
		} else if (is_option(word, "-V", "--version")) {
			options->version = true;
		} else {
			argv[kept++] = word;
		}
	}
	argv[kept] = NULL;
	return kept;
}

static const struct spw_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* A verb whose output went nowhere has not done its work. */
static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		if (errno != EPIPE)
			fprintf(stderr, "spillway: cannot write the output: %s\n", strerror(errno));
		return status == SPW_EXIT_DONE ? SPW_EXIT_FAILED : status;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {.call.config_path = SPW_CONFIG_DEFAULT_PATH};
	int count = take_options(argc - 1, argv + 1, &options);
	const struct spw_verb *verb;

	signal(SIGPIPE, SIG_IGN);
	if (count < 0)
		return SPW_EXIT_USAGE;
	if (options.version && !count)
		return finish(spw_verb_version.run(&options.call, 1, (char *[]){"version", NULL}));
	if (!count) {
		print_help(options.help ? stdout : stderr);
		return options.help ? finish(SPW_EXIT_DONE) : SPW_EXIT_USAGE;
	}
	verb = find_verb(argv[1]);
	if (!verb) {
		fprintf(stderr, "spillway: no verb '%s'; 'spillway --help' lists them\n", argv[1]);
		return SPW_EXIT_USAGE;
	}
	if (options.help) {
		print_verb_help(verb);
		return finish(SPW_EXIT_DONE);
	}
	return finish(verb->run(&options.call, count, argv + 1));
}
