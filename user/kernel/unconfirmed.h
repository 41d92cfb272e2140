/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `apply --confirm` may have to restore: the former ruleset, registries and configuration text. Pinned before the
 * new ruleset is published, removed when it is confirmed. An agent that starts after a crash finds and restores it.
 */
#ifndef SPW_KERNEL_UNCONFIRMED_H
#define SPW_KERNEL_UNCONFIRMED_H

#include <stddef.h>

#include "pins.h"
#include "registry.h"

#define SPW_UNCONFIRMED_PATH_MAX 4096

/* The value of the map `unconfirmed`; the ruleset is pinned beside it. */
struct spw_unconfirmed {
	u32 magic;
	u32 layout;
	u32 units_capacity;
	u32 text_bytes;
	char config_path[SPW_UNCONFIRMED_PATH_MAX];
	struct spw_agent_record record; /* generation and sizes of that ruleset */
	struct spw_registry registry;
	char text[]; /* of the configuration; no NUL */
};

/**
 * spw_unconfirmed_keep() - pin @kept with @text, and @ruleset_map; both or none.
 * Returns 0, -EEXIST (something is pinned already and stays), or another -errno and @message.
 */
int spw_unconfirmed_keep(const struct spw_pins *pins, const struct spw_unconfirmed *kept, const char *text,
			 int ruleset_map, char message[SPW_MESSAGE_MAX]);

/**
 * spw_unconfirmed_find() - read what is pinned. @kept: to be free()d; @ruleset_map: owned by the caller.
 * Returns 0, -ENOENT (nothing is pinned), -EPROTO (another layout) or another -errno.
 */
int spw_unconfirmed_find(const struct spw_pins *pins, struct spw_unconfirmed **kept, int *ruleset_map);

/** spw_unconfirmed_forget() - remove the pins: the ruleset in force is confirmed. */
void spw_unconfirmed_forget(const struct spw_pins *pins);

#endif
