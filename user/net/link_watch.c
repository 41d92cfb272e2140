/* SPDX-License-Identifier: GPL-2.0-only */
#include "link_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DATAGRAM_BYTES	32768 /* the most that the kernel puts into one of a dump */
#define EVENTS_AT_ONCE	256
#define EVENTS_RCVBUF	(1 << 20)
#define SKIP_STATISTICS (1u << 3) /* RTEXT_FILTER_SKIP_STATS */

/* Steps of a round: these, then the secondary MAC addresses of each protected interface. */
static const struct {
	u16 type;
	u8 family;
} steps[] = {
	{RTM_GETLINK, AF_UNSPEC},
	{RTM_GETADDR, AF_UNSPEC},
	{RTM_GETROUTE, AF_INET},
	{RTM_GETROUTE, AF_INET6},
};
#define STEPS ((u32)(sizeof(steps) / sizeof(*steps)))

/*
 * Of the notifications about routes and neighbours, only local routes and secondary MAC addresses: on a router with the
 * Internet's routes, or among thousands of neighbours, the others would overflow the socket. Loads are big endian, the
 * message's type is not.
 */
static int filter_events(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWNEIGH), 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELNEIGH), 4, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		/* 6: a route */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTN_LOCAL, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTN_ANYCAST, 5, 4),
		/* 9: a neighbour */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_family)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_flags)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NTF_SELF, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

int spw_link_watch_open(struct spw_link_watch *watch, int events_fd, int dumps_fd)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
					   .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
							RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_NEIGH};
	const int on = 1, bytes = EVENTS_RCVBUF;
	int err = 0;

	*watch = (struct spw_link_watch){.events_fd = events_fd, .dumps_fd = dumps_fd, .step = STEPS};
	setsockopt(events_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (fcntl(events_fd, F_SETFL, O_NONBLOCK) || fcntl(dumps_fd, F_SETFL, O_NONBLOCK) || filter_events(events_fd) ||
	    bind(events_fd, (const struct sockaddr *)&groups, sizeof(groups)) ||
	    setsockopt(dumps_fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)))
		err = -errno;
	if (err)
		spw_link_watch_close(watch);
	return err;
}

void spw_link_watch_close(struct spw_link_watch *watch)
{
	spw_close_fd(&watch->events_fd);
	spw_close_fd(&watch->dumps_fd);
}

/* What is not read now is read at the next call. */
int spw_link_watch_changed(struct spw_link_watch *watch)
{
	char byte;
	int changed = 0;

	for (u32 i = 0; i < EVENTS_AT_ONCE; i++) {
		if (recv(watch->events_fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
			changed = 1;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -errno;
	}
	return changed;
}

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
		struct ndmsg neighbour;
	};
	struct {
		struct nlattr header;
		u32 value;
	} attribute;
};

static int send_request(struct spw_link_watch *watch, u16 type, u8 family, u16 attribute, u32 value)
{
	static const size_t bodies[] = {[RTM_GETLINK] = sizeof(struct ifinfomsg),
					[RTM_GETADDR] = sizeof(struct ifaddrmsg),
					[RTM_GETROUTE] = sizeof(struct rtmsg),
					[RTM_GETNEIGH] = sizeof(struct ndmsg)};
	struct request request = {0};
	size_t bytes = NLMSG_LENGTH(NLMSG_ALIGN(bodies[type]));

	request.header = (struct nlmsghdr){
		.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = ++watch->sequence};
	request.link.ifi_family = family; /* first in all of them */
	if (type == RTM_GETROUTE)
		request.route.rtm_table = RT_TABLE_LOCAL;
	if (attribute) {
		request.attribute.header = (struct nlattr){.nla_len = sizeof(request.attribute), .nla_type = attribute};
		request.attribute.value = value;
		memmove((char *)&request + bytes, &request.attribute, sizeof(request.attribute));
		bytes += sizeof(request.attribute);
	}
	request.header.nlmsg_len = (u32)bytes;
	return send(watch->dumps_fd, &request, bytes, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Begin the dump of the current step. Returns 1: there is none any more; 0; -errno. */
static int begin_step(struct spw_link_watch *watch)
{
	u32 protected = watch->step - STEPS;

	if (watch->step < STEPS)
		return send_request(watch, steps[watch->step].type, steps[watch->step].family,
				    steps[watch->step].type == RTM_GETLINK ? IFLA_EXT_MASK : 0, SKIP_STATISTICS);
	if (protected >= SPW_INTERFACES_MAX || !watch->interfaces[protected])
		return 1;
	return send_request(watch, RTM_GETNEIGH, AF_BRIDGE, NDA_IFINDEX, watch->interfaces[protected]);
}

/* Remains of an unfinished round. The kernel refuses a dump while another of the socket goes on. */
static void drain(const struct spw_link_watch *watch)
{
	char byte;

	for (u32 i = 0; i < EVENTS_AT_ONCE && recv(watch->dumps_fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0; i++)
		;
}

int spw_link_watch_begin(struct spw_link_watch *watch)
{
	int err;

	drain(watch);
	watch->step = 0;
	err = begin_step(watch);
	return err > 0 ? 0 : err;
}

/* Without IPv6 there are no routes of it; drivers may not list their addresses. */
static bool may_be_missing(u32 step, int err)
{
	return step > 1 && (err == -EOPNOTSUPP || (step >= STEPS && err == -EINVAL) ||
			    (step >= STEPS && err == -ENODEV) || (step < STEPS && err == -ENOENT));
}

int spw_link_watch_go_on(struct spw_link_watch *watch, u32 datagrams, struct spw_space_facts *facts,
			 struct spw_own_set *set)
{
	static _Alignas(8) char bytes[DATAGRAM_BYTES];

	for (u32 i = 0; i < datagrams; i++) {
		ssize_t got = recv(watch->dumps_fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
		int done;

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (got < 0)
			return -errno;
		if ((size_t)got > sizeof(bytes))
			return -EMSGSIZE;
		done = spw_link_messages_read(bytes, (size_t)got, watch->sequence, facts, set);
		if (done < 0 && !may_be_missing(watch->step, done))
			return done;
		if (!done)
			continue;
		watch->step++;
		done = begin_step(watch);
		if (done)
			return done;
	}
	return 0;
}
