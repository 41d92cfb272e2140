/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pipeline: packet -> parse -> classify -> verdict -> account -> PASS or DROP. It is attached to every protected
 * interface, reads what the agent publishes, and writes nothing but counters. Every error in here ends in XDP_PASS.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "account.bpf.h"
#include "budget.bpf.h"
#include "classify.h"
#include "parse.h"
#include "verdict.h"

/* Fixed at load: units of the ruleset's table, less one; a power of two, less one. */
const volatile u32 spw_unit_mask = 0;

/* Fixed at load: write every judgement to the trace map, as `simulate` wants it. */
const volatile bool spw_trace = false;

/*
 * All three steps of parsing, with the length of the whole frame, for what the fast path below does not settle. Global
 * functions: the verifier looks at each once by itself and not once for every way that leads to it.
 */
__attribute__((noinline)) int parse_extensions(struct xdp_md *ctx, struct spw_cursor *cursor, struct spw_packet *packet)
{
	if (cursor && packet)
		spw_parse_extensions((void *)(long)ctx->data, (void *)(long)ctx->data_end, cursor, packet);
	return 0;
}

__attribute__((noinline)) int parse_whole(struct xdp_md *ctx, struct spw_packet *packet)
{
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	struct spw_cursor cursor = {0};

	if (!packet)
		return 0;
	spw_parse_network((void *)(long)ctx->data, (void *)(long)ctx->data_end, bpf_xdp_get_buff_len(ctx), &cursor,
			  packet);
	if (cursor.transport && spw_is_extension(packet))
		parse_extensions(ctx, &cursor, packet);
	spw_parse_transport((void *)(long)ctx->data, (void *)(long)ctx->data_end, &cursor, packet);
	if (state)
		spw_parse_flow((void *)(long)ctx->data, (void *)(long)ctx->data_end, &cursor, state->seed, packet);
	return 0;
}

SPW_INLINE const struct spw_ruleset *published_ruleset(void)
{
	void *inner = bpf_map_lookup_elem(&ruleset, &only);

	return inner ? bpf_map_lookup_elem(inner, &only) : NULL;
}

SPW_INLINE struct spw_order current_order(const struct spw_control *state)
{
	return (struct spw_order){
		.level = state->level,
		.leased = bpf_jiffies64() < state->lease_until_jiffies,
		.observing = state->mode == SPW_OBSERVE,
	};
}

SPW_INLINE const struct spw_slot *classify(const struct spw_packet *packet, const struct spw_ruleset *rules)
{
	u32 slot = SPW_SLOT_NONE;

	if (packet->family == 4)
		slot = spw_find4(rules, spw_unit_mask, packet->source_hi);
	else if (packet->family == 6)
		slot = spw_find6(rules, spw_unit_mask, packet->source_hi, packet->source_lo);
	return &rules->slots[slot & (SPW_SLOTS_MAX - 1)];
}

/* What `simulate` is told beside the packet itself. */
SPW_INLINE void note_outcome(const struct spw_slot *slot, bool new_work, struct spw_judgement judgement, u64 generation)
{
	struct spw_trace *out = bpf_map_lookup_elem(&trace, &only);

	if (!out)
		return;
	out->list = slot->list;
	out->class_id = slot->class_id;
	out->new_work = new_work;
	out->verdict = judgement.verdict;
	out->reason = judgement.reason;
	out->generation = generation;
}

/*
 * The frame is parsed once more for the trace, so that no field is kept alive for its sake on the path that counts.
 * Behind everything else: the stack of all who call each other has to fit 512 bytes.
 */
__attribute__((noinline)) int trace_packet(struct xdp_md *ctx)
{
	struct spw_trace *out = bpf_map_lookup_elem(&trace, &only);

	if (!out)
		return 0;
	out->packet = (struct spw_packet){0};
	parse_whole(ctx, &out->packet);
	out->classified = out->packet.family != 0;
	return 0;
}

/*
 * What is done for new work alone: told fresh from resent, judged by rules 9 and 10, counted by service. Returns
 * whether these two refuse it, also where mode observe passes it.
 */
SPW_INLINE bool judge_new_work(const struct spw_packet *packet, const struct spw_slot *slot,
			       const struct spw_ruleset *rules, const struct spw_order *order,
			       struct spw_judgement *judgement)
{
	u32 service = spw_service(packet, rules), asked = SPW_REASON_ADMITTED;
	struct spw_sight sight = {0};
	u64 *word = service ? spw_look_up(packet) : NULL;
	bool refused;

	if (word)
		sight = spw_sight(*word, packet->flow, packet->found & SPW_FOUND_QUIC_INITIAL);
	if (spw_is_undecided(*judgement, slot, order))
		asked = spw_ask_budget(packet, slot, service, sight);
	refused = asked != SPW_REASON_ADMITTED;
	if (refused && judgement->reason == SPW_REASON_ADMITTED)
		*judgement = spw_judgement(SPW_DROP, asked);
	if (word)
		spw_remember(word, packet, !refused && judgement->verdict == SPW_PASS);
	spw_account_new_work(slot, service, sight.resent, *judgement);
	return refused;
}

/* What comes behind parsing, the same for every frame. */
SPW_INLINE int judge_and_account(const struct spw_packet *packet, const struct spw_ruleset *rules,
				 const struct spw_control *state)
{
	u32 reason = spw_essential(packet);
	const struct spw_slot *slot = classify(packet, rules);
	bool new_work = spw_is_new_work(packet, rules);
	struct spw_order order = current_order(state);
	struct spw_judgement judgement = spw_judgement(SPW_PASS, reason);
	bool refused = false;

	if (reason == SPW_REASONS)
		judgement = spw_judge(packet, slot, rules, &order, new_work);
	if (new_work)
		refused = judge_new_work(packet, slot, rules, &order, &judgement);
	if (reason == SPW_REASONS && judgement.verdict == SPW_PASS && judgement.reason != SPW_REASON_MANAGEMENT)
		spw_account_shadows(packet, slot, rules, &order, new_work, refused);
	spw_account_packet(slot, judgement.reason, packet->length);
	if (spw_trace)
		note_outcome(slot, new_work, judgement, rules->generation);
	return judgement.verdict == SPW_DROP ? XDP_DROP : XDP_PASS;
}

/* A frame that the fast path did not settle: extension headers, what looks malformed, what is larger than a page. */
__attribute__((noinline)) int unusual_frame(struct xdp_md *ctx)
{
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const struct spw_ruleset *rules = published_ruleset();
	struct spw_packet packet = {0};

	if (!state || !rules)
		return XDP_PASS;
	parse_whole(ctx, &packet);
	spw_account_anomalies(packet.found);
	return judge_and_account(&packet, rules, state);
}

/*
 * The usual frame meets no call: on processors that guard returns each costs ten nanoseconds. The length of a frame is
 * that of its linear part unless it is larger than a page, and then its IP header says more than is there: so what
 * looks malformed is looked at again.
 */
SPW_INLINE int judge_frame(struct xdp_md *ctx)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const struct spw_ruleset *rules = published_ruleset();
	struct spw_packet packet = {0};
	struct spw_cursor cursor;

	if (!state || !rules)
		return XDP_PASS;
	/* Keep the compiler from folding offsets into the context's own loads. */
	asm volatile("" : "+r"(start), "+r"(end));
	spw_parse_network(start, end, (u32)(end - start), &cursor, &packet);
	if (cursor.transport && spw_is_extension(&packet))
		return unusual_frame(ctx);
	spw_parse_transport(start, end, &cursor, &packet);
	if (packet.found & (SPW_FOUND_MALFORMED | SPW_FOUND_FRAGMENT | SPW_FOUND_VLAN_LIMIT))
		return unusual_frame(ctx);
	if (spw_is_new_work(&packet, rules) && spw_service(&packet, rules))
		spw_parse_flow(start, end, &cursor, state->seed, &packet);
	return judge_and_account(&packet, rules, state);
}

SEC("xdp.frags")
int spillway(struct xdp_md *ctx)
{
	int action = judge_frame(ctx);

	if (spw_trace)
		trace_packet(ctx);
	return action;
}

/* Never attached: the agent runs it by BPF_PROG_TEST_RUN to learn the time in jiffies, in place of the frame's bytes.
 */
SEC("xdp.frags")
int jiffies_now(struct xdp_md *ctx)
{
	u64 *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*frame = bpf_jiffies64();
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
