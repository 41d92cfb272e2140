/* SPDX-License-Identifier: GPL-2.0-only */
/* One request to the agent, one answer. */
#include "ask.h"

#include "net/control_client.h"

#define ANSWER_SECONDS 10

static int take_answer(const struct spw_call *call, const json_t *answer,
		       int (*print)(const struct spw_call *call, const json_t *answer))
{
	if (!json_is_true(json_object_get(answer, "ok")))
		return spw_fail("%s", json_string_value(json_object_get(answer, "error")));
	return print(call, answer);
}

int spw_ask(const struct spw_call *call, json_t *request,
	    int (*print)(const struct spw_call *call, const json_t *answer))
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	json_t *answer;
	int status = spw_where(call, &config);

	if (status == SPW_EXIT_DONE) {
		answer = spw_control_call(config.run_dir, request, ANSWER_SECONDS, message);
		status = answer ? take_answer(call, answer, print) : spw_fail("%s", message);
		json_decref(answer);
	} else {
		json_decref(request);
	}
	spw_config_free(&config);
	return status;
}
