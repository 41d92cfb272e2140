/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configuration -> policy of the decision, with names for its indices. Called by the agent at each publication and by
 * `replay`. Pure.
 */
#ifndef SPW_CONFIG_POLICY_H
#define SPW_CONFIG_POLICY_H

#include "maps/types.h"
#include "core/control/decide.h"
#include "config.h"

/* Classes by rank, services by index. Stored along with facts and decisions. */
struct spw_named_policy {
	struct spw_policy policy;
	char classes[SPW_CLASSES_MAX][SPW_NAME_MAX];
	char services[SPW_SERVICES_MAX][SPW_NAME_MAX];
};

/**
 * spw_policy_make() - the policy that @config asks for.
 * @class_ids, @service_ids: identities by index into config->classes and config->services, as in struct spw_identities;
 *                           NULL: numbered in sequence, services from 1 on
 * A class without a reserve gets the default of its rank (spw_default_reserve()). Anything beyond SPW_CLASSES_MAX or
 * SPW_SERVICES_MAX, which spw_config_load() refuses, is ignored.
 */
void spw_policy_make(const struct spw_config *config, const u8 *class_ids, const u8 *service_ids,
		     struct spw_named_policy *policy);

/** spw_policy_class(), spw_policy_service() - index of a name; -1: none. */
int spw_policy_class(const struct spw_named_policy *policy, const char *name);
int spw_policy_service(const struct spw_named_policy *policy, const char *name);

/** spw_policy_same() - whether every index has the same meaning in both: counts, identities and names. */
bool spw_policy_same(const struct spw_named_policy *one, const struct spw_named_policy *other);

#endif
