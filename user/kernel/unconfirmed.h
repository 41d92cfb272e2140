/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `apply --confirm` may have to give back: the ruleset, the registries and the text of the configuration that were
 * in force before, kept among the pins from before the new ruleset is published until somebody confirms it. It outlives
 * the agent, so one that is killed meanwhile is followed by one that finds it and gives it back. Called by the agent.
 */
#ifndef SPW_IO_UNCONFIRMED_H
#define SPW_IO_UNCONFIRMED_H

#include <stddef.h>

#include "pins.h"
#include "registry.h"

#define SPW_UNCONFIRMED_PATH_MAX 4096

/* The value of the map `unconfirmed`; the ruleset stands beside it as a map of its own. */
struct spw_unconfirmed {
	u32 magic;
	u32 layout;
	u32 units_capacity;
	u32 text_bytes;
	char config_path[SPW_UNCONFIRMED_PATH_MAX];
	struct spw_agent_record record; /* as it was: generation and sizes of that ruleset */
	struct spw_registry registry;
	char text[]; /* of the configuration; no NUL */
};

/**
 * spw_unconfirmed_keep() - keep @kept (with @text behind it) and @ruleset_map; whole or not at all.
 * Returns 0, -EEXIST (something is kept already: that stays), or another -errno and @message.
 */
int spw_unconfirmed_keep(const struct spw_pins *pins, const struct spw_unconfirmed *kept, const char *text,
			 int ruleset_map, char message[SPW_MESSAGE_MAX]);

/**
 * spw_unconfirmed_find() - what is kept. @kept: owned by the caller, to be freed; @ruleset_map: owned by the caller.
 * Returns 0, -ENOENT (nothing is), -EPROTO (of another layout) or another -errno.
 */
int spw_unconfirmed_find(const struct spw_pins *pins, struct spw_unconfirmed **kept, int *ruleset_map);

/** spw_unconfirmed_forget() - what is in force is confirmed. */
void spw_unconfirmed_forget(const struct spw_pins *pins);

#endif
