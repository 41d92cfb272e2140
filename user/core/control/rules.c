/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules as sentences. */
#include "rules.h"

#include <stddef.h>

#include "decide.h"

static const char *const texts[SPW_RULES] = {
	[SPW_RULE_NOTHING_NEW] =
		"the first tick, or one after a gap: nothing can be compared, so the former level stands",
	[SPW_RULE_BLIND] = "no service has a signal: the level goes down to green",
	[SPW_RULE_UNKNOWN] = "the capacity is unknown and nothing is saturated: green",
	[SPW_RULE_FITS] = "the demand is within what can be sustained: green",
	[SPW_RULE_COVERS] = "the lowest level at which shedding covers the excess",
	[SPW_RULE_NOT_ENOUGH] = "even red does not cover the excess: red",
	[SPW_RULE_HOLD] = "a lower level would be enough, but the hold time is not over",
	[SPW_RULE_DOWN] = "a lower level was enough for the whole hold time: one step down",
	[SPW_RULE_BOUNDED] = "an operator's bound moved the level",
	[SPW_RULE_PINNED] = "an operator set the level",
};

const char *spw_rule_text(u32 rule)
{
	return rule < SPW_RULES ? texts[rule] : NULL;
}
