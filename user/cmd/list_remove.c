/* SPDX-License-Identifier: GPL-2.0-only */
/* list remove: take bans out of a list before their end. */
#include <stdio.h>
#include <stdlib.h>

#include "list.h"
#include "look.h"

/* A ban that is not there is no error: it may have ended a moment ago. */
static int print_removed(const struct spw_call *call, const struct spw_list_request *request, const json_t *answer)
{
	json_int_t absent = json_integer_value(json_object_get(answer, "absent"));

	if (call->json)
		return spw_print_json(json_incref((json_t *)answer));
	printf("%s: %lld removed", request->name, (long long)json_integer_value(json_object_get(answer, "removed")));
	if (absent)
		printf(", %lld were not there", (long long)absent);
	putchar('\n');
	return SPW_EXIT_DONE;
}

int spw_list_remove(const struct spw_call *call, int argc, char **argv)
{
	struct spw_list_request request = {.verb = "list-remove"};
	struct spw_list prefixes = {0};
	int status = SPW_EXIT_FAILED;

	if (argc < 3)
		return spw_usage(&spw_verb_list, "remove needs a list and a prefix");
	request.name = argv[1];
	if (spw_list_read_words(argc - 2, argv + 2, &prefixes))
		status = spw_list_send(call, &request, &prefixes, print_removed);
	free(prefixes.entries);
	return status;
}
