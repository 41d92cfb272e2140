/* SPDX-License-Identifier: GPL-2.0-only */
/* The TCP and UDP sockets of a network namespace, from /proc/net, for `doctor` and `init`. */
#ifndef SPW_SIGNALS_SOCKETS_H
#define SPW_SIGNALS_SOCKETS_H

#include "config/config.h"

struct spw_socket {
	bool udp;
	bool listens; /* TCP: in state LISTEN; UDP: always */
	bool connected;
	u16 port;		 /* of this host */
	struct spw_prefix local; /* address that it is bound to, zero: any; IPv4-mapped ones are IPv4, here and below */
	struct spw_prefix peer;
	u64 inode; /* 0: none, as of a socket that its process has closed */
};

typedef void spw_socket_visit(void *context, const struct spw_socket *socket);

/**
 * spw_sockets_read() - visit every socket.
 * @netns: path of a network namespace; NULL: this process's
 * Returns 0 or -errno: some could not be read. Disabled IPv6 is not an error.
 */
int spw_sockets_read(const char *netns, spw_socket_visit *visit, void *context);

#endif
