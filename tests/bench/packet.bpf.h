/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of the bench, and how its programs read it: at fixed offsets (classification alone), or by the real parser,
 * called as in bpf/spillway.bpf.c.
 */
#ifndef SPW_BENCH_PACKET_BPF_H
#define SPW_BENCH_PACKET_BPF_H

#include "bpf/parse.h"

enum bench_frame {
	BENCH_IP4 = 14,
	BENCH_CHECKSUM4 = 14 + 10,
	BENCH_SOURCE4 = 14 + 12,
	BENCH_IP4_END = 14 + 20,
	BENCH_SOURCE6 = 14 + 8,
	BENCH_IP6_END = 14 + 40,
	BENCH_PORT4 = BENCH_IP4_END,
	BENCH_SEQUENCE4 = BENCH_IP4_END + 4,
	BENCH_TCP_CHECKSUM4 = BENCH_IP4_END + 16,
	BENCH_TCP4_END = BENCH_IP4_END + 20,
	BENCH_SEQUENCE6 = BENCH_IP6_END + 4,
	BENCH_TCP6_END = BENCH_IP6_END + 20,
};

#ifdef __bpf__
/*
 * Parses like bpf/spillway.bpf.c parses common frames. False: any other frame, which the bench does not send and for
 * which the real program takes the general path.
 */
SPW_INLINE bool bench_parse_frame(struct xdp_md *ctx, struct spw_packet *packet)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct spw_cursor cursor;

	/* Keep the compiler from folding offsets into the context's own loads. */
	asm volatile("" : "+r"(start), "+r"(end));
	return spw_parse_usual4(start, end, (u32)(end - start), &cursor, packet) ||
	       spw_parse_usual6(start, end, (u32)(end - start), &cursor, packet);
}

/* Left aligned, as the tables take it. */
SPW_INLINE u64 bench_source4(struct xdp_md *ctx)
{
	const u8 *packet = (void *)(long)ctx->data;

	if (packet + BENCH_IP4_END > (u8 *)(long)ctx->data_end)
		return 0;
	return (u64)spw_load32(packet + BENCH_SOURCE4) << 32;
}

SPW_INLINE void bench_source6(struct xdp_md *ctx, u64 *hi, u64 *lo)
{
	const u8 *packet = (void *)(long)ctx->data;

	*hi = *lo = 0;
	if (packet + BENCH_IP6_END > (u8 *)(long)ctx->data_end)
		return;
	*hi = spw_load64(packet + BENCH_SOURCE6);
	*lo = spw_load64(packet + BENCH_SOURCE6 + 8);
}
#endif

#endif
