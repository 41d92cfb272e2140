/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names and their identities in the pinned registries, so that a name keeps its counters over reload, restart and
 * upgrade. Called by the agent, the only writer.
 */
#ifndef SPW_KERNEL_REGISTRY_H
#define SPW_KERNEL_REGISTRY_H

#include "maps/registry.h"
#include "lists/assemble.h"
#include "pins.h"

/* A copy of the registries, modified in memory and written back whole. */
struct spw_registry {
	struct spw_list_record lists[SPW_LISTS_MAX];
	struct spw_class_record classes[SPW_CLASSES_MAX];
	struct spw_service_record services[SPW_SERVICE_IDENTITIES];
};

/** spw_registry_read() - 0 or -errno. */
int spw_registry_read(const struct spw_pins *pins, struct spw_registry *registry);

/** spw_registry_find_list() - identity of the list of this name, retired or not; 0: none. */
u16 spw_registry_find_list(const struct spw_registry *registry, const char *name);

/**
 * spw_registry_assign() - give each name of @config an identity. Known names keep theirs; names that are not in
 * @config are retired. Idempotent.
 * Returns 0, or -ENOSPC and @message: all identities were used up by earlier names.
 */
int spw_registry_assign(struct spw_registry *registry, const struct spw_config *config,
			struct spw_identities *identities, char message[SPW_MESSAGE_MAX]);

/**
 * spw_registry_restore() - put the earlier registry @kept back into force. Names added since stay in @restored,
 * retired, so that no other name gets their counters.
 */
void spw_registry_restore(const struct spw_registry *now, const struct spw_registry *kept,
			  struct spw_registry *restored);

/** spw_registry_write() - 0 or -errno. */
int spw_registry_write(const struct spw_pins *pins, const struct spw_registry *registry);

#endif
