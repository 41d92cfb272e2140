/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sampling, after the verdict: one packet in N, rate-limited per CPU. Above the limit or with a full ring buffer only a
 * counter of lost samples changes.
 */
#ifndef SPW_BPF_SAMPLE_BPF_H
#define SPW_BPF_SAMPLE_BPF_H

#include "maps/maps.bpf.h"
#include "meter.h"
#include "sample.h"
#include "verdict.h"

/* BPF_RB_NO_WAKEUP, which vmlinux.h lacks (anonymous enumeration). */
#define SPW_NO_WAKEUP 1

/* Covers SPW_SAMPLE_HEADER. */
#define SPW_SAMPLE_MASK 127

#define SPW_SAMPLE_INTERVAL_NS (1000000000ull / SPW_SAMPLES_PER_S)

/* What the pipeline knows about a packet, in one register: saves stack. @network: spw_packet.network */
SPW_INLINE u64 spw_sample_word(const struct spw_slot *slot, struct spw_judgement judgement, bool new_work, u32 bits,
			       u32 network)
{
	return (u64)slot->list | (u64)slot->class_id << 16 | (u64)judgement.reason << 24 |
	       (u64)judgement.verdict << 32 | (u64)new_work << 40 | (u64)bits << 48 | (u64)network << 56;
}

/*
 * What was judged by an inner IP header is sampled from there on, behind an Ethernet header without addresses. So who
 * reads samples knows nothing of tunnels.
 */
SPW_INLINE u64 spw_sampled_from(u64 network)
{
	return network > SPW_ETH_BYTES + SPW_VLANS_MAX * SPW_VLAN_BYTES ? network - SPW_ETH_BYTES : 0;
}

SPW_INLINE void spw_frame_inner(u8 header[SPW_SAMPLE_HEADER])
{
	u32 type = header[SPW_ETH_BYTES] >> 4 == 6 ? SPW_ETH_IPV6 : SPW_ETH_IPV4;

	for (u32 i = 0; i < 12; i++)
		header[i] = 0;
	header[12] = (u8)(type >> 8);
	header[13] = (u8)type;
}

SPW_INLINE void spw_fill_sample(struct xdp_md *ctx, u64 word, u64 now, struct spw_sample *sample)
{
	u64 length = bpf_xdp_get_buff_len(ctx);
	u64 from = spw_sampled_from(word >> 56), captured = length - from;

	sample->time_ns = now;
	sample->length = length;
	sample->list = word;
	sample->class_id = word >> 16;
	sample->reason = word >> 24;
	sample->verdict = word >> 32;
	sample->new_work = word >> 40;
	sample->shift = 32 - (u8)(word >> 48);
	if (captured > SPW_SAMPLE_HEADER)
		captured = SPW_SAMPLE_HEADER;
	/*
	 * The verifier must know that it is not 0, and before 6.8 does not learn that from a comparison. This keeps 1
	 * to 100 and turns 0 into a number that is too large.
	 */
	SPW_OPAQUE(captured);
	captured = ((captured - 1) & SPW_SAMPLE_MASK) + 1;
	SPW_OPAQUE(captured);
	sample->captured = captured;
	if (captured > SPW_SAMPLE_HEADER || bpf_xdp_load_bytes(ctx, from, sample->header, captured))
		sample->captured = 0;
	if (from)
		spw_frame_inner(sample->header);
}

/* Global function: the verifier checks it once. No wakeup: the agent polls at each tick. */
__attribute__((noinline)) int take_sample(struct xdp_md *ctx, u64 word)
{
	struct spw_sampling *state = bpf_map_lookup_elem(&sampling, &only);
	u32 verdict = word >> 32 & 1;
	struct spw_sample *sample;
	u64 now, arrival;

	if (!state || !(word >> 48 & 0xff))
		return 0;
	now = bpf_ktime_get_ns();
	arrival = state->arrival_ns;
	if (spw_meter_backlog(arrival, now) > SPW_SAMPLES_BURST * SPW_SAMPLE_INTERVAL_NS) {
		state->bounded[verdict]++;
		return 0;
	}
	state->arrival_ns = spw_meter_next(arrival, now, SPW_SAMPLE_INTERVAL_NS);
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		state->full[verdict]++;
		return 0;
	}
	spw_fill_sample(ctx, word, now, sample);
	state->taken[verdict]++;
	bpf_ringbuf_submit(sample, SPW_NO_WAKEUP);
	return 0;
}

#endif
