/* SPDX-License-Identifier: GPL-2.0-only */
/* The command: parses options and calls the verb. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/options.h"

static const struct spw_verb *const verbs[] = {
	&spw_verb_run,	      &spw_verb_check,	&spw_verb_apply,    &spw_verb_confirm,	&spw_verb_status,
	&spw_verb_top,	      &spw_verb_level,	&spw_verb_capacity, &spw_verb_explain,	&spw_verb_events,
	&spw_verb_capture,    &spw_verb_replay, &spw_verb_list,	    &spw_verb_crowdsec, &spw_verb_export,
	&spw_verb_simulate,   &spw_verb_init,	&spw_verb_doctor,   &spw_verb_detach,	&spw_verb_version,
	&spw_verb_fetch_list,
};

static void print_help(FILE *out)
{
	fprintf(out,
		"usage: spillway [-c FILE] [-j] VERB [OPTION...] [WORD...]\n\n"
		"Sheds excess traffic at the NIC, lowest class first, before the application is overloaded.\n\nverbs:\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (verbs[i]->summary)
			fprintf(out, "  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
	fprintf(out, "\noptions:\n");
	spw_options_print(out, NULL);
	fprintf(out, "\nexit status: 0 done, 1 failed, 2 usage\n");
}

static void print_verb_help(const struct spw_verb *verb)
{
	printf("usage: spillway [-c FILE] [-j] %s%s%s%s\n\n%s.\n", verb->name, verb->options ? " [OPTION...]" : "",
	       *verb->usage ? " " : "", verb->usage, verb->summary);
	if (verb->options) {
		printf("\noptions:\n");
		spw_options_print(stdout, verb);
	}
	if (verb->help)
		printf("\n%s", verb->help);
}

static const struct spw_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* Fail if the output could not be written. */
static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		if (errno != EPIPE)
			fprintf(stderr, "spillway: cannot write the output: %s\n", strerror(errno));
		return status == SPW_EXIT_DONE ? SPW_EXIT_FAILED : status;
	}
	return status;
}

/* Without a verb. */
static int run_without_verb(const struct spw_call *call)
{
	if (call->version)
		return finish(spw_verb_version.run(call, 1, (char *[]){"version", NULL}));
	print_help(call->help ? stdout : stderr);
	return call->help ? finish(SPW_EXIT_DONE) : SPW_EXIT_USAGE;
}

static int run_verb(const struct spw_verb *verb, struct spw_call *call, int argc, char **argv)
{
	int first = spw_options_read(verb, argc, argv, call);

	if (first < 0)
		return SPW_EXIT_USAGE;
	if (call->help && verb->summary) {
		print_verb_help(verb);
		return finish(SPW_EXIT_DONE);
	}
	argv[first - 1] = (char *)verb->name;
	return finish(verb->run(call, argc - first + 1, argv + first - 1));
}

/*
 * Keeps files and sockets opened later from becoming standard input, output or error. Read-only, so that writing to a
 * closed output still fails. Returns 0 or -1.
 */
static int occupy_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct spw_call call = {.config_path = SPW_CONFIG_DEFAULT_PATH};
	int first = spw_options_read(NULL, argc, argv, &call);
	const struct spw_verb *verb;

	if (occupy_standard_descriptors())
		return SPW_EXIT_FAILED;
	signal(SIGPIPE, SIG_IGN);
	if (first < 0)
		return SPW_EXIT_USAGE;
	if (first == argc)
		return run_without_verb(&call);
	verb = find_verb(argv[first]);
	if (!verb) {
		fprintf(stderr, "spillway: there is no verb '%s'; see spillway --help\n", argv[first]);
		return SPW_EXIT_USAGE;
	}
	return run_verb(verb, &call, argc - first, argv + first);
}
