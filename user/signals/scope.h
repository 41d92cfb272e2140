/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which TCP port of which network namespace belongs to which service. Made from the configuration by signals.c; read by
 * accept_queue.c and host_signals.c.
 */
#ifndef SPW_SIGNALS_SCOPE_H
#define SPW_SIGNALS_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/signal.h"
#include "config/config.h"

struct spw_namespace {
	char *path; /* owned; "/proc/self/ns/net": the agent's own */
	int fd;	    /* owned; -1: none */
	int err;    /* errno if there is none */
	u32 inode;  /* as in nsfs; 0: none */
};

struct spw_scope {
	u32 services_count;
	u8 identities[SPW_SERVICES_MAX]; /* by service index */
	u32 namespaces_count;
	struct spw_namespace namespaces[SPW_NAMESPACES_MAX];
	u64 in[SPW_SERVICES_MAX];   /* by service index: bit i: it has sockets in namespaces[i] */
	bool tcp[SPW_SERVICES_MAX]; /* it has any TCP port */
	/* By TCP port: service is 1 + its index, bits are enum spw_signal_port; read it with spw_scope_port(). */
	struct spw_port ports[65536];
	struct spw_locals locals;
};

/**
 * spw_scope_open() - for all services of @config, with their @identities by index. Namespaces beyond SPW_NAMESPACES_MAX
 * are ignored; one that cannot be opened is kept as absent. Returns 0, -ENOMEM or -E2BIG (config/ports.h). Free with
 * spw_scope_close().
 */
int spw_scope_open(const struct spw_config *config, const u8 *identities, struct spw_scope **scope);

/**
 * spw_scope_local() - the number of a local address (maps/local.h); 0: no port differs there.
 * @family, @address: as in inet_diag_msg: AF_INET or AF_INET6, in network order
 */
u32 spw_scope_local(const struct spw_scope *scope, int family, const u32 address[4]);

/** spw_scope_port() - the meaning of a TCP port at a local address, given as above. */
struct spw_port spw_scope_port(const struct spw_scope *scope, u16 port, int family, const u32 address[4]);

/**
 * spw_scope_refresh() - look for namespaces that appeared, disappeared, or were replaced at the same path.
 * True if anything changed. Costs one stat() per namespace.
 */
bool spw_scope_refresh(struct spw_scope *scope);
void spw_scope_close(struct spw_scope *scope);

/** spw_scope_signal() - the same for the programs of bpf/signals.bpf.c. @signal: filled in, to be free()d. Returns 0 or -ENOMEM. */
int spw_scope_signal(const struct spw_scope *scope, struct spw_signal_scope **signal);

/** spw_namespace_open() - open space->path, and fill in the rest. The caller closes space->fd. */
void spw_namespace_open(struct spw_namespace *space);

/**
 * spw_namespace_socket() - create a socket inside a namespace, where it stays. Done by a temporary thread, so the
 * caller's namespace does not change. Returns a descriptor or -errno.
 */
int spw_namespace_socket(const struct spw_namespace *space, int family, int type, int protocol);

/**
 * spw_namespace_run() - call @run with @context inside a namespace, in the same way. Returns 0, or -errno: it was not
 * called.
 */
int spw_namespace_run(const struct spw_namespace *space, void (*run)(void *context), void *context);

/** spw_namespace_proc() - open /proc/net/@name of a namespace for reading, in the same way. */
int spw_namespace_proc(const struct spw_namespace *space, const char *name);

#endif
