/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose sockets are looked at: which TCP port of which network namespace belongs to which service. Made of the
 * configuration by signals.c; read by accept_queue.c and host_signals.c.
 */
#ifndef SPW_SIGNALS_SCOPE_H
#define SPW_SIGNALS_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/signal.h"
#include "config/config.h"

struct spw_namespace {
	char *path; /* owned; "/proc/self/ns/net": the agent's own */
	int fd;	    /* owned; -1: it is not there */
	int err;    /* why not: errno */
	u32 inode;  /* as in nsfs; 0: it is not there */
};

struct spw_scope {
	u32 services_count;
	u8 identities[SPW_SERVICES_MAX]; /* by index of the service */
	u32 namespaces_count;
	struct spw_namespace namespaces[SPW_NAMESPACES_MAX];
	u64 in[SPW_SERVICES_MAX];   /* by index of the service: bit i: it has sockets in namespaces[i] */
	bool tcp[SPW_SERVICES_MAX]; /* it has a TCP port at all */
	u8 ports[65536];	    /* by TCP port: 1 + index of the service; 0: none */
	u16 roles[65536];	    /* by TCP port: enum spw_signal_port */
};

/**
 * spw_scope_open() - of all services of @config, with their @identities by index. Namespaces beyond SPW_NAMESPACES_MAX
 * are left out; one that cannot be opened stays there as absent. Returns 0 or -ENOMEM. Free with spw_scope_close().
 */
int spw_scope_open(const struct spw_config *config, const u8 *identities, struct spw_scope **scope);

/**
 * spw_scope_refresh() - look for namespaces that came, went, or are another one by now under the same path.
 * True if anything changed. Costs one stat() a namespace.
 */
bool spw_scope_refresh(struct spw_scope *scope);
void spw_scope_close(struct spw_scope *scope);

/** spw_scope_signal() - the same for the programs of bpf/signals.bpf.c. @signal: filled in, to be free()d. Returns 0 or -ENOMEM. */
int spw_scope_signal(const struct spw_scope *scope, struct spw_signal_scope **signal);

/** spw_namespace_open() - look at space->path, and fill in the rest. The caller closes space->fd. */
void spw_namespace_open(struct spw_namespace *space);

/**
 * spw_namespace_socket() - a socket inside a namespace; it stays there for life. The caller, and its thread, don't
 * move: a thread of its own goes there and ends. Returns a descriptor or -errno.
 */
int spw_namespace_socket(const struct spw_namespace *space, int family, int type, int protocol);

/** spw_namespace_proc() - open /proc/net/@name of a namespace, for reading, in the same way. */
int spw_namespace_proc(const struct spw_namespace *space, const char *name);

#endif
