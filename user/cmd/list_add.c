/* SPDX-License-Identifier: GPL-2.0-only */
/* list add and list import: prefixes from the command line, or from a file, into a list for a time. */
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

static int print_added(const struct spw_call *call, const struct spw_list_order *order, const json_t *answer)
{
	json_int_t changed = json_integer_value(json_object_get(answer, "changed"));
	json_int_t moved = json_integer_value(json_object_get(answer, "moved"));

	if (call->json)
		return spw_print_json(json_incref((json_t *)answer));
	printf("%s: %lld added", order->name, (long long)json_integer_value(json_object_get(answer, "added")));
	if (changed)
		printf(", %lld were there and have the new end and note", (long long)changed);
	if (moved)
		printf(", %lld moved here from another list", (long long)moved);
	putchar('\n');
	return SPW_EXIT_DONE;
}

/* "--KEY VALUE" or "--KEY=VALUE" at argv[*at]: whether it is that; then @at moves on to what @value is in. */
static bool takes(int argc, char **argv, int *at, const char *key, const char **value)
{
	size_t length = strlen(key);
	const char *word = argv[*at];

	if (!strcmp(word, key) && *at + 1 < argc) {
		*value = argv[++*at];
		return true;
	}
	if (strncmp(word, key, length) != 0 || word[length] != '=')
		return false;
	*value = word + length + 1;
	return true;
}

/* Takes the options out of argv; what is left is packed behind its word. Returns how many words, -1: usage. */
static int take_options(int argc, char **argv, struct spw_list_order *order)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		const char *value = NULL, *wrong;

		if (takes(argc, argv, &i, "--for", &value)) {
			wrong = spw_units_duration(value, &order->for_ns);
			if (wrong || !order->for_ns) {
				spw_usage(&spw_verb_list, "--for '%s': %s", value, wrong ? wrong : "no time at all");
				return -1;
			}
		} else if (takes(argc, argv, &i, "--note", &value)) {
			order->note = value;
		} else if (!strcmp(argv[i], "--force")) {
			order->force = true;
		} else if (argv[i][0] == '-' && argv[i][1]) {
			bool lacks = !strcmp(argv[i], "--for") || !strcmp(argv[i], "--note");

			spw_usage(&spw_verb_list, lacks ? "%s: a value is missing behind it" : "unexpected '%s'",
				  argv[i]);
			return -1;
		} else {
			argv[kept++] = argv[i];
		}
	}
	return kept;
}

int spw_list_add(const struct spw_call *call, int argc, char **argv)
{
	struct spw_list_order order = {.verb = "list-add"};
	struct spw_list prefixes = {0};
	int words = take_options(argc, argv, &order), status = SPW_EXIT_FAILED;

	if (words < 0)
		return SPW_EXIT_USAGE;
	if (words < 3)
		return spw_usage(&spw_verb_list, "add wants a list and a prefix");
	order.name = argv[1];
	if (spw_list_read_words(words - 2, argv + 2, &prefixes))
		status = spw_list_send(call, &order, &prefixes, print_added);
	free(prefixes.entries);
	return status;
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
	int err = spw_list_parse_cidr(text, length, file, prefixes, &diagnostics);

	spw_print_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	return err;
}

static int read_file(const char *path, struct spw_list *prefixes)
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

int spw_list_import(const struct spw_call *call, int argc, char **argv)
{
	struct spw_list_order order = {.verb = "list-add"};
	struct spw_list prefixes = {0};
	int words = take_options(argc, argv, &order), status = SPW_EXIT_FAILED;

	if (words < 0)
		return SPW_EXIT_USAGE;
	if (words != 3)
		return spw_usage(&spw_verb_list, "import wants a list and a file");
	order.name = argv[1];
	if (!read_file(argv[2], &prefixes))
		status = prefixes.count ? spw_list_send(call, &order, &prefixes, print_added)
					: spw_fail("%s: no prefix in it; nothing was changed", argv[2]);
	free(prefixes.entries);
	return status;
}
