/* SPDX-License-Identifier: GPL-2.0-only */
/* Services -> ports and network namespaces; and acting inside a namespace. */
#include "scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "config/ports.h"

#define OWN_NAMESPACE "/proc/self/ns/net"

static u32 inode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? 0 : (u32)status.st_ino;
}

/* A plain file of that name remains when a namespace's mount is gone. */
void spw_namespace_open(struct spw_namespace *space)
{
	_cleanup_fd_ int fd = open(space->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status, own;

	space->fd = -1;
	space->inode = 0;
	space->err = 0;
	if (fd < 0 || fstat(fd, &status) || stat(OWN_NAMESPACE, &own)) {
		space->err = errno;
	} else if (status.st_dev != own.st_dev) {
		space->err = ESTALE;
	} else {
		space->fd = TAKE_FD(fd);
		space->inode = (u32)status.st_ino;
	}
}

/* The index of a namespace, added if new; -1: too many. */
static int add_namespace(struct spw_scope *scope, const char *path)
{
	struct spw_namespace *space;

	for (u32 i = 0; i < scope->namespaces_count; i++)
		if (!strcmp(scope->namespaces[i].path, path))
			return (int)i;
	if (scope->namespaces_count == SPW_NAMESPACES_MAX)
		return -1;
	space = &scope->namespaces[scope->namespaces_count];
	space->path = strdup(path);
	if (!space->path)
		return -1;
	spw_namespace_open(space);
	return (int)scope->namespaces_count++;
}

static void add_service(struct spw_scope *scope, u32 index, const struct spw_config_service *service,
			struct spw_port_rules *rules)
{
	u8 id = (u8)(index + 1), waits = service->wait_at_count ? 0 : SPW_PORT_WAITS;

	spw_port_rules_add(rules, scope->ports, service->tcp, service->tcp_count,
			   (struct spw_port){id, SPW_PORT_SERVES | waits});
	spw_port_rules_add(rules, scope->ports, service->wait_at, service->wait_at_count,
			   (struct spw_port){id, SPW_PORT_WAITS});
	scope->tcp[index] = service->tcp_count > 0;
	for (size_t i = 0; i < service->netns_count || i == 0; i++) {
		int space = add_namespace(scope, service->netns_count ? service->netns[i] : OWN_NAMESPACE);

		if (space >= 0)
			scope->in[index] |= 1ull << space;
	}
}

int spw_scope_open(const struct spw_config *config, const u8 *identities, struct spw_scope **opened)
{
	struct spw_scope *scope = calloc(1, sizeof(*scope));
	struct spw_port_rules rules = {0};
	int err;

	if (!scope)
		return -ENOMEM;
	for (u32 i = 0; i < config->services_count && i < SPW_SERVICES_MAX; i++) {
		scope->identities[i] = identities[i];
		add_service(scope, scope->services_count++, &config->services[i], &rules);
	}
	err = spw_port_rules_fill(&rules, config, &scope->locals);
	if (err)
		spw_scope_close(scope);
	else
		*opened = scope;
	return err;
}

u32 spw_scope_local(const struct spw_scope *scope, int family, const u32 address[4])
{
	u64 hi = (u64)ntohl(address[0]) << 32 | ntohl(address[1]),
	    lo = (u64)ntohl(address[2]) << 32 | ntohl(address[3]);

	if (family == AF_INET)
		return spw_local_number(&scope->locals, 0, SPW_IPV4_MAPPED | ntohl(address[0]));
	return spw_local_number(&scope->locals, hi, lo);
}

struct spw_port spw_scope_port(const struct spw_scope *scope, u16 port, int family, const u32 address[4])
{
	struct spw_port found = scope->ports[port];

	if (!spw_port_group(found))
		return found;
	return spw_port_of_local(found, &scope->locals, spw_scope_local(scope, family, address));
}

bool spw_scope_refresh(struct spw_scope *scope)
{
	bool changed = false;

	for (u32 i = 0; i < scope->namespaces_count; i++) {
		struct spw_namespace *space = &scope->namespaces[i];
		u32 before = space->inode;

		if (before && inode_of(space->path) == before)
			continue;
		spw_close_fd(&space->fd);
		spw_namespace_open(space);
		changed |= space->inode != before;
	}
	return changed;
}

void spw_scope_close(struct spw_scope *scope)
{
	if (!scope)
		return;
	for (u32 i = 0; i < scope->namespaces_count; i++) {
		spw_close_fd(&scope->namespaces[i].fd);
		free(scope->namespaces[i].path);
	}
	free(scope);
}

/* 1 + index of a service -> its identity. */
static void identify(const struct spw_scope *scope, struct spw_port *port)
{
	if (port->service)
		port->service = scope->identities[port->service - 1];
}

int spw_scope_signal(const struct spw_scope *scope, struct spw_signal_scope **result)
{
	struct spw_signal_scope *signal = calloc(1, sizeof(*signal));

	*result = signal;
	if (!signal)
		return -ENOMEM;
	signal->namespaces_count = scope->namespaces_count;
	for (u32 i = 0; i < scope->namespaces_count; i++)
		signal->namespaces[i] = scope->namespaces[i].inode;
	for (u32 i = 0; i < scope->services_count; i++)
		if (scope->identities[i] < SPW_SERVICE_IDENTITIES)
			signal->in[scope->identities[i]] = scope->in[i];
	memcpy(signal->ports, scope->ports, sizeof(signal->ports));
	signal->locals = scope->locals;
	for (u32 port = 0; port < 65536; port++)
		identify(scope, &signal->ports[port]);
	for (u32 group = 1; group <= SPW_PORT_GROUPS_MAX; group++)
		for (u32 local = 1; local <= SPW_LOCALS_MAX; local++)
			identify(scope, &signal->locals.cells[group][local]);
	return 0;
}

/* What to do inside a namespace. */
struct visit {
	const struct spw_namespace *space;
	void (*run)(void *context);
	void *context;
	int result;
};

static void *go_there(void *context)
{
	struct visit *visit = context;

	if (setns(visit->space->fd, CLONE_NEWNET))
		visit->result = -errno;
	else
		visit->run(visit->context);
	return NULL;
}

/* In a thread, as a namespace is per thread. The thread blocks all signals. */
int spw_namespace_run(const struct spw_namespace *space, void (*run)(void *context), void *context)
{
	struct visit visit = {.space = space, .run = run, .context = context};
	sigset_t all, before;
	pthread_t thread;
	int err;

	if (space->fd < 0)
		return -space->err;
	if (space->inode == inode_of(OWN_NAMESPACE)) {
		run(context);
		return 0;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, go_there, &visit);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	pthread_join(thread, NULL);
	return visit.result;
}

/* What to open, and the result. */
struct opening {
	const char *file; /* NULL: a socket */
	int family, type, protocol;
	int result;
};

static void open_here(void *context)
{
	struct opening *opening = context;
	char path[128];

	if (opening->file) {
		snprintf(path, sizeof(path), "/proc/thread-self/net/%s", opening->file);
		opening->result = open(path, O_RDONLY | O_CLOEXEC);
	} else {
		opening->result = socket(opening->family, opening->type | SOCK_CLOEXEC, opening->protocol);
	}
	if (opening->result < 0)
		opening->result = -errno;
}

static int open_in(const struct spw_namespace *space, struct opening *opening)
{
	int err = spw_namespace_run(space, open_here, opening);

	return err ? err : opening->result;
}

int spw_namespace_socket(const struct spw_namespace *space, int family, int type, int protocol)
{
	struct opening opening = {.family = family, .type = type, .protocol = protocol};

	return open_in(space, &opening);
}

int spw_namespace_proc(const struct spw_namespace *space, const char *name)
{
	struct opening opening = {.file = name};

	return open_in(space, &opening);
}
