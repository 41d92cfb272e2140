/* SPDX-License-Identifier: GPL-2.0-only */
/* init: write a first configuration from what is found on this host. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/replace.h"
#include "look.h"
#include "survey.h"

enum option { FORCE, COUNTRY };

static const struct spw_option options[] = {
	[FORCE] = {"force", 0, NULL, "replace FILE if it exists"},
	[COUNTRY] = {"country", 0, "CC[,CC...]", "countries that are home, such as US,CA (guessed from the time zone)"},
	{0},
};

static bool is_country(const char *text, size_t length)
{
	return length == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z';
}

/* "US,CA". Returns false for anything else. */
static bool read_countries(const char *text, struct spw_site *found)
{
	for (;;) {
		size_t length = strcspn(text, ",");

		if (!is_country(text, length) || found->home_count == SPW_SITE_HOME)
			return false;
		memcpy(found->home[found->home_count++], text, length);
		if (!text[length])
			return true;
		text += length + 1;
	}
}

static int write_text(FILE *out, void *context)
{
	return fputs(context, out) < 0 ? -EIO : 0;
}

/* A new file, never over an old one. Returns 0 or -errno. */
static int write_new(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t left = strlen(text);
	int err = fd < 0 ? -errno : 0;

	while (!err && left) {
		ssize_t written = write(fd, text, left);

		if (written < 0) {
			err = -errno;
			unlink(path);
			break;
		}
		text += written;
		left -= (size_t)written;
	}
	return err;
}

/* Also makes the folder, as /etc/spillway after an installation. */
static int write_file(const char *path, bool force, char *text)
{
	_cleanup_free_ char *copy = strdup(path);
	int err;

	if (!copy)
		return spw_fail("out of memory");
	spw_make_folder(dirname(copy), 0755); /* if that fails, so does what follows */
	err = force ? spw_replace_file(path, 0644, true, write_text, text) : write_new(path, text);
	if (err == -EEXIST)
		return spw_fail("%s exists and was not changed; --force replaces it", path);
	if (err)
		return spw_fail("cannot write %s: %s", path, strerror(-err));
	return SPW_EXIT_DONE;
}

/* What the operator must fill in, on stderr. */
static void report_gaps(const struct spw_site *found)
{
	bool used = false;

	for (size_t i = 0; i < found->interfaces_count; i++)
		used |= found->interfaces[i].used;
	if (geteuid())
		fputs("note: without root, processes of other users cannot be seen; services are named by port\n",
		      stderr);
	if (!used)
		fputs("note: no interface is up: fill in 'interfaces'\n", stderr);
	if (!found->logins_count)
		fputs("note: no SSH session was found: fill in 'management'\n", stderr);
	if (!found->services_count)
		fputs("note: nothing listens here for others: fill in 'services'\n", stderr);
}

static int write_config(const struct spw_call *call, const char *path, const struct spw_site *found)
{
	_cleanup_free_ char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	int status = SPW_EXIT_DONE;

	if (!out)
		return spw_fail("out of memory");
	spw_view_first_config(out, found);
	if (fclose(out))
		return spw_fail("out of memory");
	if (path)
		status = write_file(path, call->options[FORCE], text);
	if (status != SPW_EXIT_DONE)
		return status;
	report_gaps(found);
	if (call->json)
		return spw_print_json(spw_view_first_config_json(found, path, text));
	if (!path)
		fputs(text, stdout);
	else if (strcmp(path, SPW_CONFIG_DEFAULT_PATH) != 0)
		printf("%s is written; read it, then: spillway -c %s check\n", path, path);
	else
		printf("%s is written; read it, then: spillway check\n", path);
	return SPW_EXIT_DONE;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	const char *path = argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : NULL;
	_cleanup_free_ struct spw_site *found = calloc(1, sizeof(*found));
	int err;

	if (argc > 2)
		return spw_usage(&spw_verb_init, "unexpected '%s'", argv[2]);
	if (!found)
		return spw_fail("out of memory");
	if (call->options[COUNTRY] && !read_countries(call->options[COUNTRY], found))
		return spw_usage(&spw_verb_init, "'%s' is not a list of at most %d countries such as US,CA",
				 call->options[COUNTRY], SPW_SITE_HOME);
	err = spw_survey(found);
	if (err)
		return spw_fail("cannot read the sockets of this host in /proc/net: %s", strerror(-err));
	return write_config(call, path, found);
}

const struct spw_verb spw_verb_init = {
	.name = "init",
	.usage = "[FILE]",
	.summary = "Write a first configuration, from what is found on this host",
	.options = options,
	.help = "Finds interfaces with a default route, services that listen for others, where you are logged in from, and\n"
		"country tables, and explains each part. It starts in observe mode. Without FILE it prints to stdout.\n",
	.run = run,
};
