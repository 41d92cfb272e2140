/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules as sentences. */
#include "rules.h"

#include <stddef.h>

#include "decide.h"

static const char *const texts[SPW_RULES] = {
	[SPW_RULE_NOTHING_NEW] =
		"the first tick, or one after a gap: nothing can be compared, so the former level stands",
	[SPW_RULE_BLIND] = "no signal is there: the level goes down to green",
	[SPW_RULE_UNKNOWN] = "no capacity is known and nothing is saturated: green",
	[SPW_RULE_FITS] = "the demand fits what can be sustained: green",
	[SPW_RULE_COVERS] = "the lowest level whose classes can give the excess",
	[SPW_RULE_NOT_ENOUGH] = "not even red covers the excess: red",
	[SPW_RULE_HOLD] = "a lower level would do, but not for long enough yet",
	[SPW_RULE_DOWN] = "a lower level did for a whole hold: one step down",
	[SPW_RULE_BOUNDED] = "a bound of the operator's moved the level",
	[SPW_RULE_PINNED] = "an operator set the level",
};

const char *spw_rule_text(u32 rule)
{
	return rule < SPW_RULES ? texts[rule] : NULL;
}
