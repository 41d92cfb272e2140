/* SPDX-License-Identifier: GPL-2.0-only */
/* Which format of metrics a header Accept asks for: headers of real clients, and malformed ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/net/accept.h"

#define OPEN "application/openmetrics-text"

static const char *const open_metrics[] = {
	OPEN,
	OPEN ";version=1.0.0",
	" " OPEN " ; version=1.0.0 ; charset=utf-8 ",
	"Application/OpenMetrics-Text; Version=1.0.0",
	/* Prometheus 2.42 */
	OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	/* Prometheus 3 */
	OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.6," OPEN ";version=0.0.1;q=0.5,"
	     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
	"text/plain;q=0.5," OPEN ";q=0.5",
	OPEN ";q=0.001",
};

static const char *const text[] = {
	"",
	"*/*",
	"text/plain",
	"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	OPEN ";version=0.0.1",
	OPEN ";version=1.0.0;q=0,text/plain;q=0.1",
	OPEN ";q=0",
	OPEN ";q=0.000",
	OPEN ";q=0.3,text/plain;q=0.4",
	OPEN ";q=x",
	OPEN ";q=",
	OPEN "x",
	"x" OPEN,
	"application/*",
	";;;,,,;q=1",
	",",
	";",
	OPEN ";version=1.0.01",
};

static void preferences_are_followed(void **state)
{
	(void)state;
	assert_false(spw_accepts_open_metrics(NULL));
	for (size_t i = 0; i < sizeof(open_metrics) / sizeof(*open_metrics); i++)
		if (!spw_accepts_open_metrics(open_metrics[i]))
			fail_msg("text for: %s", open_metrics[i]);
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
		if (spw_accepts_open_metrics(text[i]))
			fail_msg("OpenMetrics for: %s", text[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(preferences_are_followed)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
