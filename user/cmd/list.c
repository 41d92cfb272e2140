/* SPDX-License-Identifier: GPL-2.0-only */
/* list: the lists of the published ruleset and the retired ones, from the pinned maps. */
#include <stdio.h>
#include <string.h>

#include "../io/sampler.h"
#include "../view/view.h"
#include "look.h"

static int show_as_json(const struct spw_snapshot *snapshot, const char *name)
{
	json_t *lists = spw_view_lists_json(snapshot, name);

	/* Without a name nothing but memory can be missing. */
	if (!lists && name)
		return spw_fail("no list '%s'; 'spillway list show' names those that are there", name);
	return spw_print_json(lists);
}

static int show(const struct spw_call *call, const char *name)
{
	struct spw_snapshot snapshot;
	int status = spw_look(call, &snapshot);

	if (status != SPW_EXIT_DONE)
		return status;
	if (call->json)
		status = show_as_json(&snapshot, name);
	else if (!spw_view_lists(stdout, &snapshot, name, (struct spw_style){spw_colour()}))
		status = spw_fail("no list '%s'; 'spillway list show' names those that are there", name);
	spw_snapshot_free(&snapshot);
	return status;
}

static bool is_later(const char *word)
{
	static const char *const later[] = {"add", "remove", "import"};

	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
		if (!strcmp(later[i], word))
			return true;
	return false;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	if (argc < 2)
		return spw_usage(&spw_verb_list, "what shall be done? there is 'show'");
	if (is_later(argv[1]))
		return spw_usage(&spw_verb_list,
				 "'%s' comes with a later version; change the list's file, then 'spillway apply'",
				 argv[1]);
	if (strcmp(argv[1], "show"))
		return spw_usage(&spw_verb_list, "no '%s'; there is 'show'", argv[1]);
	if (argc > 3)
		return spw_usage(&spw_verb_list, "unexpected '%s'", argv[3]);
	return show(call, argv[2]);
}

const struct spw_verb spw_verb_list = {
	.name = "list",
	.usage = "show [NAME]",
	.summary = "Show the lists with their prefixes and counters",
	.help = "With NAME, that list alone and with every digit. Reads the pinned maps, so it works without an agent. "
		"A list\n"
		"that a reload has removed is retired: it keeps its counters. With -j an array, also of one.\n",
	.run = run,
};
