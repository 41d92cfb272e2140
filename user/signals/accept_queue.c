/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accept queues by sock_diag(7): dump all listening sockets, sum those on ports of services.
 *
 * A socket that listens on every address (0.0.0.0, [::]) may take connections of several services, if a port differs by
 * address (maps/local.h). Its queue counts in full for each of them, as every connection in it waits behind all others.
 * The kernel prefers a socket that listens on the address itself: where there is one, that socket's queue alone counts.
 */
#include "accept_queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "diag_reply.h"

#define STATE_LISTEN 10 /* TCP_LISTEN of linux/tcp_states.h */

/* Sockets on ports that differ by address, examined per namespace and tick; beyond, their queues are not counted. */
#define DIFFERING_MAX 1024u

/* Listens on every address of a family. */
struct wildcard {
	u16 port;
	u8 ipv4, ipv6; /* 1: takes connections of it */
	u32 queue, limit;
};

/* A port and local address that a socket of its own listens on. */
struct bound {
	u16 port;
	u8 local;
};

struct spw_accept_queues {
	const struct spw_scope *scope;
	int fds[SPW_NAMESPACES_MAX]; /* -errno: none */
	u32 fds_count;
	u32 sequence;
	int err; /* of the last tick: why reading failed */
	bool listens[SPW_SERVICES_MAX];
	u32 wildcards_count, bound_count; /* of the namespace being dumped */
	struct wildcard wildcards[DIFFERING_MAX];
	struct bound bound[DIFFERING_MAX];
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

/* @port: its service is 1 + an index, 0: none */
static void count_queue(struct spw_accept_queues *queues, u32 space, struct spw_port port, u32 queue, u32 limit,
			struct spw_facts *facts)
{
	u32 service = port.service - 1u;

	if (!port.service || service >= facts->services_count || !(queues->scope->in[service] >> space & 1))
		return;
	queues->listens[service] = true;
	facts->services[service].queue_present = true;
	facts->services[service].queue += queue;
	facts->services[service].queue_limit += limit;
}

/* IPV6_V6ONLY of a listener. */
static bool is_ipv6_only(const struct nlmsghdr *header)
{
	const struct inet_diag_msg *listener = NLMSG_DATA(header);
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof(*listener)));

	for (const struct rtattr *attribute = (const void *)(listener + 1); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == INET_DIAG_SKV6ONLY && RTA_PAYLOAD(attribute) >= 1)
			return *(const u8 *)RTA_DATA(attribute);
	return false;
}

static void note_wildcard(struct spw_accept_queues *queues, const struct nlmsghdr *header)
{
	const struct inet_diag_msg *listener = NLMSG_DATA(header);
	bool ipv6 = listener->idiag_family == AF_INET6;

	if (queues->wildcards_count == DIFFERING_MAX)
		return;
	queues->wildcards[queues->wildcards_count++] = (struct wildcard){
		.port = ntohs(listener->id.idiag_sport),
		.ipv4 = !ipv6 || !is_ipv6_only(header),
		.ipv6 = ipv6,
		.queue = listener->idiag_rqueue,
		.limit = listener->idiag_wqueue,
	};
}

static void add_listener(struct spw_accept_queues *queues, u32 space, const struct nlmsghdr *header,
			 struct spw_facts *facts)
{
	const struct inet_diag_msg *listener = NLMSG_DATA(header);
	const u32 *address = listener->id.idiag_src;
	const struct spw_scope *scope = queues->scope;
	u16 number = ntohs(listener->id.idiag_sport);
	struct spw_port port = scope->ports[number];
	u32 local;

	if (spw_port_group(port)) {
		if (!(address[0] | address[1] | address[2] | address[3])) {
			note_wildcard(queues, header);
			return;
		}
		local = spw_scope_local(scope, listener->idiag_family, address);
		if (local && queues->bound_count < DIFFERING_MAX)
			queues->bound[queues->bound_count++] = (struct bound){number, (u8)local};
		port = spw_port_of_local(port, &scope->locals, local);
	}
	count_queue(queues, space, port, listener->idiag_rqueue, listener->idiag_wqueue, facts);
}

static bool is_bound(const struct spw_accept_queues *queues, u16 port, u32 local)
{
	for (u32 i = 0; i < queues->bound_count; i++)
		if (queues->bound[i].port == port && queues->bound[i].local == local)
			return true;
	return false;
}

/* Once for each service that gets connections from it. */
static void count_wildcard(struct spw_accept_queues *queues, u32 space, const struct wildcard *wildcard,
			   struct spw_facts *facts)
{
	const struct spw_locals *locals = &queues->scope->locals;
	struct spw_port port = queues->scope->ports[wildcard->port];
	u32 group = spw_port_group(port);
	u64 counted = 0;

	for (u32 local = 0; local <= SPW_LOCALS_MAX; local++) {
		struct spw_port cell = local ? locals->cells[group][local] : port;
		bool ipv4 = spw_local_is_ipv4(&locals->addresses[local]);

		if (!cell.service || counted >> (cell.service - 1) & 1)
			continue;
		if (local && (!(ipv4 ? wildcard->ipv4 : wildcard->ipv6) || is_bound(queues, wildcard->port, local)))
			continue;
		counted |= 1ull << (cell.service - 1);
		count_queue(queues, space, cell, wildcard->queue, wildcard->limit, facts);
	}
}

/* Handle one reply. Returns 1: more follow, 0: end of this dump, or -errno. */
static int take_reply(struct spw_accept_queues *queues, u32 space, size_t length, u32 *listeners,
		      struct spw_facts *facts)
{
	struct spw_diag_reply reply = spw_diag_reply(queues->reply, length, queues->sequence);

	for (const struct nlmsghdr *header; (header = spw_diag_next(&reply));) {
		if (++*listeners > SPW_LISTENERS_MAX)
			return -E2BIG;
		add_listener(queues, space, header, facts);
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

		queues->wildcards_count = queues->bound_count = 0;
		for (size_t i = 0; i < sizeof(families) && !err; i++)
			err = dump(queues, space, families[i], &listeners, facts);
		for (u32 i = 0; i < queues->wildcards_count; i++)
			count_wildcard(queues, space, &queues->wildcards[i], facts);
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
