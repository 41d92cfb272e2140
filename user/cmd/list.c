/* SPDX-License-Identifier: GPL-2.0-only */
/* list: the lists of the ruleset, and entries in them for a time. One word a file (list.h). */
#include "list.h"

#include <string.h>

static int run_show(const struct spw_call *call, int argc, char **argv)
{
	if (argc > 2)
		return spw_usage(&spw_verb_list, "unexpected '%s'", argv[2]);
	return spw_list_show(call, argv[1]);
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	static const struct {
		const char *word;
		int (*run)(const struct spw_call *call, int argc, char **argv);
	} words[] = {
		{"show", run_show},
		{"add", spw_list_add},
		{"remove", spw_list_remove},
		{"import", spw_list_import},
	};

	if (argc < 2)
		return spw_usage(&spw_verb_list, "what shall be done? there are show, add, remove and import");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(argv[1], words[i].word))
			return words[i].run(call, argc - 1, argv + 1);
	return spw_usage(&spw_verb_list, "no '%s'; there are show, add, remove and import", argv[1]);
}

const struct spw_verb spw_verb_list = {
	.name = "list",
	.usage =
		"show [NAME] | add NAME PREFIX... [--for TIME] [--note TEXT] [--force] | remove NAME PREFIX... | import NAME FILE [...]",
	.summary = "Show the lists; put prefixes into one for a time, or take them out",
	.help = "  spillway list show                               all lists with prefixes and counters\n"
		"  spillway list show banned                        one, with every digit and its entries\n"
		"  spillway list add banned 192.0.2.7 --for 1h --note \"failed logins\"\n"
		"  spillway list remove banned 192.0.2.7\n"
		"  spillway list import banned FILE --for 1d        a prefix, address or range a line; - is standard input\n\n"
		"An entry stands beside what the configuration names, at once and without a reload; the most specific prefix\n"
		"wins, an entry before a list's own prefix of the same length. Without --for it holds until it is removed. One\n"
		"that is there already gets the new end and note and keeps its counts. All or nothing: one bad prefix, and\n"
		"nothing is changed. --force adds what is refused to a class that is cut: 0.0.0.0/0, management prefixes.\n\n"
		"'show' reads the pinned maps, so it works without an agent; the others ask the agent. A list that a reload has\n"
		"removed is retired: it keeps its counters. With -j an array, also of one.\n",
	.run = run,
};
