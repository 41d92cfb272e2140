/* SPDX-License-Identifier: GPL-2.0-only */
/* Which process has a socket open, from /proc/PID/fd. */
#ifndef SPW_HOST_SOCKET_OWNERS_H
#define SPW_HOST_SOCKET_OWNERS_H

#include <stddef.h>

#include "maps/types.h"

struct spw_socket_owner {
	u64 inode;	  /* in; 0: none */
	char process[16]; /* out: its name, as in /proc/PID/comm; empty: not found */
};

/**
 * spw_socket_owners_find() - the process of each socket. Where several have it open the first one counts, but process 1,
 * which holds sockets for others, never does. Processes of other users can only be seen by root.
 * @owners: sorted by inode
 */
void spw_socket_owners_find(struct spw_socket_owner *owners, size_t count);

#endif
