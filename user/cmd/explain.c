/* SPDX-License-Identifier: GPL-2.0-only */
/* explain: the current decision and the last changes in sentences; if the agent is dead, from its history. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/control_client.h"
#include "store/history_reader.h"
#include "view/explain.h"
#include "cmd.h"
#include "look.h"

/* Print the agent's answer: its sentences, or for -j all other members. */
static int print_answer(const struct spw_call *call, json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "text"));

	if (!json_is_true(json_object_get(answer, "ok")) || !text)
		return spw_fail("%s", text ? text
				      : json_string_value(json_object_get(answer, "error"))
					      ? json_string_value(json_object_get(answer, "error"))
					      : "cannot understand the agent's answer");
	if (!call->json) {
		fputs(text, stdout);
		return SPW_EXIT_DONE;
	}
	json_object_del(answer, "text");
	return spw_print_json(json_incref(answer));
}

/* End of the history: the last decision, since when its level applies, the last changes. */
struct ending {
	struct spw_named_policy policy;
	struct spw_record record;
	struct spw_changes changes;
	u64 wall_ns;
	u64 since_wall_ns;
	bool any;
};

static void take_tick(struct ending *ending, const struct spw_history_tick *tick)
{
	const struct spw_decision *decision = &tick->record->decision;
	struct spw_level_change change = {
		.wall_ns = tick->wall_ns,
		.level = decision->level,
		.former = ending->record.decision.level,
		.rule = decision->rule,
	};

	if (!ending->any)
		ending->since_wall_ns = tick->wall_ns;
	if (ending->any && change.level != change.former) {
		if (decision->service < tick->policy->policy.services_count)
			snprintf(change.service, sizeof(change.service), "%s",
				 tick->policy->services[decision->service]);
		spw_reason(tick->policy, decision, change.reason, sizeof(change.reason));
		spw_changes_add(&ending->changes, &change);
		ending->since_wall_ns = tick->wall_ns;
	}
	if (tick->begins)
		ending->policy = *tick->policy;
	ending->record = *tick->record;
	ending->wall_ns = tick->wall_ns;
	ending->any = true;
}

static int print_ending(const struct spw_call *call, const struct ending *ending, const char *why)
{
	char note[SPW_MESSAGE_MAX + 100];
	const struct spw_explanation explanation = {
		.policy = &ending->policy,
		.decision = &ending->record.decision,
		.override = &ending->record.override,
		.changes = &ending->changes,
		.wall_ns = ending->wall_ns,
		.since_wall_ns = ending->since_wall_ns,
		.note = note,
	};

	snprintf(note, sizeof(note), "Everything passes now: %s. This is the last decision in the history.", why);
	if (call->json)
		return spw_print_json(spw_view_explain_json(&explanation));
	spw_view_explain(stdout, &explanation, (struct spw_style){.colour = spw_colour()});
	return SPW_EXIT_DONE;
}

static int explain_ending(const struct spw_call *call, const char *state_dir, const char *why)
{
	struct ending *ending = calloc(1, sizeof(*ending));
	struct spw_history_reader *reader = NULL;
	struct spw_history_tick tick;
	char message[SPW_MESSAGE_MAX];
	int status;

	if (!ending)
		return spw_fail("out of memory");
	if (spw_history_read(state_dir, &reader, message)) {
		status = spw_fail("%s; and %s", why, message);
		goto out;
	}
	while (spw_history_next(reader, &tick) == 1)
		take_tick(ending, &tick);
	if (*spw_history_damage(reader))
		fprintf(stderr, "spillway: warning: %s\n", spw_history_damage(reader));
	status = ending->any ? print_ending(call, ending, why)
			     : spw_fail("%s; and the history in %s holds no decision", why, state_dir);
out:
	spw_history_read_end(reader);
	free(ending);
	return status;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	json_t *answer;
	int status;

	if (argc > 1)
		return spw_usage(&spw_verb_explain, "unexpected '%s'", argv[1]);
	status = spw_where(call, &config);
	if (status == SPW_EXIT_DONE) {
		json_t *request = json_pack("{s:s,s:b}", "verb", "explain", "colour", spw_colour() && !call->json);

		answer = spw_control_call(config.run_dir, request, 10, message);
		status = answer ? print_answer(call, answer) : explain_ending(call, config.state_dir, message);
		json_decref(answer);
	}
	spw_config_free(&config);
	return status;
}

const struct spw_verb spw_verb_explain = {
	.name = "explain",
	.usage = "",
	.summary = "Explain why the level is what it is, and what would change it",
	.help = "Shows the decision of the last tick with its arithmetic, each service with its classes, the signals,\n"
		"and the last changes. Without an agent it shows the last decision in the history and says so.\n",
	.run = run,
};
