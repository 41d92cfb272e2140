/* SPDX-License-Identifier: GPL-2.0-only */
#include "connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "diag_reply.h"

#define STATES	  (1u << 1 | 1u << 8) /* TCP_ESTABLISHED, TCP_CLOSE_WAIT of linux/tcp_states.h */
#define BATCH	  64u		      /* connections that one message to the kernel ends */
#define NS_PER_MS 1000000ull

struct spw_connections {
	const struct spw_scope *scope; /* NULL: nothing is followed yet */
	int storage_fd;
	int dumps[SPW_NAMESPACES_MAX]; /* -errno: there is none */
	int ends[SPW_NAMESPACES_MAX];
	u32 fds_count;
	/* The cursor: what is being dumped. */
	u32 space;
	bool six;
	bool asked;
	u32 sequence;	  /* of dumps */
	u32 end_sequence; /* of requests to end */
	_Alignas(struct nlmsghdr) char reply[SPW_DIAG_REPLY_BYTES];
};

/* A dump's request, with the map whose value is wanted for each socket. */
struct dump_request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
	struct nlattr storages, map;
	u32 map_fd;
};

struct end_request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
};

int spw_connections_open(struct spw_connections **opened)
{
	*opened = calloc(1, sizeof(**opened));
	return *opened ? 0 : -ENOMEM;
}

static int open_socket(const struct spw_connections *connections, u32 space)
{
	return spw_namespace_socket(&connections->scope->namespaces[space], AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK,
				    NETLINK_SOCK_DIAG);
}

static void close_sockets(struct spw_connections *connections)
{
	for (u32 i = 0; i < connections->fds_count; i++) {
		spw_close_fd(&connections->dumps[i]);
		spw_close_fd(&connections->ends[i]);
	}
	connections->fds_count = 0;
}

void spw_connections_follow(struct spw_connections *connections, const struct spw_scope *scope, int storage_fd)
{
	close_sockets(connections);
	connections->scope = scope;
	connections->storage_fd = storage_fd;
	for (u32 i = 0; i < scope->namespaces_count; i++) {
		connections->dumps[i] = open_socket(connections, i);
		connections->ends[i] = open_socket(connections, i);
	}
	connections->fds_count = scope->namespaces_count;
	connections->space = 0;
	connections->six = connections->asked = false;
}

void spw_connections_close(struct spw_connections *connections)
{
	if (!connections)
		return;
	close_sockets(connections);
	free(connections);
}

/* ---- looking ---- */

static int ask(struct spw_connections *connections)
{
	bool storage = connections->storage_fd >= 0;
	struct dump_request message = {
		.header = {.nlmsg_len = storage ? sizeof(message) : offsetof(struct dump_request, storages),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			   .nlmsg_seq = ++connections->sequence},
		.request = {.sdiag_family = connections->six ? AF_INET6 : AF_INET,
			    .sdiag_protocol = IPPROTO_TCP,
			    .idiag_ext = 1u << (INET_DIAG_INFO - 1),
			    .idiag_states = STATES},
		.storages = {.nla_len = 2 * sizeof(struct nlattr) + sizeof(u32),
			     .nla_type = NLA_F_NESTED | INET_DIAG_REQ_SK_BPF_STORAGES},
		.map = {.nla_len = sizeof(struct nlattr) + sizeof(u32), .nla_type = SK_DIAG_BPF_STORAGE_REQ_MAP_FD},
		.map_fd = (u32)connections->storage_fd,
	};

	if (send(connections->dumps[connections->space], &message, message.header.nlmsg_len, MSG_DONTWAIT) < 0)
		return -errno;
	connections->asked = true;
	return 0;
}

/* The attribute of @type among @left bytes, with its length; NULL: there is none. */
static const void *find_attribute(const char *at, size_t left, u32 type, size_t *length)
{
	struct nlattr attribute;

	while (left >= sizeof(attribute)) {
		size_t step;

		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > left)
			return NULL;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type) {
			*length = attribute.nla_len - sizeof(attribute);
			return at + sizeof(attribute);
		}
		step = NLA_ALIGN(attribute.nla_len);
		if (step >= left)
			return NULL;
		at += step;
		left -= step;
	}
	return NULL;
}

static bool find_storage(const char *attributes, size_t left, struct spw_signal_socket *state)
{
	size_t length;
	const char *at = find_attribute(attributes, left, INET_DIAG_SK_BPF_STORAGES, &length);

	if (at)
		at = find_attribute(at, length, SK_DIAG_BPF_STORAGE, &length);
	if (at)
		at = find_attribute(at, length, SK_DIAG_BPF_STORAGE_MAP_VALUE, &length);
	if (!at || length < sizeof(*state))
		return false;
	memcpy(state, at, sizeof(*state));
	return true;
}

static u32 requests_lately(const struct spw_signal_socket *state, u64 now_ns)
{
	u32 span = (u32)(now_ns >> SPW_SPAN_SHIFT);

	if (state->span == span)
		return (u32)state->requests + state->before;
	return state->span + 1 == span ? state->requests : 0;
}

static u64 since(u64 now_ns, u64 then_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* Fill @connection from one message; false: it belongs to no service. */
static bool take_connection(const struct spw_connections *connections, const struct nlmsghdr *header, u64 now_ns,
			    struct spw_connection *connection)
{
	const struct inet_diag_msg *socket = NLMSG_DATA(header);
	const char *attributes = (const char *)(socket + 1);
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*socket)), length;
	const struct spw_port port = spw_scope_port(connections->scope, ntohs(socket->id.idiag_sport),
						    socket->idiag_family, socket->id.idiag_src);
	u32 service = port.service;
	struct spw_signal_socket state = {0};
	struct tcp_info info = {0};
	const void *at;

	if (!service || !(port.bits & SPW_PORT_SERVES) ||
	    !(connections->scope->in[service - 1] >> connections->space & 1))
		return false;
	*connection = (struct spw_connection){
		.interface = socket->id.idiag_if,
		.cookie = {socket->id.idiag_cookie[0], socket->id.idiag_cookie[1]},
		.local_port = socket->id.idiag_sport,
		.remote_port = socket->id.idiag_dport,
		.family = socket->idiag_family == AF_INET6 ? 6 : 4,
		.space = (u8)connections->space,
		.service = (u8)(service - 1),
	};
	memcpy(connection->local, socket->id.idiag_src, sizeof(connection->local));
	memcpy(connection->remote, socket->id.idiag_dst, sizeof(connection->remote));
	at = find_attribute(attributes, left, INET_DIAG_INFO, &length);
	if (at)
		memcpy(&info, at, length < sizeof(info) ? length : sizeof(info));
	connection->idle_ns = info.tcpi_last_data_recv * NS_PER_MS;
	if (find_storage(attributes, left, &state)) {
		connection->requests = requests_lately(&state, now_ns);
		connection->flags = state.ready_ns || state.asked_ns ? SPW_CONNECTION_BUSY : 0;
		connection->waits_ns = state.ready_ns ? since(now_ns, state.ready_ns) : 0;
	} else if (socket->idiag_rqueue) {
		connection->flags = SPW_CONNECTION_BUSY;
		connection->waits_ns = connection->idle_ns;
	}
	/* Without an inode it still waits to be accepted. */
	if (!socket->idiag_inode && connection->idle_ns > connection->waits_ns)
		connection->waits_ns = connection->idle_ns;
	return true;
}

/* One reply. Returns 1: more are to come, 0: that was the last one, or -errno. */
static int take_reply(const struct spw_connections *connections, size_t length, u64 now_ns,
		      struct spw_connection *found, u32 *count)
{
	struct spw_diag_reply reply = spw_diag_reply(connections->reply, length, connections->sequence);

	for (const struct nlmsghdr *header; (header = spw_diag_next(&reply));)
		if (*count < SPW_SWEEP_STEP_MAX && take_connection(connections, header, now_ns, &found[*count]))
			(*count)++;
	return reply.result;
}

/* Go on to the next family or namespace; true: the sweep is complete. */
static bool go_on(struct spw_connections *connections)
{
	connections->asked = false;
	connections->six = !connections->six;
	if (connections->six)
		return false;
	connections->space++;
	if (connections->space < connections->fds_count)
		return false;
	connections->space = 0;
	return true;
}

int spw_connections_sweep(struct spw_connections *connections, u64 now_ns, struct spw_connection *found, u32 *count,
			  bool *whole)
{
	int fd, err;
	ssize_t got;

	*count = 0;
	*whole = true;
	if (!connections->fds_count)
		return 0;
	fd = connections->dumps[connections->space];
	err = fd < 0 ? fd : 0;
	if (!err && !connections->asked)
		err = ask(connections);
	if (!err) {
		got = recv(fd, connections->reply, sizeof(connections->reply), MSG_DONTWAIT);
		err = got < 0 ? -errno : take_reply(connections, (size_t)got, now_ns, found, count);
	}
	if (err > 0) {
		*whole = false;
		return 0;
	}
	if (err) {
		/* A socket with an unfinished dump refuses another one: replace it. */
		spw_close_fd(&connections->dumps[connections->space]);
		connections->dumps[connections->space] = open_socket(connections, connections->space);
	}
	*whole = go_on(connections);
	return err;
}

/* ---- ending ---- */

static void fill_request(struct end_request *message, const struct spw_connection *victim, u32 sequence)
{
	*message = (struct end_request){
		.header = {.nlmsg_len = sizeof(*message),
			   .nlmsg_type = SOCK_DESTROY,
			   .nlmsg_flags = NLM_F_REQUEST, /* only errors are answered */
			   .nlmsg_seq = sequence},
		.request = {.sdiag_family = victim->family == 6 ? AF_INET6 : AF_INET,
			    .sdiag_protocol = IPPROTO_TCP,
			    .idiag_states = STATES,
			    .id = {.idiag_sport = victim->local_port,
				   .idiag_dport = victim->remote_port,
				   .idiag_if = victim->interface,
				   .idiag_cookie = {victim->cookie[0], victim->cookie[1]}}},
	};
	memcpy(message->request.id.idiag_src, victim->local, sizeof(victim->local));
	memcpy(message->request.id.idiag_dst, victim->remote, sizeof(victim->remote));
}

/* Clear @ended for those that could not be ended. @first: number of the first of @count requests */
static int take_results(struct spw_connections *connections, int fd, u32 first, u32 count, bool *ended)
{
	int err = 0;

	/* The dump's buffer is free between two steps. */
	for (ssize_t got; (got = recv(fd, connections->reply, sizeof(connections->reply), MSG_DONTWAIT)) > 0;) {
		u32 left = (u32)got;

		for (const struct nlmsghdr *header = (const void *)connections->reply; NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left)) {
			const struct nlmsgerr *result = NLMSG_DATA(header);
			u32 index = header->nlmsg_seq - first;

			if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < NLMSG_LENGTH(sizeof(*result)) ||
			    index >= count)
				continue;
			ended[index] = false;
			if (result->error != -ENOENT)
				err = result->error;
		}
	}
	return err;
}

/* Of one namespace, up to BATCH. */
static int end_batch(struct spw_connections *connections, const struct spw_connection *victims, u32 count, bool *ended)
{
	int fd = connections->ends[victims->space];
	struct end_request messages[BATCH];
	u32 first = connections->end_sequence + 1;

	if (fd < 0)
		return fd;
	for (u32 i = 0; i < count; i++)
		fill_request(&messages[i], &victims[i], first + i);
	connections->end_sequence += count;
	if (send(fd, messages, count * sizeof(messages[0]), MSG_DONTWAIT) < 0)
		return -errno;
	memset(ended, true, count * sizeof(*ended));
	return take_results(connections, fd, first, count, ended);
}

int spw_connections_end(struct spw_connections *connections, const struct spw_connection *victims, u32 count,
			bool *ended)
{
	int err = 0, one;

	memset(ended, 0, count * sizeof(*ended));
	for (u32 i = 0, batch; i < count; i += batch) {
		for (batch = 1; batch < BATCH && i + batch < count && victims[i + batch].space == victims[i].space;)
			batch++;
		one = victims[i].space < connections->fds_count ? end_batch(connections, &victims[i], batch, &ended[i])
								: -EINVAL;
		err = one ? one : err;
	}
	return err;
}
