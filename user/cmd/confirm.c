/* SPDX-License-Identifier: GPL-2.0-only */
/* confirm: keep what `apply --confirm` brought into force. */
#include <jansson.h>
#include <stdio.h>

#include "ask.h"
#include "look.h"

static int print_answer(const struct spw_call *call, const json_t *answer)
{
	if (call->json)
		return spw_print_json(json_incref((json_t *)answer));
	printf("ruleset %lld is confirmed\n", (long long)json_integer_value(json_object_get(answer, "generation")));
	return SPW_EXIT_DONE;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	if (argc > 1)
		return spw_usage(&spw_verb_confirm, "unexpected '%s'", argv[1]);
	return spw_ask(call, json_pack("{s:s}", "verb", "confirm"), print_answer);
}

const struct spw_verb spw_verb_confirm = {
	.name = "confirm",
	.usage = "",
	.summary = "Keep what 'apply --confirm' put in force",
	.help = "Without it, the agent rolls the change back when its time is over.\n",
	.run = run,
};
