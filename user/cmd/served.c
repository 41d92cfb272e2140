/* SPDX-License-Identifier: GPL-2.0-only */
#include "served.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "signals/sockets.h"

#define PORTS_SHOWN 4 /* of a service without listeners */

/* Ports that have a socket, one bit each. */
struct open_ports {
	u64 tcp[65536 / 64];
	u64 udp[65536 / 64];
};

static void note_port(void *context, const struct spw_socket *socket)
{
	struct open_ports *ports = context;

	if (socket->listens)
		(socket->udp ? ports->udp : ports->tcp)[socket->port / 64] |= 1ull << socket->port % 64;
}

/* Ports in @wanted and not in @open, as ", TCP 80, 81, ... (12 ports)". */
static size_t put_closed(FILE *out, const char *separator, const char *protocol, const u16 *wanted, size_t count,
			 const u64 *open)
{
	size_t closed = 0;

	for (size_t i = 0; i < count; i++) {
		if (open[wanted[i] / 64] >> wanted[i] % 64 & 1)
			continue;
		if (!closed)
			fprintf(out, "%s%s %u", separator, protocol, wanted[i]);
		else if (closed < PORTS_SHOWN)
			fprintf(out, ", %u", wanted[i]);
		closed++;
	}
	if (closed > PORTS_SHOWN)
		fprintf(out, ", ... (%zu ports)", closed);
	return closed;
}

int spw_closed_ports(const struct spw_config_service *service, char **text)
{
	_cleanup_free_ struct open_ports *open = calloc(1, sizeof(*open));
	size_t bytes, closed;
	int err = open ? 0 : -ENOMEM;
	FILE *out;

	*text = NULL;
	for (size_t i = 0; !err && (i < service->netns_count || i == 0); i++)
		err = spw_sockets_read(service->netns_count ? service->netns[i] : NULL, note_port, open);
	if (err)
		return err;
	out = open_memstream(text, &bytes);
	if (!out)
		return -ENOMEM;
	closed = put_closed(out, "", "TCP", service->tcp, service->tcp_count, open->tcp);
	closed += put_closed(out, closed ? ", " : "", "TCP", service->wait_at, service->wait_at_count, open->tcp);
	closed += put_closed(out, closed ? ", " : "", "UDP", service->quic, service->quic_count, open->udp);
	put_closed(out, closed ? ", " : "", "UDP", service->udp, service->udp_count, open->udp);
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
