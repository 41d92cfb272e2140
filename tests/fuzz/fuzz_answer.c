/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as what a probe's target says (fault 37); the first says whether it has closed the connection. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "user/signals/answer.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_answer answer;
	double number;
	char *text;

	if (!size)
		return 0;
	text = malloc(size); /* the last byte is room for the NUL */
	memcpy(text, data + 1, size - 1);
	answer = spw_answer_read(text, size - 1, *data == 'c');
	require(*data != 'c' || answer.state != SPW_ANSWER_PART);
	if (answer.state == SPW_ANSWER_WHOLE) {
		require(answer.body >= text && answer.body + answer.bytes < text + size && !answer.body[answer.bytes]);
		if (spw_answer_sample(answer.body, "queue{pool=\"web\"}", &number))
			require(isfinite(number));
		if (spw_answer_number(answer.body, &number))
			require(isfinite(number));
	}
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	/* A name and labels are of the operator's making, but then nothing is lost by looking. */
	spw_answer_sample(text, text, &number);
	free(text);
	return 0;
}
