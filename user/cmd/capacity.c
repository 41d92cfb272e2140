/* SPDX-License-Identifier: GPL-2.0-only */
/* capacity: say by hand what a service can serve, or give it back to the configuration. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "../config/units.h"
#include "../io/control_socket.h"
#include "cmd.h"

static int print_answer(const struct spw_call *call, const json_t *answer)
{
	const json_t *capacity = json_object_get(answer, "capacity_per_s");
	const char *service = json_string_value(json_object_get(answer, "service"));

	if (!json_is_true(json_object_get(answer, "ok")))
		return spw_fail("%s", json_string_value(json_object_get(answer, "error")));
	if (call->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (json_is_null(capacity)) {
		printf("%s: as configured\n", service);
	} else {
		printf("%s: %.0f/s, until 'capacity %s auto'\n", service, json_number_value(capacity), service);
	}
	return SPW_EXIT_DONE;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	json_t *answer, *request;
	const char *wrong;
	u64 per_second = 0;
	int status;

	if (argc != 3)
		return spw_usage(&spw_verb_capacity, "a service and its capacity are wanted");
	wrong = strcmp(argv[2], "auto") ? spw_units_rate(argv[2], &per_second) : NULL;
	if (wrong)
		return spw_usage(&spw_verb_capacity, "'%s' is not a capacity: %s, or auto", argv[2], wrong);
	status = spw_where(call, &config);
	if (status == SPW_EXIT_DONE) {
		request = json_pack("{s:s,s:s,s:o}", "verb", "capacity", "service", argv[1], "capacity_per_s",
				    per_second ? json_integer((json_int_t)per_second) : json_null());
		answer = spw_control_call(config.run_dir, request, 10, message);
		status = answer ? print_answer(call, answer) : spw_fail("%s", message);
		json_decref(answer);
	}
	spw_config_free(&config);
	return status;
}

const struct spw_verb spw_verb_capacity = {
	.name = "capacity",
	.usage = "SERVICE RATE|auto",
	.summary = "Say by hand what a service can serve, or give that back to the configuration",
	.help = "  spillway capacity shop 950/s    from now on, over restarts too\n"
		"  spillway capacity shop auto     as configured: set there, or learned\n\n"
		"'spillway explain' shows the capacity that is gone by, and where it comes from.\n",
	.run = run,
};
