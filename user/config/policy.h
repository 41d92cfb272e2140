/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configuration -> what the decision goes by, with the names of what its indexes stand for. Called by the agent at each
 * publication and by `replay`; pure.
 */
#ifndef SPW_CONFIG_POLICY_H
#define SPW_CONFIG_POLICY_H

#include "maps/types.h"
#include "core/control/decide.h"
#include "config.h"

/* The order is the policy's: classes by rank, services by index. It goes wherever facts and decisions go. */
struct spw_named_policy {
	struct spw_policy policy;
	char classes[SPW_CLASSES_MAX][SPW_NAME_MAX];
	char services[SPW_SERVICES_MAX][SPW_NAME_MAX];
};

/**
 * spw_policy_make() - what @config asks for.
 * @class_ids, @service_ids: identities by index into config->classes and config->services, as in struct spw_identities;
 *                           NULL: numbered in order, services from 1 on
 * A class without a reserve of its own gets that of its rank, as measured with the prototype: 0, .12, .30, .45, .60,
 * .75. What is beyond SPW_CLASSES_MAX or SPW_SERVICES_MAX, which spw_config_load() refuses, is left out.
 */
void spw_policy_make(const struct spw_config *config, const u8 *class_ids, const u8 *service_ids,
		     struct spw_named_policy *policy);

/** spw_policy_class(), spw_policy_service() - index of a name; -1: none has it. */
int spw_policy_class(const struct spw_named_policy *policy, const char *name);
int spw_policy_service(const struct spw_named_policy *policy, const char *name);

/** spw_policy_same() - whether both give every index the same meaning: counts, identities and names. */
bool spw_policy_same(const struct spw_named_policy *one, const struct spw_named_policy *other);

#endif
