/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * See sockets.h. A line: "0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 0 0 4711 ...": local and remote address, with the
 * port in hex; state, queues, timer, retransmissions, user, timeout, inode.
 */
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "scope.h"

enum { STATE_ESTABLISHED = 1, STATE_LISTEN = 10 }; /* linux/tcp_states.h */

/* Addresses are words in host byte order. */
static bool read_address(const char *text, struct spw_prefix *address)
{
	u32 words[4] = {0};
	size_t digits = strlen(text);

	if (digits == 8) {
		if (sscanf(text, "%8x", &words[0]) != 1)
			return false;
		*address = (struct spw_prefix){{(u64)ntohl(words[0]) << 32, 0}, 4, 32};
		return true;
	}
	if (digits != 32 || sscanf(text, "%8x%8x%8x%8x", &words[0], &words[1], &words[2], &words[3]) != 4)
		return false;
	*address = (struct spw_prefix){
		{(u64)ntohl(words[0]) << 32 | ntohl(words[1]), (u64)ntohl(words[2]) << 32 | ntohl(words[3])}, 6, 128};
	if (spw_addr_unmap(&address->addr)) {
		address->family = 4;
		address->len = 32;
	}
	return true;
}

static void read_line(const char *line, bool udp, spw_socket_visit *visit, void *context)
{
	unsigned int port, state;
	unsigned long long inode;
	char local[33], remote[33];
	struct spw_socket socket = {.udp = udp};

	if (sscanf(line, " %*u: %32[0-9A-F]:%4x %32[0-9A-F]:%*x %2x %*x:%*x %*x:%*x %*x %*u %*d %llu", local, &port,
		   remote, &state, &inode) != 5 ||
	    !read_address(local, &socket.local) || !read_address(remote, &socket.peer))
		return;
	socket.port = (u16)port;
	socket.inode = inode;
	socket.listens = udp || state == STATE_LISTEN;
	socket.connected = state == STATE_ESTABLISHED;
	visit(context, &socket);
}

static int read_file(const struct spw_namespace *space, const char *name, bool udp, spw_socket_visit *visit,
		     void *context)
{
	_cleanup_file_ FILE *file = NULL;
	int fd = spw_namespace_proc(space, name);
	char line[512];

	if (fd < 0)
		return fd;
	file = fdopen(fd, "r");
	if (!file) {
		spw_close_fd(&fd);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), file))
		read_line(line, udp, visit, context);
	return ferror(file) ? -EIO : 0;
}

int spw_sockets_read(const char *netns, spw_socket_visit *visit, void *context)
{
	static const struct {
		const char *name;
		bool udp, ipv6;
	} files[] = {{"tcp", false, false}, {"tcp6", false, true}, {"udp", true, false}, {"udp6", true, true}};
	char own[] = "/proc/self/ns/net";
	struct spw_namespace space = {.path = netns ? (char *)netns : own};
	int err = 0;

	spw_namespace_open(&space);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files) && !err; i++) {
		err = read_file(&space, files[i].name, files[i].udp, visit, context);
		if (err == -ENOENT && files[i].ipv6)
			err = 0;
	}
	spw_close_fd(&space.fd);
	return err;
}
