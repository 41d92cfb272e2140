/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as a file of the spool. An accepted one is an object, its age is within bounds, and it is unchanged
 * when written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "user/store/ban_spool_line.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct spw_spool_moment moment = {"5f0c3c0e-7a6b-4a3e-9f2d-000000000001", 1.8e9, 1000000000};
	u64 age_ns, again_ns;
	json_t *request = spw_spool_parse((const char *)data, size, &moment, &age_ns), *again;
	char *text;

	if (!request)
		return 0;
	require(json_is_object(request) && age_ns <= SPW_SPOOL_AGE_NS_MAX);
	text = spw_spool_print(request, &moment);
	/* json_dumps() refuses objects that are nested too deep. */
	if (text) {
		again = spw_spool_parse(text, strlen(text), &moment, &again_ns);
		require(again && json_equal(again, request) && !again_ns);
		json_decref(again);
	}
	free(text);
	json_decref(request);
	return 0;
}
