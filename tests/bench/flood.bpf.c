/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turns a live frame into a SYN of a flood: random source from a prefix, source port and sequence number, both
 * checksums right, so that a receiver that passes it has a connection to answer. Loaded by flood.c.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "packet.bpf.h"

/* Set by user space. */
const volatile u32 first_source = 0; /* of the flood; the last bits are random */
const volatile u32 sources_mask = 0;

u64 state = 1;
u64 sent = 0;

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003). */
SPW_INLINE u64 draw(void)
{
	u64 drawn = state;

	drawn ^= drawn << 13;
	drawn ^= drawn >> 7;
	drawn ^= drawn << 17;
	state = drawn;
	return drawn;
}

SPW_INLINE u16 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16) ~((sum & 0xffff) + (sum >> 16));
}

SPW_INLINE u32 add_up(const u8 *packet, u32 from, u32 to)
{
	u32 sum = 0;

	for (u32 at = from; at < to; at += 2)
		sum += *(u16 *)(packet + at);
	return sum;
}

/* RFC 1071; TCP's includes the pseudo-header: addresses, protocol 6, a length of 20. */
SPW_INLINE void give_checksums(u8 *packet)
{
	*(u16 *)(packet + BENCH_CHECKSUM4) = 0;
	*(u16 *)(packet + BENCH_CHECKSUM4) = fold(add_up(packet, BENCH_IP4, BENCH_IP4_END));
	*(u16 *)(packet + BENCH_TCP_CHECKSUM4) = 0;
	*(u16 *)(packet + BENCH_TCP_CHECKSUM4) =
		fold(add_up(packet, BENCH_SOURCE4, BENCH_TCP4_END) + __builtin_bswap16(6) + __builtin_bswap16(20));
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	u8 *packet = (u8 *)(long)ctx->data;
	u64 drawn = draw();

	if (packet + BENCH_TCP4_END > (u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	*(u32 *)(packet + BENCH_SOURCE4) = __builtin_bswap32(first_source | ((u32)drawn & sources_mask));
	*(u16 *)(packet + BENCH_PORT4) = (u16)(drawn >> 48) | 4; /* at least 1,024 */
	*(u32 *)(packet + BENCH_SEQUENCE4) = (u32)(drawn >> 16);
	give_checksums(packet);
	sent++;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
