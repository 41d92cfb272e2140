/* SPDX-License-Identifier: GPL-2.0-only */
/* Why the level is what it is, in one sentence, and parts shared with explain.c and explain_json.c. */
#ifndef SPW_VIEW_REASON_H
#define SPW_VIEW_REASON_H

#include <stdio.h>

#include "config/policy.h"
#include "numbers.h"

/**
 * spw_reason() - why the level is what it is: "shop: demand 5,200/s exceeds budget 950/s by 4,250/s; unknown and
 * international can shed 3,900/s, domestic sheds 350/s". One line without a full stop.
 * Returns @text, cut to @bytes.
 */
const char *spw_reason(const struct spw_named_policy *policy, const struct spw_decision *decision, char *text,
		       size_t bytes);

/** spw_per_second() - "5,200/s"; below ten with one decimal. Returns @text. */
const char *spw_per_second(double rate, char text[SPW_SHORT_TEXT]);

/**
 * spw_put_shedding_classes() - names of the classes that @service sheds from a level between these, lowest class first.
 * Returns how many.
 */
u32 spw_put_shedding_classes(FILE *out, const struct spw_named_policy *policy,
			     const struct spw_service_decision *service, u32 least, u32 most);

/** spw_deciding_service() - name of the service that asked for the level; "": none. */
const char *spw_deciding_service(const struct spw_named_policy *policy, const struct spw_decision *decision);

#endif
