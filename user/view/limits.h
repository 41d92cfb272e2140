/* SPDX-License-Identifier: GPL-2.0-only */
/* The limits of a class, for `check` and `status`. */
#ifndef SPW_VIEW_LIMITS_H
#define SPW_VIEW_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/limits/limits.h"
#include "maps/registry.h"

/** spw_put_limits() - the limits of a class as text, on one line without newline; false: none. */
bool spw_put_limits(FILE *out, const struct spw_class_rates *class);
json_t *spw_json_limits(const struct spw_class_rates *class);

/** spw_recorded_rates() - from the registry's form. */
struct spw_class_rates spw_recorded_rates(const struct spw_class_record *record);

#endif
