/* SPDX-License-Identifier: GPL-2.0-only */
/* list remove and list flush: take bans out of a list before their end. */
#include <stdio.h>
#include <stdlib.h>

#include "list.h"
#include "look.h"

/* A missing ban is no error: it may have just ended. */
static int print_removed(const struct spw_call *call, const struct spw_list_request *request, const json_t *answer)
{
	json_int_t absent = json_integer_value(json_object_get(answer, "absent"));
	json_int_t kept = json_integer_value(json_object_get(answer, "kept"));

	if (call->json)
		return spw_print_json(json_incref((json_t *)answer));
	printf("%s: %lld removed", request->name, (long long)json_integer_value(json_object_get(answer, "removed")));
	if (kept)
		printf(", %lld hold for other owners", (long long)kept);
	if (absent)
		printf(", %lld were not there", (long long)absent);
	putchar('\n');
	return SPW_EXIT_DONE;
}

int spw_list_remove(const struct spw_call *call, int argc, char **argv)
{
	const char *file = call->options[SPW_LIST_FROM_FILE];
	struct spw_list_request request = {
		.verb = "list-remove",
		.owner = call->options[SPW_LIST_OWNER],
		.within = call->options[SPW_LIST_WITHIN],
	};
	struct spw_list prefixes = {0};
	int status = SPW_EXIT_FAILED;

	if (file ? argc != 2 : argc < 3)
		return spw_usage(&spw_verb_list, "remove needs a list and a prefix, or a list and --file");
	request.name = argv[1];
	if (file ? spw_list_read_file(file, &prefixes) : spw_list_read_words(argc - 2, argv + 2, &prefixes))
		status = spw_list_send(call, &request, &prefixes, print_removed);
	free(prefixes.entries);
	return status;
}

int spw_list_flush(const struct spw_call *call, int argc, char **argv)
{
	struct spw_list_request request = {.verb = "list-flush", .owner = call->options[SPW_LIST_OWNER]};
	const struct spw_list none = {0};

	if (argc != 2)
		return spw_usage(&spw_verb_list,
				 "flush needs a list alone; 'list remove NAME PREFIX --within' takes a prefix");
	request.name = argv[1];
	return spw_list_send(call, &request, &none, print_removed);
}
