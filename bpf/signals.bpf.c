/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long requests wait until the application reads them, and until it begins to answer. Loaded by
 * user/kernel/read_wait.c, separate from the datapath: a failure here costs the signal only.
 *
 *   event       hook                         note
 *   data ready  tp_btf/sk_data_ready         fentry/sock_def_readable where the tracepoint is missing (before 6.3)
 *   read        tp_btf/tcp_rcv_space_adjust  any call that takes data: recv, read, splice, io_uring
 *   answer      tp_btf/tcp_sendmsg_locked    from 6.16; any call that sends: send, write, sendfile, splice, io_uring, TLS
 *               fentry/tcp_sendmsg_locked    before it; and fentry/do_tcp_sendpages for sendfile before 6.5
 *               tp_btf/sock_send_length      where fentry is not permitted, from 6.3; not under the lock
 *   end         tp_btf/tcp_destroy_sock      closed, aborted or never accepted, with data unread or unanswered
 *
 * They run under the socket's lock, so they do not race. sock_recv_length and sock_send_length run after it: data that
 * arrived meanwhile would be taken for those just read or answered. For answers this only loses some: a client on the
 * same host that asks again before the sender's call returns.
 *
 * A request begins with the last data ready before its answer, so that slow uploads and handshakes do not count as
 * waits. An answer is the first send after all data were read. What the application sends unasked, or before it has
 * read everything (TLS tickets, HTTP/2 settings), is not an answer.
 *
 * SYN floods and idle connections take no memory: a socket gets storage when it has data. Data that arrive before
 * accept() count on the connection's own socket. A FIN alone is not data.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "light_sockets.bpf.h"
#include "unread.h"

/* BPF_PROG makes a function with the context as a parameter, used or not. */
#pragma clang diagnostic ignored "-Wunused-parameter"

/* From the kernel's headers: uapi, or values that have never changed. */
enum {
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	PROTOCOL_TCP = 6,
	STATE_LISTEN = 10,
	FLAG_DONE = 1 << 1,   /* SOCK_DONE: the FIN has come */
	RECEIVE_SHUTDOWN = 1, /* RCV_SHUTDOWN: by a FIN, or by the application */
};

/* Set at load: a program sees answers, so a request ends with its answer. */
const volatile bool answers_seen = false;

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct spw_signal_socket);
} signal_waits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, u32);
	__type(value, struct spw_signal_scope);
} signal_scope SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPW_SERVICE_IDENTITIES);
	__type(key, u32);
	__type(value, struct spw_signal_tally);
} signal_tallies SEC(".maps");

SPW_INLINE bool is_connection(const struct sock *sk)
{
	u16 family = sk->__sk_common.skc_family;

	return (family == FAMILY_INET || family == FAMILY_INET6) && sk->sk_protocol == PROTOCOL_TCP &&
	       sk->__sk_common.skc_state != STATE_LISTEN;
}

/* The local address. A connection of IPv4 to a socket of IPv6 has an IPv4-mapped one. */
SPW_INLINE struct spw_local local_of(const struct sock *sk)
{
	const struct in6_addr *address = &sk->__sk_common.skc_v6_rcv_saddr;

	if (sk->__sk_common.skc_family == FAMILY_INET)
		return (struct spw_local){0, SPW_IPV4_MAPPED | __builtin_bswap32(sk->__sk_common.skc_rcv_saddr)};
	return (struct spw_local){
		(u64)__builtin_bswap32(address->in6_u.u6_addr32[0]) << 32 |
			__builtin_bswap32(address->in6_u.u6_addr32[1]),
		(u64)__builtin_bswap32(address->in6_u.u6_addr32[2]) << 32 |
			__builtin_bswap32(address->in6_u.u6_addr32[3]),
	};
}

/* The socket's port; service 0: it belongs to none. */
SPW_INLINE struct spw_port port_of(const struct sock *sk)
{
	const u32 only = 0;
	const struct spw_signal_scope *scope = bpf_map_lookup_elem(&signal_scope, &only);
	const struct spw_port none = {0};
	struct spw_local local;
	struct spw_port port;
	u32 inode;

	if (!scope)
		return none;
	port = scope->ports[sk->__sk_common.skc_num];
	if (spw_port_group(port)) {
		local = local_of(sk);
		port = spw_port_at(port, &scope->locals, local.hi, local.lo);
	}
	if (!port.service || port.service >= SPW_SERVICE_IDENTITIES)
		return none;
	inode = sk->__sk_common.skc_net.net->ns.inum;
	for (u32 i = 0; i < SPW_NAMESPACES_MAX; i++) {
		if (i >= scope->namespaces_count)
			break;
		if (scope->namespaces[i] == inode)
			return scope->in[port.service] >> i & 1 ? port : none;
	}
	return none;
}

/* Whether there is anything to read besides a FIN. */
SPW_INLINE bool has_data(struct sock *sk)
{
	struct tcp_sock *tcp;

	if (!(sk->sk_shutdown & RECEIVE_SHUTDOWN))
		return true;
	if (!(sk->__sk_common.skc_flags & FLAG_DONE))
		return false; /* the application has shut down reading */
	tcp = bpf_skc_to_tcp_sock(sk);
	return tcp && tcp->rcv_nxt - tcp->copied_seq > 1;
}

/*
 * A request: data ready on a connection that owes no answer, or, where answers are not seen, data ready after a read.
 */
SPW_INLINE void note_request(struct spw_signal_tally *tally, struct spw_signal_socket *wait)
{
	u32 span = wait->ready_ns >> SPW_SPAN_SHIFT;

	if (wait->asked_ns && answers_seen)
		return;
	if (wait->span != span) {
		wait->before = wait->span + 1 == span ? wait->requests : 0;
		wait->requests = 0;
		wait->span = span;
	}
	if (wait->requests < 0xffff)
		wait->requests++;
	if (!wait->was_read)
		return;
	wait->later = 1;
	__sync_fetch_and_add(&tally->later_requests, 1);
}

SPW_INLINE int on_data_ready(struct sock *sk)
{
	struct spw_signal_tally *tally;
	struct spw_signal_socket *wait;
	struct spw_port port;
	u32 service;

	if (!is_connection(sk))
		return 0;
	port = port_of(sk);
	service = port.service;
	if (!service)
		return 0;
	wait = bpf_sk_storage_get(&signal_waits, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!wait || wait->ready_ns || wait->light || !has_data(sk))
		return 0;
	wait->light = !wait->service && bpf_sk_storage_get(&light_sockets, sk, NULL, 0);
	if (wait->light)
		return 0;
	tally = bpf_map_lookup_elem(&signal_tallies, &service);
	if (!tally)
		return 0;
	wait->service = service;
	wait->serves = !!(port.bits & SPW_PORT_SERVES);
	wait->unread = wait->was_read ? SPW_UNREAD_LATER : SPW_UNREAD_FIRST;
	wait->ready_ns = bpf_ktime_get_ns();
	if (wait->serves)
		note_request(tally, wait);
	if (port.bits & SPW_PORT_WAITS) {
		spw_shift_unread(tally, wait->unread, wait->ready_ns >> SPW_EPOCH_SHIFT, 1);
		if (!wait->asked_ns)
			__sync_fetch_and_add(&tally->requests, 1);
	} else {
		wait->unread = SPW_UNREADS;
	}
	wait->asked_ns = wait->ready_ns;
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(data_ready, struct sock *sk)
{
	return on_data_ready(sk);
}

SEC("fentry/sock_def_readable")
int BPF_PROG(data_ready_fentry, struct sock *sk)
{
	return on_data_ready(sk);
}

/* Uncount unread data. Returns the socket's tally, NULL if it has none. */
SPW_INLINE struct spw_signal_tally *settle(struct spw_signal_socket *wait)
{
	u32 service = wait->service;
	struct spw_signal_tally *tally = bpf_map_lookup_elem(&signal_tallies, &service);

	if (tally && wait->unread < SPW_UNREADS)
		spw_shift_unread(tally, wait->unread, wait->ready_ns >> SPW_EPOCH_SHIFT, -1);
	return tally;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(data_read, struct sock *sk)
{
	struct spw_signal_tally *tally;
	struct spw_signal_socket *wait;
	u64 now_ns;

	/* Most sockets have no storage, and a call is expensive. */
	if (!sk->sk_bpf_storage)
		return 0;
	wait = bpf_sk_storage_get(&signal_waits, sk, NULL, 0);
	if (!wait || !wait->ready_ns)
		return 0;
	tally = settle(wait);
	now_ns = bpf_ktime_get_ns();
	if (tally) {
		u32 bucket = spw_wait_bucket(now_ns - wait->ready_ns);

		if (wait->unread < SPW_UNREADS && bucket < SPW_WAIT_BUCKETS)
			__sync_fetch_and_add(&tally->waits[bucket], 1);
		if (wait->serves && !wait->was_read)
			__sync_fetch_and_add(&tally->first_reads, 1);
		if (wait->later)
			__sync_fetch_and_add(&tally->later_reads, 1);
		if (wait->unread < SPW_UNREADS)
			tally->last_read_ns = now_ns;
	}
	wait->was_read = 1;
	wait->later = 0;
	wait->ready_ns = 0;
	return 0;
}

/* Whether data remain unread: a record behind the one just read, or the next request. */
SPW_INLINE bool has_unread(const struct sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock((void *)sk);

	return tcp && tcp->rcv_nxt - tcp->copied_seq > !!(sk->sk_shutdown & RECEIVE_SHUTDOWN);
}

SPW_INLINE int on_send(struct sock *sk)
{
	struct spw_signal_tally *tally;
	struct spw_signal_socket *wait;
	u32 service, bucket;

	if (!sk->sk_bpf_storage)
		return 0;
	wait = bpf_sk_storage_get(&signal_waits, sk, NULL, 0);
	if (!wait || !wait->asked_ns || wait->ready_ns == wait->asked_ns || has_unread(sk))
		return 0;
	service = wait->service;
	tally = bpf_map_lookup_elem(&signal_tallies, &service);
	bucket = spw_wait_bucket(bpf_ktime_get_ns() - wait->asked_ns);
	if (tally && wait->unread < SPW_UNREADS && bucket < SPW_WAIT_BUCKETS)
		__sync_fetch_and_add(&tally->answers[bucket], 1);
	wait->asked_ns = 0;
	return 0;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(answer, struct sock *sk)
{
	return on_send(sk);
}

SEC("fentry/tcp_sendmsg_locked")
int BPF_PROG(answer_fentry, struct sock *sk)
{
	return on_send(sk);
}

SEC("fentry/do_tcp_sendpages")
int BPF_PROG(answer_pages_fentry, struct sock *sk)
{
	return on_send(sk);
}

/* Called for sockets of all families. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(answer_sent, struct sock *sk, int sent)
{
	return sent > 0 && is_connection(sk) ? on_send(sk) : 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(socket_gone, struct sock *sk)
{
	struct spw_signal_tally *tally;
	struct spw_signal_socket *wait;
	u32 service;

	if (!sk->sk_bpf_storage)
		return 0;
	wait = bpf_sk_storage_get(&signal_waits, sk, NULL, 0);
	if (!wait)
		return 0;
	if (wait->ready_ns)
		settle(wait);
	wait->ready_ns = 0;
	if (!wait->asked_ns)
		return 0;
	service = wait->service;
	tally = bpf_map_lookup_elem(&signal_tallies, &service);
	if (tally && wait->unread < SPW_UNREADS)
		__sync_fetch_and_add(&tally->ended, 1);
	wait->asked_ns = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
