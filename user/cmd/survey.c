/* SPDX-License-Identifier: GPL-2.0-only */
#include "survey.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/socket_owners.h"
#include "host/surroundings.h"
#include "net/device.h"
#include "signals/sockets.h"

enum { SSH_PORT = 22, DNS_PORT = 53, METRICS_PORT = 10010, METRICS_PORTS = 10 };

static const char loopback_only[] = "on loopback only";

/* ---- interfaces ---- */

static bool has_route(char routes[][16], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(routes[i], name))
			return true;
	return false;
}

static void find_interfaces(struct spw_site *found)
{
	char routes[SPW_SITE_INTERFACES][16];
	size_t routes_count = spw_default_routes(routes, SPW_SITE_INTERFACES), used = 0;
	struct if_nameindex *all = if_nameindex();
	bool carrier[SPW_SITE_INTERFACES] = {false};

	for (size_t i = 0; all && all[i].if_name && found->interfaces_count < SPW_SITE_INTERFACES; i++) {
		struct spw_site_interface *interface = &found->interfaces[found->interfaces_count];
		struct spw_device device;

		spw_device_look(all[i].if_index, &device);
		if (!device.up || !strcmp(device.name, "lo") || !spw_text_printable(device.name))
			continue;
		memcpy(interface->name, device.name, sizeof(interface->name));
		memcpy(interface->driver, device.driver, sizeof(interface->driver));
		interface->without_ethernet = device.without_ethernet;
		interface->default_route = has_route(routes, routes_count, device.name);
		interface->used = interface->default_route && !device.without_ethernet && used < SPW_SITE_USED;
		used += interface->used;
		carrier[found->interfaces_count++] = device.carrier;
	}
	if (all)
		if_freenameindex(all);
	for (size_t i = 0; !used && i < found->interfaces_count; i++)
		found->interfaces[i].used = carrier[i] && !found->interfaces[i].without_ethernet && i < SPW_SITE_USED;
}

/* ---- listeners ---- */

struct listener {
	bool udp;
	bool loopback; /* no socket of this port is bound to another address */
	u16 port;
	u64 inode; /* of a socket that is not bound to loopback, if there is one */
	char process[16];
};

struct listeners {
	struct listener *all;
	size_t count, room;
	bool failed;
};

static bool is_loopback(const struct spw_prefix *address)
{
	static const struct spw_prefix loopback4 = {{127ull << 56, 0}, 4, 8}, loopback6 = {{0, 1}, 6, 128};

	return spw_prefix_contains(&loopback4, address) || spw_prefix_contains(&loopback6, address);
}

static void note_listener(void *context, const struct spw_socket *socket)
{
	struct listeners *listeners = context;
	bool loopback = is_loopback(&socket->local);

	if (!socket->listens || socket->connected)
		return;
	for (size_t i = 0; i < listeners->count; i++) {
		struct listener *listener = &listeners->all[i];

		if (listener->udp != socket->udp || listener->port != socket->port)
			continue;
		if (listener->loopback && !loopback)
			listener->inode = socket->inode;
		listener->loopback &= loopback;
		return;
	}
	if (listeners->count == listeners->room) {
		size_t room = listeners->room ? 2 * listeners->room : 64;
		struct listener *grown = realloc(listeners->all, room * sizeof(*grown));

		if (!grown) {
			listeners->failed = true;
			return;
		}
		listeners->all = grown;
		listeners->room = room;
	}
	listeners->all[listeners->count++] = (struct listener){socket->udp, loopback, socket->port, socket->inode, ""};
}

static int by_port(const void *left, const void *right)
{
	const struct listener *one = left, *other = right;

	if (one->udp != other->udp)
		return one->udp ? 1 : -1;
	return one->port - other->port;
}

static int by_inode(const void *left, const void *right)
{
	const struct spw_socket_owner *one = left, *other = right;

	return (one->inode > other->inode) - (one->inode < other->inode);
}

static void name_processes(struct listeners *listeners)
{
	_cleanup_free_ struct spw_socket_owner *owners = calloc(listeners->count + 1, sizeof(*owners));

	for (size_t i = 0; owners && i < listeners->count; i++)
		owners[i].inode = listeners->all[i].inode;
	if (!owners)
		return;
	qsort(owners, listeners->count, sizeof(*owners), by_inode);
	spw_socket_owners_find(owners, listeners->count);
	for (size_t i = 0; i < listeners->count; i++) {
		const struct spw_socket_owner key = {.inode = listeners->all[i].inode},
					      *owner = bsearch(&key, owners, listeners->count, sizeof(*owners),
							       by_inode);

		memcpy(listeners->all[i].process, owner->process, sizeof(owner->process));
	}
}

/* Of this network namespace, by protocol and port. */
static int read_listeners(struct listeners *listeners)
{
	int err = spw_sockets_read(NULL, note_listener, listeners);

	if (!err && listeners->failed)
		err = -ENOMEM;
	if (err || !listeners->count)
		return err;
	qsort(listeners->all, listeners->count, sizeof(*listeners->all), by_port);
	name_processes(listeners);
	return 0;
}

/* ---- services ---- */

static bool is_ssh(const struct listener *listener)
{
	return !listener->udp && (!strcmp(listener->process, "sshd") || !strcmp(listener->process, "dropbear") ||
				  (listener->port == SSH_PORT && !*listener->process));
}

/* Datagrams of these ports are no visits. */
static const char *odd_udp_port(u16 port)
{
	static const struct {
		u16 port;
		const char *why;
	} odd[] = {
		{68, "a DHCP client"},	   {546, "a DHCP client"},    {123, "time synchronisation"},
		{137, "local discovery"},  {138, "local discovery"},  {1900, "local discovery"},
		{5353, "local discovery"}, {5355, "local discovery"}, {500, "a tunnel"},
		{4500, "a tunnel"},	   {1194, "a tunnel"},	      {51820, "a tunnel"},
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		if (odd[i].port == port)
			return odd[i].why;
	return NULL;
}

/* Where clients' sockets get their ports. */
static bool is_ephemeral(u16 port)
{
	_cleanup_file_ FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int first, last;

	return file && fscanf(file, "%u %u", &first, &last) == 2 && port >= first && port <= last;
}

static const char *why_left_out(const struct listener *listener)
{
	if (listener->loopback)
		return loopback_only;
	if (is_ssh(listener))
		return "management";
	if (!strcmp(listener->process, "spillway"))
		return "spillway itself";
	return listener->udp ? odd_udp_port(listener->port) : NULL;
}

static void leave_out(struct spw_site *found, const struct listener *listener, const char *why)
{
	struct spw_site_left_out *port = &found->left_out[found->left_out_count];

	if (found->left_out_count == SPW_SITE_LEFT_OUT) {
		found->left_out_more++;
		return;
	}
	*port = (struct spw_site_left_out){.udp = listener->udp, .port = listener->port, .why = why};
	memcpy(port->process, listener->process, sizeof(port->process));
	found->left_out_count++;
}

/* A name for a service: that of the process, with characters that need no quotes. */
static void make_name(const struct listener *listener, char name[SPW_NAME_MAX])
{
	size_t length = 0;

	for (const char *from = listener->process; *from; from++) {
		bool fits = isalnum((unsigned char)*from) || (length && strchr("._-", *from));

		if (fits || length)
			name[length++] = fits ? *from : '-';
	}
	name[length] = '\0';
	if (!length)
		snprintf(name, SPW_NAME_MAX, "%s-%u", listener->udp ? "udp" : "tcp", listener->port);
}

/* The service of that name, new if need be; NULL: there are too many. */
static struct spw_site_service *find_service(struct spw_site *found, const struct listener *listener)
{
	struct spw_site_service *service;
	char name[SPW_NAME_MAX];

	make_name(listener, name);
	for (size_t i = 0; i < found->services_count; i++)
		if (!strcmp(found->services[i].name, name))
			return &found->services[i];
	if (found->services_count == SPW_SITE_SERVICES)
		return NULL;
	service = &found->services[found->services_count++];
	memcpy(service->name, name, sizeof(name));
	memcpy(service->process, listener->process, sizeof(service->process));
	return service;
}

/* Where clients of @listener's port bring new work. */
static struct spw_site_ports *ports_for(struct spw_site_service *service, const struct listener *listener)
{
	if (!listener->udp)
		return &service->tcp;
	if (listener->port == 443 || listener->port == 8443)
		return &service->quic;
	return listener->port == DNS_PORT ? &service->udp_each : &service->udp;
}

static void add_listener(struct spw_site *found, const struct listener *listener)
{
	const char *why = why_left_out(listener);
	struct spw_site_service *service;
	struct spw_site_ports *ports;

	if (listener->udp && is_ephemeral(listener->port))
		return;
	service = why ? NULL : find_service(found, listener);
	if (!service) {
		leave_out(found, listener, why ? why : "too many services");
		return;
	}
	ports = ports_for(service, listener);
	if (ports->count == SPW_SITE_PORTS)
		leave_out(found, listener, "too many ports");
	else
		ports->ports[ports->count++] = listener->port;
}

/* ---- management ---- */

static void add_login_port(struct spw_site *found, u16 port)
{
	for (size_t i = 0; i < found->login_ports_count; i++)
		if (found->login_ports[i] == port)
			return;
	if (found->login_ports_count < SPW_SITE_LOGIN_PORTS)
		found->login_ports[found->login_ports_count++] = port;
}

static void note_login(void *context, const struct spw_socket *socket)
{
	struct spw_site *found = context;
	bool login = false;

	for (size_t i = 0; i < found->login_ports_count; i++)
		login |= found->login_ports[i] == socket->port;
	if (socket->udp || !socket->connected || !login || is_loopback(&socket->peer))
		return;
	for (size_t i = 0; i < found->logins_count; i++)
		if (spw_prefix_contains(&found->logins[i], &socket->peer))
			return;
	if (found->logins_count < SPW_SITE_LOGINS)
		found->logins[found->logins_count++] = socket->peer;
}

static int find_logins(struct spw_site *found, const struct listeners *listeners)
{
	struct spw_prefix address;
	int err;
	u16 port;

	for (size_t i = 0; i < listeners->count; i++)
		if (is_ssh(&listeners->all[i]) && !listeners->all[i].loopback)
			add_login_port(found, listeners->all[i].port);
	if (spw_session_login(&address, &port) && !is_loopback(&address)) {
		add_login_port(found, port);
		found->logins[found->logins_count++] = address;
		found->logins_by = SPW_SITE_BY_SESSION;
		return 0;
	}
	err = spw_sockets_read(NULL, note_login, found);
	if (found->logins_count)
		found->logins_by = SPW_SITE_BY_CONNECTIONS;
	return err;
}

/* ---- countries ---- */

static void add_table(struct spw_site *found, const char *path, bool mmdb, bool asns)
{
	struct spw_site_table *table = &found->tables[found->tables_count];

	if (found->tables_count == SPW_SITE_TABLES || strlen(path) >= sizeof(table->path) || !spw_text_printable(path))
		return;
	table->mmdb = mmdb;
	table->asns = asns;
	strcpy(table->path, path);
	found->tables_count++;
}

/* What a database has is told by the vendors' names: GeoLite2-Country.mmdb, dbip-asn-lite.mmdb. */
static void find_databases(struct spw_site *found, const char *pattern)
{
	glob_t paths;

	if (glob(pattern, 0, NULL, &paths))
		return;
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		const char *name = strrchr(paths.gl_pathv[i], '/') + 1;

		if (strcasestr(name, "asn"))
			add_table(found, paths.gl_pathv[i], true, true);
		else if (strcasestr(name, "country") || strcasestr(name, "city"))
			add_table(found, paths.gl_pathv[i], true, false);
	}
	globfree(&paths);
}

static void find_tables(struct spw_site *found)
{
	static const char *const folders[] = {"/usr/share/tor", "/usr/local/share/tor"};
	static const char *const patterns[] = {"/var/lib/GeoIP/*.mmdb", "/usr/share/GeoIP/*.mmdb",
					       "/usr/local/share/GeoIP/*.mmdb"};
	char file[64], file6[64];

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(file, sizeof(file), "%s/geoip", folders[i]);
		snprintf(file6, sizeof(file6), "%s/geoip6", folders[i]);
		if (!access(file, R_OK) && !access(file6, R_OK))
			add_table(found, folders[i], false, false);
	}
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		find_databases(found, patterns[i]);
	if (!found->home_count && spw_local_country(found->time_zone, found->home[0]))
		found->home_count = 1;
}

/* ---- metrics ---- */

/* The usual port, or the next that nobody has; 0: none. A running spillway keeps its own. */
static u16 find_metrics_port(const struct listeners *listeners)
{
	for (int port = METRICS_PORT; port < METRICS_PORT + METRICS_PORTS; port++) {
		bool taken = false;

		for (size_t i = 0; i < listeners->count; i++)
			taken |= !listeners->all[i].udp && listeners->all[i].port == port &&
				 strcmp(listeners->all[i].process, "spillway") != 0;
		if (!taken)
			return (u16)port;
	}
	return 0;
}

int spw_survey(struct spw_site *found)
{
	struct listeners listeners = {0};
	int err = read_listeners(&listeners);

	find_interfaces(found);
	if (!err)
		err = find_logins(found, &listeners);
	for (size_t i = 0; i < listeners.count; i++)
		add_listener(found, &listeners.all[i]);
	find_tables(found);
	found->metrics_port = find_metrics_port(&listeners);
	free(listeners.all);
	return err;
}
