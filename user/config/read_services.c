/* SPDX-License-Identifier: GPL-2.0-only */
/* services: { NAME: { tcp: [443], quic: [443], udp: [53], capacity: learn, wait_target: 20ms } } */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"

/* Record that the service being read, the last one, has @port; false: another one has it. */
static bool claim_port(struct spw_reader *reader, const struct spw_node *node, const char *protocol,
		       struct spw_port_use *uses, u16 port)
{
	const struct spw_config_service *services = reader->config->services;
	size_t service = reader->config->services_count - 1;
	struct spw_port_use *use = &uses[port];

	if (!use->place.line) {
		*use = (struct spw_port_use){node->place, (u16)service};
		return true;
	}
	if (use->service == service)
		spw_error(reader->diagnostics, node->place, "%s port %u is given twice, first at line %u", protocol,
			  port, use->place.line);
	else
		spw_error(reader->diagnostics, node->place, "%s port %u belongs to service '%s' already (%s:%u:%u)",
			  protocol, port, services[use->service].name, use->place.file, use->place.line,
			  use->place.column);
	return false;
}

static void read_ports(struct spw_reader *reader, const struct spw_node *value, const char *protocol,
		       struct spw_port_use *uses, u16 **ports, size_t *count)
{
	u16 first, last;

	if (!spw_read_sequence(reader, value, "a list of ports such as [80, 443]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		if (!spw_read_ports(reader, item, &first, &last))
			continue;
		/* One error per range is enough. */
		for (u32 port = first; port <= last && claim_port(reader, item, protocol, uses, (u16)port); port++)
			spw_append_port(reader, (u16)port, ports, count);
	}
}

static void read_tcp(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "TCP", reader->tcp_uses, &service->tcp, &service->tcp_count);
}

static void read_quic(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "UDP", reader->udp_uses, &service->quic, &service->quic_count);
}

/* A port where requests wait may also be one of the service's tcp ports, if it is listed there first. */
static bool append_wait_at(struct spw_reader *reader, const struct spw_node *item, u16 port,
			   struct spw_config_service *service)
{
	const struct spw_config_service *services = reader->config->services;
	struct spw_port_use *use = &reader->tcp_uses[port];

	if (!use->place.line)
		*use = (struct spw_port_use){item->place, (u16)(reader->config->services_count - 1)};
	if (&services[use->service] == service) {
		spw_append_port(reader, port, &service->wait_at, &service->wait_at_count);
		return true;
	}
	spw_error(reader->diagnostics, item->place, "TCP port %u belongs to service '%s' already (%s:%u:%u)", port,
		  services[use->service].name, use->place.file, use->place.line, use->place.column);
	return false;
}

static void read_wait_at(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	u16 first, last;

	if (!spw_read_sequence(reader, value, "a list of ports such as [8080]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		if (!spw_read_ports(reader, item, &first, &last))
			continue;
		for (u32 port = first; port <= last && append_wait_at(reader, item, (u16)port, into);)
			port++;
	}
}

static void read_udp(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "UDP", reader->udp_uses, &service->udp, &service->udp_count);
}

static void read_capacity(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "learn, or a rate such as 950/s"), *problem;
	struct spw_config_service *service = into;

	if (!text)
		return;
	service->capacity_per_s = 0;
	if (!strcmp(text, "learn"))
		return;
	problem = spw_units_rate(text, &service->capacity_per_s);
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a capacity: %s, or learn", text, problem);
}

static void read_wait_target(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	spw_read_duration(reader, value, SPW_MS_NS, 60000 * SPW_MS_NS, "1ms to 60s", &service->wait_target_ns);
}

static void read_answer_target(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	spw_read_duration(reader, value, SPW_MS_NS, 60000 * SPW_MS_NS, "1ms to 60s", &service->answer_target_ns);
}

static void read_patience(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	spw_read_duration(reader, value, 100 * SPW_MS_NS, 600000 * SPW_MS_NS, "100ms to 10m", &service->patience_ns);
}

static void read_netns(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	if (!spw_read_sequence(reader, value, "a list of paths such as [/run/netns/shop]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		char **grown = spw_grow(reader, service->netns, service->netns_count, sizeof(*grown));

		if (!grown)
			return;
		service->netns = grown;
		grown[service->netns_count] = NULL;
		if (spw_read_path(reader, item, &grown[service->netns_count]))
			service->netns_count++;
	}
}

static void read_service(struct spw_reader *reader, const struct spw_node *name)
{
	static const struct spw_key keys[] = {
		{"tcp", read_tcp},
		{"quic", read_quic},
		{"udp", read_udp},
		{"capacity", read_capacity},
		{"wait_target", read_wait_target},
		{"answer_target", read_answer_target},
		{"patience", read_patience},
		{"wait_at", read_wait_at},
		{"probe", spw_read_probe},
		{"netns", read_netns},
	};
	const struct spw_node *found[COUNT_OF(keys)];
	struct spw_config *config = reader->config;
	struct spw_config_service *service =
		spw_grow(reader, config->services, config->services_count, sizeof(*service));

	if (!service)
		return;
	config->services = service;
	service += config->services_count++;
	*service = (struct spw_config_service){.place = name->place, .wait_target_ns = 20 * SPW_MS_NS};
	if (!spw_replace_text(reader, &service->name, NULL, name->text) ||
	    !spw_find_keys(reader, name->next, "a service such as { tcp: [80, 443] }", keys, COUNT_OF(keys), found))
		return;
	spw_read_found(reader, keys, COUNT_OF(keys), found, service);
	if (!found[0] && !found[1] && !found[2])
		spw_error(reader->diagnostics, name->place, "service '%s' has no ports; write tcp, quic or udp: [443]",
			  name->text);
}

void spw_read_services(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	(void)config;
	reader->tcp_uses = calloc(65536, sizeof(*reader->tcp_uses));
	reader->udp_uses = calloc(65536, sizeof(*reader->udp_uses));
	if (reader->tcp_uses && reader->udp_uses)
		spw_read_names(reader, value, "service", SPW_SERVICES_MAX, read_service);
	else
		reader->no_memory = true;
	free(reader->tcp_uses);
	free(reader->udp_uses);
	reader->tcp_uses = reader->udp_uses = NULL;
}
