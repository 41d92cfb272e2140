/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration -> policy. */
#include "policy.h"

#include <stdio.h>
#include <string.h>

static void make_classes(const struct spw_config *config, const u8 *class_ids, struct spw_named_policy *policy)
{
	for (u32 rank = 0; rank < config->classes_count && rank < SPW_CLASSES_MAX; rank++) {
		const struct spw_config_class *class = &config->classes[rank];

		policy->policy.classes[rank] = (struct spw_class_policy){
			.id = class_ids ? class_ids[rank] : (u8)rank,
			.shed_from = class->shed_from,
			.cut_from = class->cut_from,
			.reserve = class->reserve >= 0 ? class->reserve
						       : spw_default_reserve(rank, (u32)config->classes_count),
		};
		snprintf(policy->classes[rank], SPW_NAME_MAX, "%s", class->name);
		policy->policy.classes_count = rank + 1;
	}
}

/* Identity 0 means that the port belongs to no service. */
static void make_services(const struct spw_config *config, const u8 *service_ids, struct spw_named_policy *policy)
{
	for (u32 i = 0; i < config->services_count && i < SPW_SERVICES_MAX; i++) {
		const struct spw_config_service *service = &config->services[i];

		policy->policy.services[i] = (struct spw_service_policy){
			.id = service_ids ? service_ids[i] : (u8)(i + 1),
			.capacity_per_s = (double)service->capacity_per_s,
			.wait_target_ns = service->wait_target_ns,
			.answer_target_ns = service->answer_target_ns,
			.behind = service->wait_at_count > 0,
			.probe_limit = service->probe.kind == SPW_PROBE_NONE ? 0 : service->probe.limit,
		};
		snprintf(policy->services[i], SPW_NAME_MAX, "%s", service->name);
		policy->policy.services_count = i + 1;
	}
}

void spw_policy_make(const struct spw_config *config, const u8 *class_ids, const u8 *service_ids,
		     struct spw_named_policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	policy->policy.shedding = config->shedding;
	make_classes(config, class_ids, policy);
	make_services(config, service_ids, policy);
}

int spw_policy_class(const struct spw_named_policy *policy, const char *name)
{
	for (u32 i = 0; i < policy->policy.classes_count; i++)
		if (!strcmp(policy->classes[i], name))
			return (int)i;
	return -1;
}

int spw_policy_service(const struct spw_named_policy *policy, const char *name)
{
	for (u32 i = 0; i < policy->policy.services_count; i++)
		if (!strcmp(policy->services[i], name))
			return (int)i;
	return -1;
}

bool spw_policy_same(const struct spw_named_policy *one, const struct spw_named_policy *other)
{
	if (one->policy.classes_count != other->policy.classes_count ||
	    one->policy.services_count != other->policy.services_count)
		return false;
	for (u32 i = 0; i < one->policy.classes_count; i++)
		if (one->policy.classes[i].id != other->policy.classes[i].id ||
		    strcmp(one->classes[i], other->classes[i]))
			return false;
	for (u32 i = 0; i < one->policy.services_count; i++)
		if (one->policy.services[i].id != other->policy.services[i].id ||
		    strcmp(one->services[i], other->services[i]))
			return false;
	return true;
}
