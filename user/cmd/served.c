/* SPDX-License-Identifier: GPL-2.0-only */
#include "served.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "config/ports.h"
#include "signals/sockets.h"

#define PORTS_SHOWN 4 /* of a service without listeners */

/* Sockets by the address that they are bound to. */
enum bound {
	BOUND_ANY,			 /* whatever it is */
	BOUND_ALL4 = SPW_LOCALS_MAX + 1, /* every address; between them: the configuration's addresses */
	BOUND_ALL6,
	BOUNDS,
};

/* Ports that have a socket, one bit each. */
struct port_bits {
	u64 words[65536 / 64];
};

struct open_ports {
	const struct spw_config *config;
	struct port_bits tcp[BOUNDS];
	struct port_bits udp[BOUNDS];
};

static void note_bound(void *context, const struct spw_socket *socket)
{
	struct open_ports *ports = context;
	struct port_bits *bits = socket->udp ? ports->udp : ports->tcp;
	const struct spw_local local = spw_local_key(&socket->local.addr, socket->local.family);
	const u64 bit = 1ull << socket->port % 64;

	if (!socket->listens)
		return;
	bits[BOUND_ANY].words[socket->port / 64] |= bit;
	if (!(socket->local.addr.hi | socket->local.addr.lo))
		bits[socket->local.family == 4 ? BOUND_ALL4 : BOUND_ALL6].words[socket->port / 64] |= bit;
	for (size_t i = 0; i < ports->config->locals_count; i++)
		if (ports->config->locals[i].hi == local.hi && ports->config->locals[i].lo == local.lo)
			bits[i + 1].words[socket->port / 64] |= bit;
}

/* Whether a socket gets what comes to @port. A socket on [::] may take IPv4 too (/proc does not tell). */
static bool is_open(const struct open_ports *open, const struct port_bits *bits, const struct spw_config_port *port)
{
	size_t word = port->port / 64;
	u64 sockets = bits[port->local].words[word];

	if (port->local)
		sockets |= bits[BOUND_ALL6].words[word];
	if (port->local && spw_local_is_ipv4(&open->config->locals[port->local - 1]))
		sockets |= bits[BOUND_ALL4].words[word];
	return sockets >> port->port % 64 & 1;
}

/* Ports in @wanted that are not open, as ", TCP 80, 192.0.2.1:81, ... (12 ports)". */
static size_t put_closed(FILE *out, const char *separator, const char *protocol, const struct spw_config_port *wanted,
			 size_t count, const struct open_ports *open, const struct port_bits *bits)
{
	char text[SPW_PORT_TEXT];
	size_t closed = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_open(open, bits, &wanted[i]))
			continue;
		spw_config_port_format(open->config, &wanted[i], text);
		if (!closed)
			fprintf(out, "%s%s %s", separator, protocol, text);
		else if (closed < PORTS_SHOWN)
			fprintf(out, ", %s", text);
		closed++;
	}
	if (closed > PORTS_SHOWN)
		fprintf(out, ", ... (%zu ports)", closed);
	return closed;
}

int spw_closed_ports(const struct spw_config *config, const struct spw_config_service *service, char **text)
{
	_cleanup_free_ struct open_ports *open = calloc(1, sizeof(*open));
	size_t bytes, closed;
	int err = open ? 0 : -ENOMEM;
	FILE *out;

	*text = NULL;
	if (open)
		open->config = config;
	for (size_t i = 0; !err && (i < service->netns_count || i == 0); i++)
		err = spw_sockets_read(service->netns_count ? service->netns[i] : NULL, note_bound, open);
	if (err)
		return err;
	out = open_memstream(text, &bytes);
	if (!out)
		return -ENOMEM;
	closed = put_closed(out, "", "TCP", service->tcp, service->tcp_count, open, open->tcp);
	closed += put_closed(out, closed ? ", " : "", "TCP", service->wait_at, service->wait_at_count, open, open->tcp);
	closed += put_closed(out, closed ? ", " : "", "UDP", service->quic, service->quic_count, open, open->udp);
	closed += put_closed(out, closed ? ", " : "", "UDP", service->udp, service->udp_count, open, open->udp);
	put_closed(out, closed ? ", " : "", "UDP", service->udp_each, service->udp_each_count, open, open->udp);
	return fclose(out) ? -ENOMEM : 0;
}

struct logins {
	const struct spw_config *config;
	bool *seen;
};

static void note_login(void *context, const struct spw_socket *socket)
{
	struct logins *logins = context;
	const struct spw_config *config = logins->config;
	bool managed = !config->management_ports_count || spw_config_is_management_port(config, socket->port);

	for (size_t i = 0; managed && socket->connected && i < config->management_prefixes_count; i++)
		logins->seen[i] |= spw_prefix_contains(&config->management_prefixes[i].prefix, &socket->peer);
}

int spw_find_logins(const struct spw_config *config, bool seen[SPW_MANAGEMENT_PREFIXES_MAX])
{
	return spw_sockets_read(NULL, note_login, &(struct logins){config, seen});
}
