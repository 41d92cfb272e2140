/* SPDX-License-Identifier: GPL-2.0-only */
/* Parts of sentences about decisions, shared by reason.c and the explain files alone. */
#ifndef SPW_VIEW_REASON_H
#define SPW_VIEW_REASON_H

#include "config/policy.h"
#include "parts.h"

/** spw_per_second() - "5,200/s"; below ten with a tenth. Returns @text. */
const char *spw_per_second(double rate, char text[SPW_SHORT_TEXT]);

/**
 * spw_put_givers() - names of the classes that give way at @service from a level between these, lowest class first.
 * Returns how many.
 */
u32 spw_put_givers(FILE *out, const struct spw_named_policy *policy, const struct spw_service_decision *service,
		   u32 least, u32 most);

/** spw_deciding_service() - name of the service that asked for the level; "": none. */
const char *spw_deciding_service(const struct spw_named_policy *policy, const struct spw_decision *decision);

#endif
