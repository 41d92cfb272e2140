/* SPDX-License-Identifier: GPL-2.0-only */
#include "own.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/own/own_set.h"
#include "net/device.h"
#include "net/link_watch.h"
#include "signals/scope.h"

#define OWN_NAMESPACE	"/proc/self/ns/net"
#define SPACES_MAX	(SPW_NAMESPACES_MAX + 1)
#define DATAGRAMS	16u	       /* of dumps, per tick: some 500 KiB */
#define DATAGRAMS_FIRST 4096u	       /* before the program is attached */
#define ATTEMPTS	512u	       /* at filling the table, per tick */
#define RESYNC_NS	10000000000ull /* should a notification ever be missing */
#define RETRY_NS	1000000000ull
#define LOG_GAP_NS	60000000000ull

struct space {
	struct spw_namespace namespace;
	struct spw_link_watch watch;
	bool watched;
};

enum stage { IDLE, READING, FILLING };

struct own {
	const struct in_force *in_force;
	struct space spaces[SPACES_MAX]; /* the agent's own first */
	u32 spaces_count;
	u32 interfaces[SPW_INTERFACES_MAX]; /* numbers, in the sequence of the configuration; 0: unknown */
	enum stage stage;
	u32 reading; /* index of the space */
	bool dirty;  /* something has changed since the round began */
	u64 seed;
	u64 refreshed_ns, completed_ns, retry_ns, logged_ns;
	struct spw_own *table; /* the datapath's, as of the last publication */
	u32 filled;	       /* 1, 2: the part in use */
	char problem[200];     /* "": none */
	char logged[200];
	bool announced; /* the problem is in the log: its end belongs there too */
	struct spw_space_facts *facts;
	struct spw_own_set *found, *in_use;
};

struct own *own_new(const struct in_force *in_force)
{
	struct own *own = calloc(1, sizeof(*own));

	if (!own)
		return NULL;
	own->in_force = in_force;
	own->facts = calloc(1, sizeof(*own->facts));
	own->found = calloc(1, sizeof(*own->found));
	own->in_use = calloc(1, sizeof(*own->in_use));
	if (!own->facts || !own->found || !own->in_use ||
	    getrandom(&own->seed, sizeof(own->seed), 0) != sizeof(own->seed)) {
		own_free(own);
		return NULL;
	}
	return own;
}

static void close_space(struct space *space)
{
	if (space->watched)
		spw_link_watch_close(&space->watch);
	spw_close_fd(&space->namespace.fd);
	free(space->namespace.path);
	*space = (struct space){.namespace = {.fd = -1}};
}

static void close_spaces(struct own *own)
{
	while (own->spaces_count)
		close_space(&own->spaces[--own->spaces_count]);
}

void own_free(struct own *own)
{
	if (!own)
		return;
	close_spaces(own);
	free(own->facts);
	free(own->found);
	free(own->in_use);
	free(own);
}

/* ---- in use, or not ---- */

static void use_part(struct own *own, u32 part)
{
	own->filled = part;
	if (own->table)
		__atomic_store_n(&own->table->active, part, __ATOMIC_RELEASE);
}

/* From now on everything is for this host, until a round succeeds. */
static void give_up(struct own *own, u64 now_ns, const char *what, int err)
{
	snprintf(own->problem, sizeof(own->problem), "%s: %s", what, strerror(-err));
	use_part(own, 0);
	own->stage = IDLE;
	own->dirty = true;
	own->retry_ns = now_ns + RETRY_NS;
	if (!strcmp(own->problem, own->logged) && now_ns - own->logged_ns < LOG_GAP_NS)
		return;
	memcpy(own->logged, own->problem, sizeof(own->logged));
	own->logged_ns = now_ns;
	own->announced = true;
	spw_log(LOG_WARNING,
		"%s; until that works, forwarded and overheard packets count as for this host (and as demand)",
		own->problem);
}

static void recovered(struct own *own)
{
	if (own->announced)
		spw_log(LOG_NOTICE, "the addresses of this host are known again: %u, and %u MAC addresses",
			own->found->prefixes_count, own->found->macs_count);
	*own->problem = '\0';
	own->announced = false;
}

/* ---- namespaces ---- */

/* A namespace that does not exist (yet) holds no service either. */
static int watch_space(struct space *space)
{
	int events, dumps, err;

	spw_namespace_open(&space->namespace);
	if (space->namespace.fd < 0)
		return 0;
	events = spw_namespace_socket(&space->namespace, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (events < 0)
		return events;
	dumps = spw_namespace_socket(&space->namespace, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (dumps < 0) {
		spw_close_fd(&events);
		return dumps;
	}
	err = spw_link_watch_open(&space->watch, events, dumps);
	space->watched = !err;
	return err;
}

static void unwatch_space(struct space *space)
{
	if (space->watched)
		spw_link_watch_close(&space->watch);
	space->watched = false;
	spw_close_fd(&space->namespace.fd);
}

static int add_space(struct own *own, const char *path)
{
	struct space *space = &own->spaces[own->spaces_count];

	for (u32 i = 0; i < own->spaces_count; i++)
		if (!strcmp(own->spaces[i].namespace.path, path))
			return 0;
	if (own->spaces_count == SPACES_MAX)
		return -E2BIG;
	*space = (struct space){.namespace = {.path = strdup(path), .fd = -1}};
	if (!space->namespace.path)
		return -ENOMEM;
	own->spaces_count++;
	return watch_space(space);
}

static int open_spaces(struct own *own)
{
	const struct spw_config *config = own->in_force->config;
	int err = add_space(own, OWN_NAMESPACE);

	for (size_t i = 0; i < config->services_count; i++)
		for (size_t j = 0; j < config->services[i].netns_count && !err; j++)
			err = add_space(own, config->services[i].netns[j]);
	return err;
}

/* A container that was started again has another namespace at the same path. */
static int refresh_spaces(struct own *own)
{
	int err = 0;

	for (u32 i = 1; i < own->spaces_count && !err; i++) {
		struct space *space = &own->spaces[i];
		u32 before = space->namespace.inode;
		struct spw_namespace now = {.path = space->namespace.path};

		spw_namespace_open(&now);
		spw_close_fd(&now.fd);
		if (now.inode == before && space->watched == (now.inode != 0))
			continue;
		unwatch_space(space);
		own->dirty = true;
		err = watch_space(space);
	}
	return err;
}

/* ---- rounds ---- */

/* An interface that was renamed is still protected, under its number. */
static void note_interfaces(struct own *own, struct spw_link_watch *watch)
{
	const struct spw_config *config = own->in_force->config;
	u32 count = 0;

	memset(watch->interfaces, 0, sizeof(watch->interfaces));
	for (size_t i = 0; i < config->interfaces_count && i < SPW_INTERFACES_MAX; i++) {
		u32 index = spw_device_index(config->interfaces[i].name);

		if (index)
			own->interfaces[i] = index;
		if (own->interfaces[i])
			watch->interfaces[count++] = own->interfaces[i];
	}
}

/* Begin to read the next namespace that is there. Returns 1: there is none. */
static int begin_space(struct own *own)
{
	while (own->reading < own->spaces_count && !own->spaces[own->reading].watched)
		own->reading++;
	if (own->reading == own->spaces_count)
		return 1;
	own->facts->links_count = 0;
	own->facts->overflown = false;
	return spw_link_watch_begin(&own->spaces[own->reading].watch);
}

static int begin_round(struct own *own)
{
	const struct spw_config *config = own->in_force->config;

	spw_own_set_clear(own->found);
	for (size_t i = 0; i < config->also_mine_count; i++)
		spw_own_set_prefix(own->found, &config->also_mine[i].prefix);
	if (own->spaces[0].watched)
		note_interfaces(own, &own->spaces[0].watch);
	own->dirty = false;
	own->reading = 0;
	own->stage = READING;
	return begin_space(own);
}

/* Whether the protected interfaces are in the agent's namespace: one that was moved away still has the program. */
static bool all_are_here(const struct own *own)
{
	for (size_t i = 0; i < own->in_force->config->interfaces_count && i < SPW_INTERFACES_MAX; i++) {
		bool found = false;

		for (u32 j = 0; j < own->facts->links_count; j++)
			found |= own->facts->links[j].index == own->interfaces[i];
		if (!found)
			return false;
	}
	return true;
}

/* Returns 1: all namespaces are read; 0: more to come; -errno. */
static int go_on(struct own *own, u32 datagrams)
{
	for (;;) {
		struct spw_link_watch *watch = &own->spaces[own->reading].watch;
		int err = spw_link_watch_go_on(watch, datagrams, own->facts, own->found);

		if (err <= 0)
			return err;
		if (own->facts->overflown)
			return -E2BIG;
		if (!own->reading && !all_are_here(own))
			return -ENODEV;
		spw_space_stations(own->facts, watch->interfaces, SPW_INTERFACES_MAX, own->found);
		own->reading++;
		err = begin_space(own);
		if (err)
			return err;
	}
}

/* All is read: put it in force, if it is new. */
static int complete(struct own *own, u64 now_ns)
{
	u32 count;
	int err = spw_own_set_finish(own->found, &count);

	own->completed_ns = now_ns;
	if (err)
		return err;
	recovered(own);
	own->stage = own->filled && spw_own_set_same(own->found, own->in_use) ? IDLE : FILLING;
	return 0;
}

static int fill(struct own *own)
{
	u32 other = own->filled == 1 ? 2 : 1;
	struct spw_own_set *former = own->in_use;
	int err;

	if (!own->table)
		return 0;
	err = spw_own_fill(own->found, &own->seed, ATTEMPTS, &own->table->parts[other - 1]);
	if (err)
		return err == -EAGAIN ? 0 : err;
	memcpy(own->table->bridge_ports, own->found->bridge_ports, sizeof(own->table->bridge_ports));
	use_part(own, other);
	own->in_use = own->found;
	own->found = former;
	own->stage = IDLE;
	return 0;
}

static bool is_wanted(const struct own *own)
{
	return own->in_force->config && own->in_force->config->forwarded != SPW_FORWARDED_HOST;
}

static const char *what_failed(int err)
{
	if (err == -E2BIG)
		return "this host has more addresses than the table of its own addresses takes";
	if (err == -ENODEV)
		return "an interface is gone, or in another network namespace, whose addresses are not known";
	return "cannot read the addresses of this host";
}

/* One slice of work. */
static void work(struct own *own, u64 now_ns, u32 datagrams)
{
	int err = 0;

	if (own->stage == IDLE && own->dirty && now_ns >= own->retry_ns)
		err = begin_round(own);
	if (own->stage == READING && !err)
		err = go_on(own, datagrams);
	if (err == -EAGAIN) { /* changed while it was read */
		own->stage = IDLE;
		own->dirty = true;
		return;
	}
	if (own->stage == READING && err == 1)
		err = complete(own, now_ns);
	if (own->stage == FILLING && !err)
		err = fill(own);
	if (err < 0)
		give_up(own, now_ns, what_failed(err), err);
}

void own_tick(struct own *own, u64 now_ns)
{
	int err = 0;

	if (!is_wanted(own))
		return;
	for (u32 i = 0; i < own->spaces_count; i++) {
		int changed = own->spaces[i].watched ? spw_link_watch_changed(&own->spaces[i].watch) : 0;

		own->dirty |= changed != 0;
		if (changed < 0)
			err = changed;
	}
	if (!err && now_ns - own->refreshed_ns >= RETRY_NS) {
		own->refreshed_ns = now_ns;
		err = refresh_spaces(own);
	}
	if (err) {
		give_up(own, now_ns, "changes of this host's addresses were lost", err);
		own->retry_ns = now_ns;
	}
	if (now_ns - own->completed_ns >= RESYNC_NS)
		own->dirty = true;
	work(own, now_ns, DATAGRAMS);
}

void own_follow(struct own *own)
{
	u64 now_ns = spw_monotonic_ns();
	int err;

	close_spaces(own);
	if (own->table != own->in_force->datapath->own)
		own->filled = 0; /* of a new program, nothing is filled */
	own->table = own->in_force->datapath->own;
	own->stage = IDLE;
	own->dirty = true;
	own->retry_ns = 0;
	memset(own->interfaces, 0, sizeof(own->interfaces));
	if (!is_wanted(own)) {
		use_part(own, 0);
		*own->problem = '\0';
		return;
	}
	err = open_spaces(own);
	if (err)
		give_up(own, now_ns, "cannot watch the addresses of this host", err);
	else
		work(own, now_ns, DATAGRAMS_FIRST);
}

struct spw_own_state own_state(const struct own *own)
{
	return (struct spw_own_state){
		.wanted = is_wanted(own),
		.in_use = own->filled != 0,
		.judged = is_wanted(own) && own->in_force->config->forwarded == SPW_FORWARDED_JUDGE,
		.addresses = own->filled ? own->in_use->prefixes_count : 0,
		.stations = own->filled ? own->in_use->macs_count : 0,
		.problem = own->problem,
	};
}
