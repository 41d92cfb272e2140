/* SPDX-License-Identifier: GPL-2.0-only */
/* Arbitrary bytes as a page of metrics or a number, as a probe's target may send them (fault 37). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "user/signals/metrics_text.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = malloc(size + 1); /* exactly sized, so that overreads are found */
	double number;

	memcpy(text, data, size);
	text[size] = '\0';
	if (spw_metrics_find(text, "queue{pool=\"web\"}", &number))
		require(isfinite(number));
	if (spw_metrics_number(text, &number))
		require(isfinite(number));
	/* The wanted name comes from the configuration; any must be safe. */
	spw_metrics_find(text, text, &number);
	free(text);
	return 0;
}
