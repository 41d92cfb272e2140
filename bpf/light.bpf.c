/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's side of the light listener (maps/light.h), one object for each network namespace of services that have one.
 * Loaded by user/kernel/light.c, apart from the datapath: a failure here costs the light answers only.
 *
 *   give_to_listener   sk_lookup: attached to the namespace. Runs where no connection has the packet.
 *   find_listener      never attached: the agent runs it in the namespace, once a second, to look the listening socket
 *                      up and put it into light_listeners. The kernel takes a socket out when it is closed.
 *
 * Failing safe: without a mark, and where a listener cannot take the packet, the lookup goes on as if this program were not
 * there. Only while the lease is valid and the listener is gone is a marked packet refused (the kernel answers with a RST):
 * passing it would add to the work of a service that refuses some already.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "light.h"
#include "light_sockets.bpf.h"
#include "maps/control.h"

static const u32 only = 0;

enum { FAMILY_INET = 2, FAMILY_INET6 = 10, PROTOCOL_TCP = 6, LOOPBACK4 = 0x7f000001 };

/* Set at load: how long a mark lives. */
const volatile u32 light_stay_jiffies = 0;

/* Packets of marked flows that were refused as their listener is gone. Written here alone. */
u64 light_orphans;

/* The first two are the datapath's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, u32);
	__type(value, struct spw_control);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spw_light);
} light SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, SPW_LIGHT_LISTENERS_MAX);
	__type(key, struct spw_light_key);
	__type(value, u64);
} light_listeners SEC(".maps");

SPW_INLINE u64 join(u32 first, u32 second)
{
	return (u64)bpf_ntohl(first) << 32 | bpf_ntohl(second);
}

SPW_INLINE void read_flow(const struct bpf_sk_lookup *ctx, struct spw_light_flow *flow)
{
	flow->ports = (u32)bpf_ntohs((u16)ctx->remote_port) << 16 | (ctx->local_port & 0xffff);
	if (ctx->family == FAMILY_INET) {
		flow->remote_hi = join(ctx->remote_ip4, 0);
		flow->local_hi = join(ctx->local_ip4, 0);
		flow->remote_lo = flow->local_lo = 0;
		return;
	}
	flow->remote_hi = join(ctx->remote_ip6[0], ctx->remote_ip6[1]);
	flow->remote_lo = join(ctx->remote_ip6[2], ctx->remote_ip6[3]);
	flow->local_hi = join(ctx->local_ip6[0], ctx->local_ip6[1]);
	flow->local_lo = join(ctx->local_ip6[2], ctx->local_ip6[3]);
}

/* The listener is gone. */
SPW_INLINE int orphan(const struct spw_control *state)
{
	if (bpf_jiffies64() >= state->lease_until_jiffies)
		return SK_PASS;
	__sync_fetch_and_add(&light_orphans, 1);
	return SK_DROP;
}

SEC("sk_lookup")
int give_to_listener(struct bpf_sk_lookup *ctx)
{
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const struct spw_light *table = bpf_map_lookup_elem(&light, &only);
	struct spw_light_key key = {0};
	struct spw_light_flow flow;
	struct bpf_sock *listener;
	u64 hash;
	long err;

	if (!state || !table || ctx->protocol != PROTOCOL_TCP)
		return SK_PASS;
	read_flow(ctx, &flow);
	hash = spw_light_hash(&flow, state->seed);
	key.service = spw_light_find(table->sets[spw_light_set(hash)], hash, bpf_jiffies64(), light_stay_jiffies);
	if (!key.service)
		return SK_PASS;
	key.port = ctx->local_port;
	key.family = ctx->family == FAMILY_INET ? 4 : 6;
	listener = bpf_map_lookup_elem(&light_listeners, &key);
	if (!listener)
		return orphan(state);
	err = bpf_sk_assign(ctx, listener, 0);
	bpf_sk_release(listener);
	return err ? orphan(state) : SK_PASS;
}

/* struct bpf_sock_tuple, of which vmlinux.h would hold only the members in use. Network order. */
struct tuple4 {
	u32 source, destination;
	u16 source_port, port;
};

struct tuple6 {
	u32 source[4], destination[4];
	u16 source_port, port;
};

/* The socket that a connection to the listener's port on the loopback address would get. */
SPW_INLINE struct bpf_sock *look_up_listener(struct __sk_buff *ctx, const struct spw_light_search *search)
{
	u16 port = bpf_htons(search->listener);
	struct tuple4 tuple4 = {.source = bpf_htonl(LOOPBACK4), .destination = bpf_htonl(LOOPBACK4), .port = port};
	struct tuple6 tuple6 = {.source[3] = bpf_htonl(1), .destination[3] = bpf_htonl(1), .port = port};

	if (search->key.family == 4)
		return bpf_sk_lookup_tcp(ctx, (void *)&tuple4, sizeof(tuple4), BPF_F_CURRENT_NETNS, 0);
	return bpf_sk_lookup_tcp(ctx, (void *)&tuple6, sizeof(tuple6), BPF_F_CURRENT_NETNS, 0);
}

SEC("tc")
int find_listener(struct __sk_buff *ctx)
{
	struct spw_light_search *given = (void *)(long)ctx->data, search;
	struct spw_light_key key;
	struct bpf_sock *socket;
	long err = -1;

	if ((void *)(given + 1) > (void *)(long)ctx->data_end)
		return 0;
	search = *given;
	key = search.key;
	socket = look_up_listener(ctx, &search);
	if (!socket)
		return 0;
	if (socket->state == BPF_TCP_LISTEN &&
	    bpf_sk_storage_get(&light_sockets, socket, NULL, BPF_SK_STORAGE_GET_F_CREATE))
		err = bpf_map_update_elem(&light_listeners, &key, socket, BPF_ANY);
	bpf_sk_release(socket);
	return !err;
}

char LICENSE[] SEC("license") = "GPL";
