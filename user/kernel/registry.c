/* SPDX-License-Identifier: GPL-2.0-only */
#include "registry.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The common beginning of the records of all three registries. */
struct head {
	char name[SPW_NAME_MAX];
	u32 state;
} __attribute__((may_alias));

#define BEGINS_AS_HEAD(type)                                                                                           \
	_Static_assert(!offsetof(struct type, name) && offsetof(struct type, state) == offsetof(struct head, state),   \
		       "a record is its head, and more")
BEGINS_AS_HEAD(spw_class_record);
BEGINS_AS_HEAD(spw_list_record);
BEGINS_AS_HEAD(spw_service_record);

/* A kind of records, and where they are. */
struct record_kind {
	const char *name;
	enum spw_pin pin;
	size_t offset, stride; /* in struct spw_registry */
	u32 first, count;      /* earlier ones have no name */
};

enum { CLASSES, LISTS, SERVICES, KINDS };

static const struct record_kind kinds[KINDS] = {
	[CLASSES] = {"class", SPW_PIN_CLASS_REGISTRY, offsetof(struct spw_registry, classes),
		     sizeof(struct spw_class_record), 0, SPW_CLASSES_MAX},
	[LISTS] = {"list", SPW_PIN_LIST_REGISTRY, offsetof(struct spw_registry, lists), sizeof(struct spw_list_record),
		   1, SPW_LISTS_MAX},
	[SERVICES] = {"service", SPW_PIN_SERVICE_REGISTRY, offsetof(struct spw_registry, services),
		      sizeof(struct spw_service_record), 1, SPW_SERVICE_IDENTITIES},
};

static struct head *head_at(const struct spw_registry *registry, const struct record_kind *kind, u32 id)
{
	return (struct head *)((char *)registry + kind->offset + id * kind->stride);
}

int spw_registry_read(const struct spw_pins *pins, struct spw_registry *registry)
{
	for (const struct record_kind *kind = kinds; kind < kinds + KINDS; kind++)
		for (u32 id = 0; id < kind->count; id++)
			if (bpf_map_lookup_elem(pins->fds[kind->pin], &id, head_at(registry, kind, id)))
				return -errno;
	return 0;
}

/* Retire all names; take() reactivates those in use. */
static void retire_all(struct spw_registry *registry, const struct record_kind *kind)
{
	for (u32 id = kind->first; id < kind->count; id++)
		if (head_at(registry, kind, id)->state == SPW_RECORD_ACTIVE)
			head_at(registry, kind, id)->state = SPW_RECORD_RETIRED;
}

/* The identity of @name: its own, else a free one, else -ENOSPC and @message. The caller fills in the record. */
static int take(struct spw_registry *registry, const struct record_kind *kind, const char *name, char *message)
{
	struct head *head;
	int its = -1;

	for (u32 id = kind->first; id < kind->count; id++) {
		head = head_at(registry, kind, id);
		if (head->state == SPW_RECORD_FREE) {
			if (its < 0)
				its = (int)id;
		} else if (!strncmp(head->name, name, SPW_NAME_MAX)) {
			its = (int)id;
			break;
		}
	}
	if (its < 0) {
		snprintf(message, SPW_MESSAGE_MAX,
			 "more than %u %s names were in use since the counters were made, so there are no counters "
			 "for '%s'; 'spillway detach' and a restart drop all of them",
			 kind->count - kind->first, kind->name, name);
		return -ENOSPC;
	}
	head = head_at(registry, kind, (u32)its);
	head->state = SPW_RECORD_ACTIVE;
	snprintf(head->name, sizeof(head->name), "%s", name);
	return its;
}

static void record_limits(const struct spw_class_rates *rates, struct spw_class_record *record)
{
	for (u32 scope = 0; scope < SPW_SCOPES; scope++) {
		record->limits_from[scope] = rates->from[scope];
		for (u32 kind = 0; kind < SPW_KINDS; kind++)
			record->limits[scope][kind] = (struct spw_limit_record){
				spw_rate_record(rates->rates[scope][kind].per_s), (u64)rates->rates[scope][kind].burst};
	}
}

static int assign_classes(struct spw_registry *registry, const struct spw_config *config,
			  struct spw_identities *identities, char *message)
{
	retire_all(registry, &kinds[CLASSES]);
	for (size_t i = 0; i < config->classes_count; i++) {
		const struct spw_config_class *class = &config->classes[i];
		int id = take(registry, &kinds[CLASSES], class->name, message);
		struct spw_class_record *record;

		if (id < 0)
			return id;
		identities->classes[i] = (u8)id;
		record = &registry->classes[id];
		record->rank = (u32)i;
		record->shed_from = class->shed_from;
		record->cut_new_from = class->cut_from;
		record->cut_all_from = class->cut_all ? class->cut_from : SPW_LEVEL_NEVER;
		record->is_last = i + 1 == config->classes_count;
		record->fair = class->limits.fair;
		record_limits(&class->limits, record);
	}
	return 0;
}

/* The class of @list; if none, the last class, which takes unlisted sources. */
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
	retire_all(registry, &kinds[LISTS]);
	registry->lists[0] = (struct spw_list_record){
		.name = "none",
		.state = SPW_RECORD_ACTIVE,
		.class_id = identities->classes[config->classes_count - 1],
	};
	for (size_t i = 0; i < config->lists_count; i++) {
		int id = take(registry, &kinds[LISTS], config->lists[i].name, message);

		if (id < 0)
			return id;
		identities->lists[i] = (u16)id;
		registry->lists[id].class_id = class_of_list(config, identities, i);
	}
	return 0;
}

/* Keeps capacities set by an operator. */
static int assign_services(struct spw_registry *registry, const struct spw_config *config,
			   struct spw_identities *identities, char *message)
{
	retire_all(registry, &kinds[SERVICES]);
	registry->services[0] = (struct spw_service_record){.name = "none", .state = SPW_RECORD_ACTIVE};
	for (size_t i = 0; i < config->services_count; i++) {
		int id = take(registry, &kinds[SERVICES], config->services[i].name, message);

		if (id < 0)
			return id;
		identities->services[i] = (u8)id;
		registry->services[id].wait_target_ns = config->services[i].wait_target_ns;
		registry->services[id].capacity_per_s = config->services[i].capacity_per_s;
	}
	return 0;
}

u16 spw_registry_find_list(const struct spw_registry *registry, const char *name)
{
	for (u32 i = 1; i < SPW_LISTS_MAX; i++)
		if (registry->lists[i].state != SPW_RECORD_FREE && !strcmp(registry->lists[i].name, name))
			return (u16)i;
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

void spw_registry_restore(const struct spw_registry *now, const struct spw_registry *kept,
			  struct spw_registry *restored)
{
	*restored = *kept;
	for (const struct record_kind *kind = kinds; kind < kinds + KINDS; kind++) {
		for (u32 id = 0; id < kind->count; id++) {
			const struct head *came = head_at(now, kind, id);
			struct head *head = head_at(restored, kind, id);

			if (head->state != SPW_RECORD_FREE || came->state == SPW_RECORD_FREE)
				continue;
			memcpy(head, came, kind->stride);
			head->state = SPW_RECORD_RETIRED;
		}
	}
}

int spw_registry_write(const struct spw_pins *pins, const struct spw_registry *registry)
{
	for (const struct record_kind *kind = kinds; kind < kinds + KINDS; kind++)
		for (u32 id = 0; id < kind->count; id++)
			if (bpf_map_update_elem(pins->fds[kind->pin], &id, head_at(registry, kind, id), BPF_ANY))
				return -errno;
	return 0;
}
