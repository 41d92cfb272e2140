/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports of services -> tables of ports (maps/local.h), for the ruleset and for the signals. */
#ifndef SPW_CONFIG_PORTS_H
#define SPW_CONFIG_PORTS_H

#include "config.h"

/* What the tables are to hold; zero: nothing. */
struct spw_port_rules {
	struct spw_port_rule *items; /* owned */
	size_t count;
	bool no_memory;
};

/** spw_port_rules_add() - @table is to hold @meaning at all of @ports. */
void spw_port_rules_add(struct spw_port_rules *rules, struct spw_port *table, const struct spw_config_port *ports,
			size_t count, struct spw_port meaning);

/**
 * spw_port_rules_fill() - fill the tables that were named, which must be zero, and @locals for all of them.
 * Frees @rules. Returns 0, -ENOMEM, or -E2BIG: more than SPW_PORT_GROUPS_MAX groups of ports.
 */
int spw_port_rules_fill(struct spw_port_rules *rules, const struct spw_config *config, struct spw_locals *locals);

/** spw_config_port_format() - "443", "192.0.2.1:443" or "[2001:db8::2]:443". Returns @text. */
#define SPW_PORT_TEXT (SPW_PREFIX_TEXT + 10)
const char *spw_config_port_format(const struct spw_config *config, const struct spw_config_port *port,
				   char text[SPW_PORT_TEXT]);

#endif
