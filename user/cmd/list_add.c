/* SPDX-License-Identifier: GPL-2.0-only */
/* list add and list import: put prefixes from the command line, or from a file, into a list for a time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/file.h"
#include "base/units.h"
#include "base/cleanup.h"
#include "list.h"
#include "look.h"

#define STDIN_BYTES_MAX (64u << 20)

static int print_added(const struct spw_call *call, const struct spw_list_request *request, const json_t *answer)
{
	json_int_t changed = json_integer_value(json_object_get(answer, "changed"));
	json_int_t moved = json_integer_value(json_object_get(answer, "moved"));
	json_int_t held = json_integer_value(json_object_get(answer, "held"));

	if (call->json)
		return spw_print_json(json_incref((json_t *)answer));
	printf("%s: %lld added", request->name, (long long)json_integer_value(json_object_get(answer, "added")));
	if (changed)
		printf(", %lld were there and have the new end and note", (long long)changed);
	if (moved)
		printf(", %lld moved here from another list", (long long)moved);
	if (held)
		printf(", %lld hold longer for other owners", (long long)held);
	putchar('\n');
	return SPW_EXIT_DONE;
}

/* Read the options into @request; returns enum spw_exit. The agent truncates what is too long. */
static int read_options(const struct spw_call *call, struct spw_list_request *request)
{
	const char *duration = call->options[SPW_LIST_FOR];
	u64 for_ns = 0;
	const char *wrong = duration ? spw_units_long_duration(duration, &for_ns) : NULL;

	if (duration && (wrong || !for_ns))
		return spw_usage(&spw_verb_list, "--for '%s': %s", duration, wrong ? wrong : "must be above 0");
	request->for_s = (double)for_ns / SPW_SECOND_NS;
	request->note = call->options[SPW_LIST_NOTE];
	request->owner = call->options[SPW_LIST_OWNER];
	request->force = call->options[SPW_LIST_FORCE];
	request->extend = call->options[SPW_LIST_EXTEND];
	return SPW_EXIT_DONE;
}

/* All of standard input, which may be a pipe. */
static char *read_stdin(size_t *length)
{
	_cleanup_free_ char *text = malloc(STDIN_BYTES_MAX + 1);
	char *whole;

	*length = text ? fread(text, 1, STDIN_BYTES_MAX + 1, stdin) : 0;
	if (!text || ferror(stdin) || *length > STDIN_BYTES_MAX) {
		spw_fail("cannot read standard input: %s", !text	   ? "out of memory"
							   : ferror(stdin) ? strerror(errno)
									   : "more than 64 MiB");
		return NULL;
	}
	whole = text;
	text = NULL;
	return whole;
}

static int parse(const char *text, size_t length, const char *file, struct spw_list *prefixes)
{
	struct spw_diagnostics diagnostics = {0};
	int err = spw_list_parse(text, length, file, NULL, prefixes, &diagnostics);

	spw_print_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	return err;
}

static int parse_file(const char *path, struct spw_list *prefixes)
{
	_cleanup_free_ char *piped = NULL;
	struct spw_file file;
	size_t length;
	int err;

	if (!strcmp(path, "-")) {
		piped = read_stdin(&length);
		return piped ? parse(piped, length, "<stdin>", prefixes) : -EIO;
	}
	err = spw_file_read(path, SPW_LIST_FILE_BYTES_MAX, false, &file);
	if (err)
		spw_fail("cannot read %s: %s", path, file.problem);
	else
		err = parse(file.text, file.length, path, prefixes);
	spw_file_free(&file);
	return err;
}

bool spw_list_read_file(const char *path, struct spw_list *list)
{
	if (parse_file(path, list))
		return false;
	if (!list->count)
		spw_fail("%s: no prefix in it; nothing was changed", path);
	return list->count;
}

static int send_file(const struct spw_call *call, const struct spw_list_request *request, const char *path)
{
	struct spw_list prefixes = {0};
	int status = SPW_EXIT_FAILED;

	if (spw_list_read_file(path, &prefixes))
		status = spw_list_send(call, request, &prefixes, print_added);
	free(prefixes.entries);
	return status;
}

int spw_list_import(const struct spw_call *call, int argc, char **argv)
{
	struct spw_list_request request = {.verb = "list-add"};
	int status = read_options(call, &request);

	if (status != SPW_EXIT_DONE)
		return status;
	if (argc != 3)
		return spw_usage(&spw_verb_list, "import needs a list and a file");
	request.name = argv[1];
	return send_file(call, &request, argv[2]);
}

int spw_list_add(const struct spw_call *call, int argc, char **argv)
{
	const char *file = call->options[SPW_LIST_FROM_FILE];
	struct spw_list_request request = {.verb = "list-add"};
	struct spw_list prefixes = {0};
	int status = read_options(call, &request);

	if (status != SPW_EXIT_DONE)
		return status;
	if (file ? argc != 2 : argc < 3)
		return spw_usage(
			&spw_verb_list,
			"add needs a list and a prefix, such as: list add banned 192.0.2.7; or a list and --file");
	request.name = argv[1];
	if (file)
		return send_file(call, &request, file);
	status = spw_list_read_words(argc - 2, argv + 2, &prefixes)
			 ? spw_list_send(call, &request, &prefixes, print_added)
			 : SPW_EXIT_FAILED;
	free(prefixes.entries);
	return status;
}
