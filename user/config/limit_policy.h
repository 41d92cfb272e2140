/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration -> policy of limits. Called by the agent at each publication. Pure. */
#ifndef SPW_CONFIG_LIMIT_POLICY_H
#define SPW_CONFIG_LIMIT_POLICY_H

#include "core/limits/limits.h"
#include "config.h"

/**
 * spw_limit_policy_make() - the limits that @config asks for.
 * @class_ids: identities by index into config->classes; NULL: numbered in sequence
 */
void spw_limit_policy_make(const struct spw_config *config, const u8 *class_ids, struct spw_limit_policy *policy);

#endif
