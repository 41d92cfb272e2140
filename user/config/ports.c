/* SPDX-License-Identifier: GPL-2.0-only */
#include "ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void spw_port_rules_add(struct spw_port_rules *rules, struct spw_port *table, const struct spw_config_port *ports,
			size_t count, struct spw_port meaning)
{
	struct spw_port_rule *grown = NULL;

	if (!count || rules->no_memory)
		return;
	grown = reallocarray(rules->items, rules->count + count, sizeof(*grown));
	if (!grown) {
		rules->no_memory = true;
		return;
	}
	rules->items = grown;
	for (size_t i = 0; i < count; i++)
		grown[rules->count++] = (struct spw_port_rule){table, ports[i].port, ports[i].local, meaning};
}

int spw_port_rules_fill(struct spw_port_rules *rules, const struct spw_config *config, struct spw_locals *locals)
{
	int err = rules->no_memory ? -ENOMEM : 0;

	*locals = (struct spw_locals){0};
	spw_locals_number(config->locals, config->locals_count, locals);
	if (!err)
		err = spw_locals_fill(rules->items, rules->count, locals);
	free(rules->items);
	*rules = (struct spw_port_rules){0};
	return err;
}

const char *spw_config_port_format(const struct spw_config *config, const struct spw_config_port *port,
				   char text[SPW_PORT_TEXT])
{
	char address[SPW_PREFIX_TEXT];
	struct spw_addr addr;
	u8 family;

	if (!port->local || port->local > config->locals_count) {
		snprintf(text, SPW_PORT_TEXT, "%u", port->port);
		return text;
	}
	addr = spw_local_addr(&config->locals[port->local - 1], &family);
	snprintf(text, SPW_PORT_TEXT, family == 4 ? "%s:%u" : "[%s]:%u", spw_addr_format(&addr, family, address),
		 port->port);
	return text;
}
