/* SPDX-License-Identifier: GPL-2.0-only */
/* confirm: keep what `apply --confirm` has put in force. */
#include <jansson.h>
#include <stdio.h>

#include "../io/control_socket.h"
#include "cmd.h"

static int print_answer(const struct spw_call *call, const json_t *answer)
{
	if (!json_is_true(json_object_get(answer, "ok")))
		return spw_fail("%s", json_string_value(json_object_get(answer, "error")));
	if (call->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		printf("ruleset %lld is confirmed\n",
		       (long long)json_integer_value(json_object_get(answer, "generation")));
	}
	return SPW_EXIT_DONE;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	json_t *answer;
	int status;

	if (argc > 1)
		return spw_usage(&spw_verb_confirm, "unexpected '%s'", argv[1]);
	status = spw_where(call, &config);
	if (status == SPW_EXIT_DONE) {
		answer = spw_control_call(config.run_dir, json_pack("{s:s}", "verb", "confirm"), 10, message);
		status = answer ? print_answer(call, answer) : spw_fail("%s", message);
		json_decref(answer);
	}
	spw_config_free(&config);
	return status;
}

const struct spw_verb spw_verb_confirm = {
	.name = "confirm",
	.usage = "",
	.summary = "Keep what 'apply --confirm' has put in force",
	.help = "Without it, what was in force before is given back when the time is over.\n",
	.run = run,
};
