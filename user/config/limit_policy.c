/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration -> policy of limits. */
#include "limit_policy.h"

#include <string.h>

void spw_limit_policy_make(const struct spw_config *config, const u8 *class_ids, struct spw_limit_policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	memcpy(policy->source_bits, config->source_bits, sizeof(policy->source_bits));
	memcpy(policy->prefix_bits, config->prefix_bits, sizeof(policy->prefix_bits));
	for (u32 rank = 0; rank < config->classes_count && rank < SPW_CLASSES_MAX; rank++) {
		policy->classes[rank] = config->classes[rank].limits;
		policy->classes[rank].id = class_ids ? class_ids[rank] : (u8)rank;
		policy->classes_count = rank + 1;
	}
}
