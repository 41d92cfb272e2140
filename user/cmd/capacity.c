/* SPDX-License-Identifier: GPL-2.0-only */
/* capacity: set what a service can serve, or return to the configured or learned value. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "ask.h"
#include "look.h"

static int print_answer(const struct spw_call *call, const json_t *answer)
{
	const json_t *capacity = json_object_get(answer, "capacity_per_s");
	const char *service = json_string_value(json_object_get(answer, "service"));

	if (call->json)
		return spw_print_json(json_incref((json_t *)answer));
	if (json_is_null(capacity))
		printf("%s: as configured\n", service);
	else
		printf("%s: %.0f/s, until 'capacity %s auto'\n", service, json_number_value(capacity), service);
	return SPW_EXIT_DONE;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	const char *wrong;
	u64 per_second = 0;

	if (argc != 3)
		return spw_usage(&spw_verb_capacity, "needs a service and its capacity, such as: capacity shop 950/s");
	wrong = strcmp(argv[2], "auto") ? spw_units_rate(argv[2], &per_second) : NULL;
	if (wrong)
		return spw_usage(&spw_verb_capacity, "'%s' is not a capacity: %s; or auto", argv[2], wrong);
	return spw_ask(call,
		       json_pack("{s:s,s:s,s:o}", "verb", "capacity", "service", argv[1], "capacity_per_s",
				 per_second ? json_integer((json_int_t)per_second) : json_null()),
		       print_answer);
}

const struct spw_verb spw_verb_capacity = {
	.name = "capacity",
	.usage = "SERVICE RATE|auto",
	.summary = "Set the capacity of a service by hand, or return to the configured or learned one",
	.help = "  spillway capacity shop 950/s    from now on, also after restarts\n"
		"  spillway capacity shop auto     as configured, or learned\n\n"
		"'spillway explain' shows the capacity in use and where it comes from.\n",
	.run = run,
};
