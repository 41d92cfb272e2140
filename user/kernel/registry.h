/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names and their identities, kept in the pinned registries so that a name keeps its counters over reload, restart and
 * upgrade. Called by the agent alone, which is the only writer.
 */
#ifndef SPW_IO_REGISTRY_H
#define SPW_IO_REGISTRY_H

#include "maps/registry.h"
#include "lists/assemble.h"
#include "pins.h"

/* A copy of the registries, changed here and written back whole. */
struct spw_registry {
	struct spw_list_record lists[SPW_LISTS_MAX];
	struct spw_class_record classes[SPW_CLASSES_MAX];
	struct spw_service_record services[SPW_SERVICE_IDENTITIES];
};

/** spw_registry_read() - 0 or -errno. */
int spw_registry_read(const struct spw_pins *pins, struct spw_registry *registry);

/**
 * spw_registry_assign() - identities for every name of @config; known names keep theirs, the others become retired. The
 * same again changes nothing.
 * Returns 0, or -ENOSPC and @message: more names than ever were there can be kept apart.
 */
int spw_registry_assign(struct spw_registry *registry, const struct spw_config *config,
			struct spw_identities *identities, char message[SPW_MESSAGE_MAX]);

/**
 * spw_registry_restore() - @kept is to be in force again, which an earlier registry was. Names that came since keep
 * their identities in @restored, as retired ones, so that no other name ever gets their counters.
 */
void spw_registry_restore(const struct spw_registry *now, const struct spw_registry *kept,
			  struct spw_registry *restored);

/** spw_registry_write() - 0 or -errno. */
int spw_registry_write(const struct spw_pins *pins, const struct spw_registry *registry);

#endif
