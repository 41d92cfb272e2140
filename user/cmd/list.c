/* SPDX-License-Identifier: GPL-2.0-only */
/* list: the lists of the ruleset, and bans: prefixes in a list for a time. One file per subcommand (list.h). */
#include "list.h"

#include <string.h>

static const struct spw_option options[] = {
	[SPW_LIST_FOR] = {"for", 0, "DURATION", "with add and import: how long, such as 90, 10m, 1h30m, 2d, 1w"},
	[SPW_LIST_NOTE] = {"note", 0, "TEXT", "with add and import: a reason, which 'list show' shows"},
	[SPW_LIST_FORCE] = {"force", 0, NULL,
			    "with add and import: accept even 0.0.0.0/0 or management prefixes in a class that is cut"},
	[SPW_LIST_OWNER] = {"owner", 0, "NAME",
			    "owner of the ban; default: hand. With remove and flush: end only bans of this owner"},
	[SPW_LIST_EXTEND] = {"extend", 0, NULL, "with add and import: never shorten an existing ban of this owner"},
	[SPW_LIST_FROM_FILE] = {"file", 0, "FILE",
				"with add and remove: read the prefixes from a file; - is standard input"},
	[SPW_LIST_WITHIN] = {"within", 0, NULL, "with remove: all bans within the prefixes"},
	[SPW_LIST_LIMIT] = {"limit", 0, "COUNT", "with show NAME: show at most this many bans"},
	[SPW_LIST_AFTER] = {"after", 0, "PREFIX",
			    "with show NAME: continue after this prefix, the 'next' of the last page"},
	{0},
};

#define TAKES(option) (1u << (option))

static const struct word {
	const char *word;
	int (*run)(const struct spw_call *call, int argc, char **argv);
	u32 takes;
} words[] = {
	{"show", spw_list_show, TAKES(SPW_LIST_LIMIT) | TAKES(SPW_LIST_AFTER)},
	{"add", spw_list_add,
	 TAKES(SPW_LIST_FOR) | TAKES(SPW_LIST_NOTE) | TAKES(SPW_LIST_FORCE) | TAKES(SPW_LIST_OWNER) |
		 TAKES(SPW_LIST_EXTEND) | TAKES(SPW_LIST_FROM_FILE)},
	{"remove", spw_list_remove, TAKES(SPW_LIST_OWNER) | TAKES(SPW_LIST_FROM_FILE) | TAKES(SPW_LIST_WITHIN)},
	{"flush", spw_list_flush, TAKES(SPW_LIST_OWNER)},
	{"import", spw_list_import,
	 TAKES(SPW_LIST_FOR) | TAKES(SPW_LIST_NOTE) | TAKES(SPW_LIST_FORCE) | TAKES(SPW_LIST_OWNER) |
		 TAKES(SPW_LIST_EXTEND)},
};

static int run_word(const struct word *word, const struct spw_call *call, int argc, char **argv)
{
	for (u32 i = 0; options[i].name; i++)
		if (call->options[i] && !(word->takes & TAKES(i)))
			return spw_usage(&spw_verb_list, "'%s' has no option '--%s'", word->word, options[i].name);
	if (call->options[SPW_LIST_OWNER] && !*call->options[SPW_LIST_OWNER])
		return spw_usage(&spw_verb_list, "--owner needs a name, such as fail2ban:sshd");
	return word->run(call, argc, argv);
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	if (argc < 2)
		return spw_usage(&spw_verb_list, "needs one of: show, add, remove, flush, import");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(argv[1], words[i].word))
			return run_word(&words[i], call, argc - 1, argv + 1);
	return spw_usage(&spw_verb_list, "there is no 'list %s'; there are show, add, remove, flush and import",
			 argv[1]);
}

const struct spw_verb spw_verb_list = {
	.name = "list",
	.usage = "show [NAME] | add NAME PREFIX... | remove NAME PREFIX... | flush NAME | import NAME FILE",
	.summary = "Show the lists; ban prefixes (put them into a list for a time), or end bans",
	.options = options,
	.help = "  spillway list show                               all lists with prefixes and counters\n"
		"  spillway list show banned                        one list with exact counters and its bans\n"
		"  spillway list add banned 192.0.2.7 --for 1h --note \"failed logins\"\n"
		"  spillway list remove banned 192.0.2.7            for all owners\n"
		"  spillway list remove banned 192.0.2.0/24 --within    all bans in this prefix\n"
		"  spillway list flush banned --owner crowdsec      all bans of one owner\n"
		"  spillway list import banned FILE --for 1d        one prefix, address or range per line; -: standard input\n"
		"  spillway list remove banned --file FILE --owner crowdsec\n\n"
		"A ban takes effect at once, without a reload. The most specific prefix wins; a ban wins over an equal prefix of a\n"
		"list. Without --for it holds until it is removed. An existing ban gets the new end and note and keeps its counts.\n"
		"All or nothing: if one prefix is bad, nothing changes.\n\n"
		"A ban has owners: 'hand', or those that --owner names, such as fail2ban:sshd. Each owner has its own end and note,\n"
		"and the ban holds until the last end. 'remove' and 'flush' end the whole ban, with --owner only that owner's part.\n"
		"A ban lasts at most 366 days, or without end; longer times and notes are cut, with a warning.\n\n"
		"'show' reads the pinned maps, so it works without an agent. The others need the agent. While it restarts, or is too\n"
		"busy to answer, they are queued in the folder spool of run_dir, and carried out before the next agent is ready. A\n"
		"list that a reload has removed is retired: it keeps its counters. With -j 'show' always prints an array.\n",
	.run = run,
};
