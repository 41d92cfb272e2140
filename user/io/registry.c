/* SPDX-License-Identifier: GPL-2.0-only */
/* Names and their identities. */
#include "registry.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int spw_registry_read(const struct spw_pins *pins, struct spw_registry *registry)
{
	for (u32 i = 0; i < SPW_LISTS_MAX; i++)
		if (bpf_map_lookup_elem(pins->fds[SPW_PIN_LIST_REGISTRY], &i, &registry->lists[i]))
			return -errno;
	for (u32 i = 0; i < SPW_CLASSES_MAX; i++)
		if (bpf_map_lookup_elem(pins->fds[SPW_PIN_CLASS_REGISTRY], &i, &registry->classes[i]))
			return -errno;
	for (u32 i = 0; i < SPW_SERVICE_IDENTITIES; i++)
		if (bpf_map_lookup_elem(pins->fds[SPW_PIN_SERVICE_REGISTRY], &i, &registry->services[i]))
			return -errno;
	return 0;
}

/* The index of @name among records of @stride bytes that begin with the name; else of the first free one; else -1. */
static int find_record(const void *records, size_t stride, size_t state_offset, int from, int count, const char *name)
{
	const char *bytes = records;
	int unused = -1;

	for (int i = from; i < count; i++) {
		const char *record = bytes + (size_t)i * stride;
		u32 state;

		memcpy(&state, record + state_offset, sizeof(state));
		if (state == SPW_RECORD_FREE) {
			if (unused < 0)
				unused = i;
		} else if (!strncmp(record, name, SPW_NAME_MAX)) {
			return i;
		}
	}
	return unused;
}

static void record_limits(const struct spw_class_rates *rates, struct spw_class_record *record)
{
	for (u32 scope = 0; scope < SPW_SCOPES; scope++) {
		record->limits_from[scope] = rates->from[scope];
		for (u32 kind = 0; kind < SPW_KINDS; kind++)
			record->limits[scope][kind] = (struct spw_limit_record){(u64)rates->rates[scope][kind].per_s,
										(u64)rates->rates[scope][kind].burst};
	}
}

static int assign_classes(struct spw_registry *registry, const struct spw_config *config,
			  struct spw_identities *identities, char *message)
{
	for (u32 i = 0; i < SPW_CLASSES_MAX; i++)
		if (registry->classes[i].state == SPW_RECORD_ACTIVE)
			registry->classes[i].state = SPW_RECORD_RETIRED;
	for (size_t i = 0; i < config->classes_count; i++) {
		const struct spw_config_class *class = &config->classes[i];
		int id = find_record(registry->classes, sizeof(*registry->classes),
				     offsetof(struct spw_class_record, state), 0, SPW_CLASSES_MAX, class->name);

		if (id < 0) {
			snprintf(
				message, SPW_MESSAGE_MAX,
				"more than %d class names were in use since the counters were made, so '%s' cannot be counted "
				"apart; 'spillway detach' and a new start give up the old ones",
				SPW_CLASSES_MAX, class->name);
			return -ENOSPC;
		}
		identities->classes[i] = (u8)id;
		registry->classes[id] = (struct spw_class_record){
			.state = SPW_RECORD_ACTIVE,
			.rank = (u32)i,
			.shed_from = class->shed_from,
			.cut_new_from = class->cut_from,
			.cut_all_from = class->cut_all ? class->cut_from : SPW_LEVEL_NEVER,
			.is_last = i + 1 == config->classes_count,
			.fair = class->limits.fair,
		};
		record_limits(&class->limits, &registry->classes[id]);
		snprintf(registry->classes[id].name, SPW_NAME_MAX, "%s", class->name);
	}
	return 0;
}

/* The class that uses list @list; the last one if none does, which keeps its counters where unlisted sources count. */
static u32 class_of_list(const struct spw_config *config, const struct spw_identities *identities, size_t list)
{
	for (size_t i = 0; i < config->classes_count; i++)
		for (size_t j = 0; j < config->classes[i].lists_count; j++)
			if (config->classes[i].lists[j] == list)
				return identities->classes[i];
	return identities->classes[config->classes_count - 1];
}

static int assign_lists(struct spw_registry *registry, const struct spw_config *config,
			struct spw_identities *identities, char *message)
{
	for (u32 i = 1; i < SPW_LISTS_MAX; i++)
		if (registry->lists[i].state == SPW_RECORD_ACTIVE)
			registry->lists[i].state = SPW_RECORD_RETIRED;
	registry->lists[0] = (struct spw_list_record){
		.name = "none",
		.state = SPW_RECORD_ACTIVE,
		.class_id = identities->classes[config->classes_count - 1],
	};
	for (size_t i = 0; i < config->lists_count; i++) {
		int id = find_record(registry->lists, sizeof(*registry->lists), offsetof(struct spw_list_record, state),
				     1, SPW_LISTS_MAX, config->lists[i].name);

		if (id < 0) {
			snprintf(
				message, SPW_MESSAGE_MAX,
				"more than %d list names were in use since the counters were made, so '%s' cannot be counted "
				"apart; 'spillway detach' and a new start give up the old ones",
				SPW_LISTS_MAX - 1, config->lists[i].name);
			return -ENOSPC;
		}
		identities->lists[i] = (u16)id;
		registry->lists[id] = (struct spw_list_record){
			.state = SPW_RECORD_ACTIVE,
			.class_id = class_of_list(config, identities, i),
		};
		snprintf(registry->lists[id].name, SPW_NAME_MAX, "%s", config->lists[i].name);
	}
	return 0;
}

static int assign_services(struct spw_registry *registry, const struct spw_config *config,
			   struct spw_identities *identities, char *message)
{
	for (u32 i = 1; i < SPW_SERVICE_IDENTITIES; i++)
		if (registry->services[i].state == SPW_RECORD_ACTIVE)
			registry->services[i].state = SPW_RECORD_RETIRED;
	registry->services[0] = (struct spw_service_record){.name = "none", .state = SPW_RECORD_ACTIVE};
	for (size_t i = 0; i < config->services_count; i++) {
		const struct spw_config_service *service = &config->services[i];
		int id = find_record(registry->services, sizeof(*registry->services),
				     offsetof(struct spw_service_record, state), 1, SPW_SERVICE_IDENTITIES,
				     service->name);

		if (id < 0) {
			snprintf(
				message, SPW_MESSAGE_MAX,
				"more than %d service names were in use since the counters were made, so '%s' cannot be counted "
				"apart; 'spillway detach' and a new start give up the old ones",
				SPW_SERVICES_MAX, service->name);
			return -ENOSPC;
		}
		identities->services[i] = (u8)id;
		registry->services[id] = (struct spw_service_record){
			.state = SPW_RECORD_ACTIVE,
			.wait_target_ns = service->wait_target_ns,
			.operator_capacity_per_s = registry->services[id].operator_capacity_per_s,
			.capacity_per_s = service->capacity_per_s,
		};
		snprintf(registry->services[id].name, SPW_NAME_MAX, "%s", service->name);
	}
	return 0;
}

int spw_registry_assign(struct spw_registry *registry, const struct spw_config *config,
			struct spw_identities *identities, char message[SPW_MESSAGE_MAX])
{
	int err = assign_classes(registry, config, identities, message);

	if (!err)
		err = assign_lists(registry, config, identities, message);
	return err ? err : assign_services(registry, config, identities, message);
}

int spw_registry_write(const struct spw_pins *pins, const struct spw_registry *registry)
{
	for (u32 i = 0; i < SPW_CLASSES_MAX; i++)
		if (bpf_map_update_elem(pins->fds[SPW_PIN_CLASS_REGISTRY], &i, &registry->classes[i], BPF_ANY))
			return -errno;
	for (u32 i = 0; i < SPW_LISTS_MAX; i++)
		if (bpf_map_update_elem(pins->fds[SPW_PIN_LIST_REGISTRY], &i, &registry->lists[i], BPF_ANY))
			return -errno;
	for (u32 i = 0; i < SPW_SERVICE_IDENTITIES; i++)
		if (bpf_map_update_elem(pins->fds[SPW_PIN_SERVICE_REGISTRY], &i, &registry->services[i], BPF_ANY))
			return -errno;
	return 0;
}
