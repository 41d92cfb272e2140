/* SPDX-License-Identifier: GPL-2.0-only */
/* Accept queues by sock_diag(7): dump all listening sockets, sum those on ports of services. */
#include "accept_queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "diag_reply.h"

#define STATE_LISTEN 10 /* TCP_LISTEN of linux/tcp_states.h */

struct spw_accept_queues {
	const struct spw_scope *scope;
	int fds[SPW_NAMESPACES_MAX]; /* -errno: none */
	u32 fds_count;
	u32 sequence;
	int err; /* of the last tick: why reading failed */
	bool listens[SPW_SERVICES_MAX];
	char about[128];
	_Alignas(struct nlmsghdr) char reply[SPW_DIAG_REPLY_BYTES];
};

int spw_accept_queues_open(struct spw_accept_queues **opened)
{
	*opened = calloc(1, sizeof(**opened));
	return *opened ? 0 : -ENOMEM;
}

static void close_sockets(struct spw_accept_queues *queues)
{
	for (u32 i = 0; i < queues->fds_count; i++)
		spw_close_fd(&queues->fds[i]);
	queues->fds_count = 0;
}

void spw_accept_queues_follow(struct spw_accept_queues *queues, const struct spw_scope *scope)
{
	close_sockets(queues);
	queues->scope = scope;
	for (u32 i = 0; i < scope->namespaces_count; i++)
		queues->fds[i] = spw_namespace_socket(&scope->namespaces[i], AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK,
						      NETLINK_SOCK_DIAG);
	queues->fds_count = scope->namespaces_count;
}

static int ask(struct spw_accept_queues *queues, int fd, u8 family)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} message = {
		.header = {.nlmsg_len = sizeof(message),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			   .nlmsg_seq = ++queues->sequence},
		.request = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1u << STATE_LISTEN},
	};

	return send(fd, &message, sizeof(message), MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void add_listener(struct spw_accept_queues *queues, u32 space, const struct inet_diag_msg *listener,
			 struct spw_facts *facts)
{
	u32 identity = queues->scope->ports[ntohs(listener->id.idiag_sport)], service = identity - 1;

	if (!identity || service >= facts->services_count || !(queues->scope->in[service] >> space & 1))
		return;
	queues->listens[service] = true;
	facts->services[service].queue_present = true;
	facts->services[service].queue += listener->idiag_rqueue;
	facts->services[service].queue_limit += listener->idiag_wqueue;
}

/* Handle one reply. Returns 1: more follow, 0: end of this dump, or -errno. */
static int take_reply(struct spw_accept_queues *queues, u32 space, size_t length, u32 *listeners,
		      struct spw_facts *facts)
{
	struct spw_diag_reply reply = spw_diag_reply(queues->reply, length, queues->sequence);

	for (const struct nlmsghdr *header; (header = spw_diag_next(&reply));) {
		if (++*listeners > SPW_LISTENERS_MAX)
			return -E2BIG;
		add_listener(queues, space, NLMSG_DATA(header), facts);
	}
	return reply.result;
}

/* The kernel answers synchronously: this never waits. */
static int dump(struct spw_accept_queues *queues, u32 space, u8 family, u32 *listeners, struct spw_facts *facts)
{
	int fd = queues->fds[space], err = ask(queues, fd, family);

	while (!err) {
		ssize_t got = recv(fd, queues->reply, sizeof(queues->reply), MSG_DONTWAIT);

		if (got < 0)
			return -errno;
		err = take_reply(queues, space, (size_t)got, listeners, facts);
		if (err <= 0)
			return err;
		err = 0;
	}
	return err;
}

/* A socket with an unfinished dump refuses the next one: replace it. */
static void renew(struct spw_accept_queues *queues, u32 space)
{
	spw_close_fd(&queues->fds[space]);
	queues->fds[space] = spw_namespace_socket(&queues->scope->namespaces[space], AF_NETLINK,
						  SOCK_RAW | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

void spw_accept_queues_read(struct spw_accept_queues *queues, struct spw_facts *facts)
{
	static const u8 families[] = {AF_INET, AF_INET6};
	u32 listeners = 0;

	queues->err = 0;
	memset(queues->listens, 0, sizeof(queues->listens));
	for (u32 i = 0; i < facts->services_count; i++) {
		facts->services[i].queue_present = false;
		facts->services[i].queue = facts->services[i].queue_limit = 0;
	}
	for (u32 space = 0; space < queues->fds_count; space++) {
		int err = queues->fds[space] < 0 ? queues->fds[space] : 0;

		for (size_t i = 0; i < sizeof(families) && !err; i++)
			err = dump(queues, space, families[i], &listeners, facts);
		if (!err)
			continue;
		queues->err = err;
		renew(queues, space);
	}
}

const char *spw_accept_queues_about(const struct spw_accept_queues *queues, u32 service)
{
	struct spw_accept_queues *mine = (struct spw_accept_queues *)queues;

	if (service < SPW_SERVICES_MAX && queues->listens[service])
		return "sock_diag";
	if (!queues->err)
		return "no socket listens on its ports";
	snprintf(mine->about, sizeof(mine->about), "sock_diag: %s",
		 queues->err == -ENOENT ? "this kernel has no inet_diag (CONFIG_INET_DIAG)" : strerror(-queues->err));
	return mine->about;
}

void spw_accept_queues_close(struct spw_accept_queues *queues)
{
	if (!queues)
		return;
	close_sockets(queues);
	free(queues);
}
