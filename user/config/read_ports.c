/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports of services: 443, 27015-27050, "192.0.2.1:443", "[2001:db8::2]:27015-27050" */
#include "reader.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

/* An address that connections can come to. */
struct spelled {
	const char *at; /* not NUL-terminated */
	int length;
	struct spw_addr addr;
	u8 family;
};

static bool fail(struct spw_reader *reader, const struct spw_node *node, const char *text, const char *problem)
{
	spw_error(reader->diagnostics, node->place, "'%.64s' is not a port: %s", text, problem);
	return false;
}

/* Say what would be right where @text is no "address:port". */
static bool report_unread(struct spw_reader *reader, const struct spw_node *node, const char *text)
{
	char fixed[2 * SPW_PREFIX_TEXT];
	const char *colon = strrchr(text, ':');
	struct spw_addr addr;
	u16 port;
	u8 family;

	if (strchr(text, '/'))
		return fail(reader, node, text,
			    "a port is given for single addresses, not prefixes; write each as \"192.0.2.1:443\"");
	if (strchr(text, '%'))
		return fail(reader, node, text, "an address is given without its interface: \"[fe80::1]:443\"");
	if (strchr(text, '[') != text && spw_addr_parse(text, strlen(text), &addr, &family) && family == 6) {
		/* Its last group may have been meant as the port. */
		if (!spw_units_port(colon + 1, &port) && strlen(text) < SPW_PREFIX_TEXT &&
		    spw_addr_parse(text, (size_t)(colon - text), &addr, &family))
			snprintf(fixed, sizeof(fixed), "write \"[%.*s]:%u\", or with its port: \"[%s]:443\"",
				 (int)(colon - text), text, port, text);
		else
			snprintf(fixed, sizeof(fixed), "the port is missing; write \"[%.45s]:443\"", text);
		return fail(reader, node, text, fixed);
	}
	return fail(reader, node, text, "write 443, \"192.0.2.1:443\" or \"[2001:db8::2]:443\"");
}

/* @text up to @colon as an address, in brackets if it is IPv6. */
static bool spell(const char *text, const char *colon, struct spelled *spelled)
{
	bool bracket = *text == '[';

	spelled->at = text + bracket;
	spelled->length = (int)(colon - text) - 2 * bracket;
	return spelled->length > 0 && (!bracket || colon[-1] == ']') &&
	       spw_addr_parse(spelled->at, (size_t)spelled->length, &spelled->addr, &spelled->family) &&
	       spelled->family == (bracket ? 6 : 4);
}

/* Why no connection comes to an address; NULL: it may. @addr: IPv4 if it was IPv4-mapped */
static const char *why_never(const struct spw_addr *addr, u8 family)
{
	if (!addr->hi && !addr->lo)
		return "it stands for every address; write the port alone";
	if (family == 4 ? addr->hi >> 60 == 14 : addr->hi >> 56 == 0xff)
		return "it is a multicast address; write an address of this host";
	if (family == 4 && addr->hi >> 60 == 15)
		return "it is a broadcast or reserved address; write an address of this host";
	return NULL;
}

/* The number of an address, added if it is new; 0: that failed, and was reported. */
static u8 number_local(struct spw_reader *reader, const struct spw_node *node, const struct spw_local *local)
{
	struct spw_config *config = reader->config;
	struct spw_local *grown;

	for (size_t i = 0; i < config->locals_count; i++)
		if (config->locals[i].hi == local->hi && config->locals[i].lo == local->lo)
			return (u8)(i + 1);
	if (config->locals_count == SPW_LOCALS_MAX) {
		spw_error(reader->diagnostics, node->place,
			  "more than %d addresses in the ports of all services; a port alone is that of every address",
			  SPW_LOCALS_MAX);
		return 0;
	}
	grown = spw_grow(reader, config->locals, config->locals_count, sizeof(*grown));
	if (!grown)
		return 0;
	config->locals = grown;
	grown[config->locals_count++] = *local;
	return (u8)config->locals_count;
}

static bool read_address(struct spw_reader *reader, const struct spw_node *node, struct spelled *spelled, u8 *local)
{
	struct spw_local key;
	const char *never;

	if (spelled->family == 6 && spw_addr_unmap(&spelled->addr))
		spelled->family = 4;
	never = why_never(&spelled->addr, spelled->family);
	if (never) {
		spw_error(reader->diagnostics, node->place, "no connection comes to %.*s: %s", spelled->length,
			  spelled->at, never);
		return false;
	}
	key = spw_local_key(&spelled->addr, spelled->family);
	*local = number_local(reader, node, &key);
	return *local;
}

bool spw_read_local_ports(struct spw_reader *reader, const struct spw_node *node, u16 *first, u16 *last, u8 *local)
{
	struct spelled spelled;
	const char *text, *colon, *problem;

	*local = 0;
	text = spw_read_text(reader, node, "a port");
	if (!text)
		return false;
	colon = strrchr(text, ':');
	if (!colon && !spw_addr_parse(text, strlen(text), &spelled.addr, &spelled.family))
		return strpbrk(text, "[/") ? report_unread(reader, node, text)
					   : spw_read_ports(reader, node, first, last);
	if (!colon) {
		spw_error(reader->diagnostics, node->place,
			  "'%.64s' is not a port: it is an address; write \"%.64s:443\"", text, text);
		return false;
	}
	if (!spell(text, colon, &spelled))
		return report_unread(reader, node, text);
	problem = spw_units_ports(colon + 1, first, last);
	if (problem) {
		spw_error(reader->diagnostics, node->place, "'%.64s' is not a port: %s", colon + 1, problem);
		return false;
	}
	return read_address(reader, node, &spelled, local);
}
