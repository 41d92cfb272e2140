/* SPDX-License-Identifier: GPL-2.0-only */
/* Replies of sock_diag(7) to a dump of sockets. Called by accept_queue.c and connections.c. */
#ifndef SPW_SIGNALS_DIAG_REPLY_H
#define SPW_SIGNALS_DIAG_REPLY_H

#include <linux/netlink.h>
#include <stddef.h>

#include "maps/types.h"

#define SPW_DIAG_REPLY_BYTES 32768u

/* A walk over one reply. */
struct spw_diag_reply {
	const struct nlmsghdr *next;
	u32 left; /* bytes */
	u32 sequence;
	int result; /* once the walk is over: 1: more replies follow, 0: end of the dump, or -errno */
};

/** spw_diag_reply() - begin with @length bytes at @reply; messages of another dump than @sequence are skipped. */
struct spw_diag_reply spw_diag_reply(const void *reply, size_t length, u32 sequence);

/** spw_diag_next() - the next socket, an inet_diag_msg with attributes, complete; NULL: the walk is over. */
const struct nlmsghdr *spw_diag_next(struct spw_diag_reply *reply);

#endif
