/* SPDX-License-Identifier: GPL-2.0-only */
/* services: { NAME: { tcp: [443], quic: [443], udp: [5060], udp_each: [53], capacity: learn, wait_target: 20ms,
	    light: { tcp: [8443], rate: 2k/s } } } */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "maps/light.h"
#include "ports.h"

/* What is being read: the ports of one key. */
struct port_list {
	const char *protocol;
	struct spw_port_use **uses;
	struct spw_config_port **ports;
	size_t *count;
	bool again; /* the service may have them already */
};

static void append_port(struct spw_reader *reader, struct spw_config_port port, const struct port_list *list)
{
	struct spw_config_port *grown = spw_grow(reader, *list->ports, *list->count, sizeof(*grown));

	if (!grown)
		return;
	*list->ports = grown;
	grown[(*list->count)++] = port;
}

static void report_claimed(struct spw_reader *reader, const struct spw_node *node, const struct port_list *list,
			   struct spw_config_port port, const struct spw_port_use *use)
{
	size_t service = reader->config->services_count - 1;
	char text[SPW_PORT_TEXT], advice[80] = "";

	spw_config_port_format(reader->config, &port, text);
	if (!port.local)
		snprintf(advice, sizeof(advice), "; if they differ by address, write \"192.0.2.1:%u\"", port.port);
	if (use->service == service)
		spw_error(reader->diagnostics, node->place, "%s port %s is given twice, first at line %u",
			  list->protocol, text, use->place.line);
	else
		spw_error(reader->diagnostics, node->place, "%s port %s belongs to service '%s' already (%s:%u:%u)%s",
			  list->protocol, text, reader->config->services[use->service].name, use->place.file,
			  use->place.line, use->place.column, advice);
}

/* Record that the service being read, the last one, has @port; false: it is taken. */
static bool claim_port(struct spw_reader *reader, const struct spw_node *node, const struct port_list *list,
		       struct spw_config_port port)
{
	u16 service = (u16)(reader->config->services_count - 1);
	struct spw_port_use **uses = &list->uses[port.local], *use;

	if (!*uses)
		*uses = calloc(65536, sizeof(**uses));
	if (!*uses) {
		reader->no_memory = true;
		return false;
	}
	use = &(*uses)[port.port];
	if (use->place.line && !(list->again && use->service == service)) {
		report_claimed(reader, node, list, port, use);
		return false;
	}
	if (!use->place.line)
		*use = (struct spw_port_use){node->place, service};
	return true;
}

static void read_ports(struct spw_reader *reader, const struct spw_node *value, const char *example,
		       const struct port_list *list)
{
	u16 first, last;
	u8 local;

	if (!spw_read_sequence(reader, value, example))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		if (!spw_read_local_ports(reader, item, &first, &last, &local))
			continue;
		for (u32 number = first; number <= last; number++) {
			const struct spw_config_port port = {(u16)number, local};

			if (!claim_port(reader, item, list, port))
				break; /* one error per range is enough */
			append_port(reader, port, list);
		}
	}
}

static void read_tcp(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "a list of ports such as [80, 443]",
		   &(struct port_list){"TCP", reader->tcp_uses, &service->tcp, &service->tcp_count, false});
}

static void read_quic(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "a list of ports such as [80, 443]",
		   &(struct port_list){"UDP", reader->udp_uses, &service->quic, &service->quic_count, false});
}

/* A port where requests wait may also be one of the service's tcp ports, if it is listed there first. */
static void read_wait_at(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "a list of ports such as [8080]",
		   &(struct port_list){"TCP", reader->tcp_uses, &service->wait_at, &service->wait_at_count, true});
}

static void read_udp(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "a list of ports such as [80, 443]",
		   &(struct port_list){"UDP", reader->udp_uses, &service->udp, &service->udp_count, false});
}

static void read_udp_each(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;

	read_ports(reader, value, "a list of ports such as [53]",
		   &(struct port_list){"UDP", reader->udp_uses, &service->udp_each, &service->udp_each_count, false});
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

static void append_light_port(struct spw_reader *reader, u16 port, struct spw_config_service *service)
{
	u16 *grown = spw_grow(reader, service->light_ports, service->light_ports_count, sizeof(*grown));

	if (!grown)
		return;
	service->light_ports = grown;
	grown[service->light_ports_count++] = port;
}

static void read_light_tcp(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_service *service = into;
	u16 first, last;

	if (!spw_read_sequence(reader, value, "a list of ports such as [8443]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		if (!spw_read_ports(reader, item, &first, &last))
			continue;
		if (service->light_ports_count + last - first >= SPW_LIGHT_PORTS_MAX) {
			spw_error(reader->diagnostics, item->place, "more than %d ports of light listeners",
				  SPW_LIGHT_PORTS_MAX);
			return;
		}
		for (u32 port = first; port <= last; port++)
			append_light_port(reader, (u16)port, service);
	}
}

static void read_light_rate(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "a rate such as 2k/s"), *problem;

	problem = text ? spw_units_rate(text, &((struct spw_config_service *)into)->light_per_s) : NULL;
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a rate: %s", text, problem);
}

static void read_light(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_key keys[] = {{"tcp", read_light_tcp}, {"rate", read_light_rate}};
	const struct spw_node *found[COUNT_OF(keys)];
	struct spw_config_service *service = into;

	service->light_place = value->place;
	if (!spw_find_keys(reader, value, "{ tcp: [8443], rate: 2k/s }", keys, COUNT_OF(keys), found))
		return;
	if (!found[0] || !found[1])
		spw_error(reader->diagnostics, value->place, "a light listener needs 'tcp' and 'rate'");
	spw_read_found(reader, keys, COUNT_OF(keys), found, service);
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
		{"udp_each", read_udp_each},
		{"capacity", read_capacity},
		{"wait_target", read_wait_target},
		{"answer_target", read_answer_target},
		{"patience", read_patience},
		{"wait_at", read_wait_at},
		{"probe", spw_read_probe},
		{"light", read_light},
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
	if (!found[0] && !found[1] && !found[2] && !found[3])
		spw_error(reader->diagnostics, name->place,
			  "service '%s' has no ports; write tcp, quic, udp or udp_each: [443]", name->text);
}

/* The tables of ports are finite: try to fill them. */
static void check_groups(struct spw_reader *reader, const struct spw_node *value)
{
	_cleanup_free_ struct spw_port *tcp = calloc(2 * 65536, sizeof(*tcp));
	_cleanup_free_ struct spw_locals *locals = calloc(1, sizeof(*locals));
	struct spw_port_rules rules = {0};
	int err;

	for (size_t i = 0; tcp && locals && i < reader->config->services_count; i++) {
		const struct spw_config_service *service = &reader->config->services[i];
		const struct spw_port meaning = {(u8)(i + 1), 0};

		spw_port_rules_add(&rules, tcp, service->tcp, service->tcp_count, meaning);
		spw_port_rules_add(&rules, tcp, service->wait_at, service->wait_at_count, meaning);
		spw_port_rules_add(&rules, tcp + 65536, service->quic, service->quic_count, meaning);
		spw_port_rules_add(&rules, tcp + 65536, service->udp, service->udp_count, meaning);
		spw_port_rules_add(&rules, tcp + 65536, service->udp_each, service->udp_each_count, meaning);
	}
	err = tcp && locals ? spw_port_rules_fill(&rules, reader->config, locals) : -ENOMEM;
	if (err == -E2BIG)
		spw_error(reader->diagnostics, value->place,
			  "more than %d kinds of ports that differ by address; ports with the same services at the "
			  "same addresses count once",
			  SPW_PORT_GROUPS_MAX);
	else if (err)
		reader->no_memory = true;
}

void spw_read_services(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	(void)config;
	spw_read_names(reader, value, "service", SPW_SERVICES_MAX, read_service);
	for (u32 local = 0; local <= SPW_LOCALS_MAX; local++) {
		free(reader->tcp_uses[local]);
		free(reader->udp_uses[local]);
		reader->tcp_uses[local] = reader->udp_uses[local] = NULL;
	}
	if (reader->config->locals_count && !reader->no_memory)
		check_groups(reader, value);
}
