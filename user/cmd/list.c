/* SPDX-License-Identifier: GPL-2.0-only */
/* list: the lists of the ruleset, and bans: prefixes in a list for a time. One word in each file (list.h). */
#include "list.h"

#include <string.h>

static const struct spw_option options[] = {
	[SPW_LIST_FOR] = {"for", 0, "DURATION", "with add and import: for this long, such as 90s, 10m, 1h, 2d"},
	[SPW_LIST_NOTE] = {"note", 0, "TEXT", "with add and import: why; 'list show' shows it"},
	[SPW_LIST_FORCE] = {"force", 0, NULL,
			    "with add and import: even 0.0.0.0/0 or management prefixes, to a class that is cut"},
	{0},
};

static int run_show(const struct spw_call *call, int argc, char **argv)
{
	if (argc > 2)
		return spw_usage(&spw_verb_list, "unexpected '%s'", argv[2]);
	return spw_list_show(call, argv[1]);
}

static const struct word {
	const char *word;
	int (*run)(const struct spw_call *call, int argc, char **argv);
	bool takes_options;
} words[] = {
	{"show", run_show, false},
	{"add", spw_list_add, true},
	{"remove", spw_list_remove, false},
	{"import", spw_list_import, true},
};

static int run_word(const struct word *word, const struct spw_call *call, int argc, char **argv)
{
	for (int i = 0; options[i].name && !word->takes_options; i++)
		if (call->options[i])
			return spw_usage(&spw_verb_list, "'%s' has no option '--%s'", word->word, options[i].name);
	return word->run(call, argc, argv);
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	if (argc < 2)
		return spw_usage(&spw_verb_list, "needs one of: show, add, remove, import");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(argv[1], words[i].word))
			return run_word(&words[i], call, argc - 1, argv + 1);
	return spw_usage(&spw_verb_list, "there is no 'list %s'; there are show, add, remove and import", argv[1]);
}

const struct spw_verb spw_verb_list = {
	.name = "list",
	.usage = "show [NAME] | add NAME PREFIX... | remove NAME PREFIX... | import NAME FILE",
	.summary = "Show the lists; ban: put prefixes into a list for a time, or take them out",
	.options = options,
	.help = "  spillway list show                               all lists with prefixes and counters\n"
		"  spillway list show banned                        one list, with every digit and its bans\n"
		"  spillway list add banned 192.0.2.7 --for 1h --note \"failed logins\"\n"
		"  spillway list remove banned 192.0.2.7\n"
		"  spillway list import banned FILE --for 1d        a prefix, address or range a line; - is standard input\n\n"
		"A ban takes effect at once, without a reload. The most specific prefix wins; of equal ones the ban wins over the\n"
		"list's own. Without --for it holds until it is removed. One that is there already gets the new end and note and\n"
		"keeps its counts. All or nothing: one bad prefix, and nothing is changed.\n\n"
		"'show' reads the pinned maps, so it works without an agent; the others ask the agent. A list that a reload has\n"
		"removed is retired: it keeps its counters. With -j always an array.\n",
	.run = run,
};
