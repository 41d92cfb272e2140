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
#include "ban.bpf.h"
#include "limits.bpf.h"
#include "parse.h"
#include "sample.bpf.h"
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

/*
 * A number that the verifier no longer knows, though it is the same. It follows each value that it knows by itself
 * through all that comes behind, and these would multiply: families by protocols by reasons. @unknown: anything read.
 */
SPW_INLINE u32 forget(u64 number, u64 unknown)
{
	asm volatile("%0 ^= %1\n\t%0 ^= %1" : "+r"(number) : "r"(unknown));
	return (u32)number;
}

SPW_INLINE const struct spw_ruleset *published_ruleset(void)
{
	void *inner = bpf_map_lookup_elem(&ruleset, &only);

	return inner ? bpf_map_lookup_elem(inner, &only) : NULL;
}

SPW_INLINE struct spw_admission current_order(const struct spw_control *state)
{
	return (struct spw_admission){
		.level = state->level,
		.leased = bpf_jiffies64() < state->lease_until_jiffies,
		.observing = state->mode == SPW_OBSERVE,
	};
}

SPW_INLINE const struct spw_slot *ask_table(const struct spw_packet *packet, const struct spw_ruleset *rules)
{
	u32 slot = SPW_SLOT_NONE;

	if (packet->family == 4)
		slot = spw_find4(rules, spw_unit_mask, packet->source_hi);
	else if (packet->family == 6)
		slot = spw_find6(rules, spw_unit_mask, packet->source_hi, packet->source_lo);
	return &rules->slots[slot & (SPW_SLOTS_MAX - 1)];
}

/* An entry takes the place of the table, but what is management says the table alone. */
SPW_INLINE const struct spw_slot *classify(const struct spw_packet *packet, const struct spw_ruleset *rules)
{
	u32 list = spw_ban_list(packet) & (SPW_LISTS_MAX - 1), slot = rules->list_slots[list][0];
	const struct spw_slot *found;

	if (slot && !rules->management_prefixes)
		return &rules->slots[slot & (SPW_SLOTS_MAX - 1)];
	found = ask_table(packet, rules);
	if (slot && found->management)
		slot = rules->list_slots[list][1];
	return slot ? &rules->slots[slot & (SPW_SLOTS_MAX - 1)] : found;
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
 * Rules 6 and 8, for a class that has limits. Returns whether one of them refuses it, also where mode observe passes
 * it.
 */
SPW_INLINE bool judge_limits(const struct spw_packet *packet, const struct spw_slot *slot,
			     const struct spw_admission *order, bool new_work, struct spw_judgement *judgement)
{
	u32 reason = spw_ask_limits(packet, slot, order, new_work,
				    spw_is_limited(*judgement, packet, slot, order, new_work));

	if (reason == SPW_REASON_ADMITTED)
		return false;
	if (judgement->reason != SPW_REASON_OBSERVE)
		*judgement = spw_judgement(SPW_DROP, reason);
	return true;
}

/* Before new work is looked up, what tells it apart is read; @cursor: NULL where that was done with the whole frame. */
SPW_INLINE u64 *look_up(struct xdp_md *ctx, const struct spw_cursor *cursor, u64 seed, struct spw_packet *packet)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (cursor) {
		SPW_OPAQUE(start);
		SPW_OPAQUE(end);
		spw_parse_flow(start, end, cursor, seed, packet);
	}
	return spw_look_up(packet);
}

/*
 * What is done for new work alone, unless a limit has dropped it: told fresh from resent, judged by rules 9 and 10
 * unless a limit would have @refused it, counted by service. Returns whether it is refused, also where mode observe
 * passes it.
 */
SPW_INLINE bool judge_new_work(struct spw_packet *packet, const struct spw_slot *slot, u32 service, u64 *word,
			       const struct spw_admission *order, bool refused, struct spw_judgement *judgement)
{
	u32 asked = SPW_REASON_ADMITTED;
	struct spw_flow_lookup lookup = {0};

	if (word)
		lookup = spw_flow_lookup(*word, packet->flow, packet->found & SPW_FOUND_QUIC_INITIAL);
	if (!refused && spw_is_undecided(*judgement, slot, order)) {
		asked = spw_ask_budget(packet, slot, service, lookup);
		refused = asked != SPW_REASON_ADMITTED;
		if (refused && judgement->reason == SPW_REASON_ADMITTED)
			*judgement = spw_judgement(SPW_DROP, asked);
	}
	if (word)
		spw_remember(word, packet, !refused && judgement->verdict == SPW_PASS);
	spw_account_new_work(slot, service, lookup.resent, *judgement);
	return refused;
}

/* What comes behind parsing, the same for every frame. */
SPW_INLINE int judge_and_account(struct xdp_md *ctx, const struct spw_cursor *cursor, struct spw_packet *packet,
				 const struct spw_ruleset *rules, const struct spw_control *state)
{
	u32 reason = spw_essential(packet);
	const struct spw_slot *slot = classify(packet, rules);
	bool new_work = spw_is_new_work(packet, rules);
	struct spw_admission order = current_order(state);
	struct spw_judgement judgement = spw_judgement(SPW_PASS, reason);
	bool refused = false;
	u64 counted;
	u32 bits;

	if (reason == SPW_REASONS)
		judgement = spw_judge(packet, slot, rules, &order, new_work);
	judgement.verdict = (u8)forget(judgement.verdict, order.level);
	judgement.reason = (u8)forget(judgement.reason, order.level);
	if (slot->limited)
		refused = judge_limits(packet, slot, &order, new_work, &judgement);
	if (new_work) {
		u32 service = spw_service(packet, rules);

		if (refused && judgement.verdict == SPW_DROP)
			spw_account_limited(slot, service);
		else
			refused = judge_new_work(packet, slot, service,
						 service ? look_up(ctx, cursor, state->seed, packet) : NULL, &order,
						 refused, &judgement);
	}
	if (slot->limited && !refused)
		spw_charge_limits();
	if (reason == SPW_REASONS && judgement.verdict == SPW_PASS && judgement.reason != SPW_REASON_MANAGEMENT)
		spw_account_shadows(packet, slot, rules, &order, new_work, refused);
	counted = spw_account_packet(slot, judgement.reason, packet->length);
	bits = state->sample[judgement.verdict & 1];
	if (spw_is_drawn(counted, slot->list, state->seed, bits) && order.leased)
		take_sample(ctx, spw_sample_word(slot, judgement, new_work, bits));
	if (spw_trace)
		note_outcome(slot, new_work, judgement, rules->generation);
	return judgement.verdict == SPW_DROP ? XDP_DROP : XDP_PASS;
}

/*
 * Any frame: tags, options, extension headers, fragments, what looks malformed, what is larger than a page. Parsed by
 * the caller, as the stack of all who call each other has to fit 512 bytes.
 */
__attribute__((noinline)) int judge_unusual(struct xdp_md *ctx, struct spw_packet *packet)
{
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const struct spw_ruleset *rules = published_ruleset();

	if (!packet || !state || !rules)
		return XDP_PASS;
	spw_account_anomalies(packet->found);
	return judge_and_account(ctx, NULL, packet, rules, state);
}

SPW_INLINE int unusual_frame(struct xdp_md *ctx)
{
	struct spw_packet packet = {0};

	parse_whole(ctx, &packet);
	return judge_unusual(ctx, &packet);
}

/*
 * The usual frame meets no call: on processors that guard returns each costs ten nanoseconds. For either family there
 * is a copy of the pipeline that knows what it has before it. The length of such a frame is that of its linear part.
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
	if (spw_parse_usual4(start, end, (u32)(end - start), &cursor, &packet) ||
	    spw_parse_usual6(start, end, (u32)(end - start), &cursor, &packet))
		return judge_and_account(ctx, &cursor, &packet, rules, state);
	return unusual_frame(ctx);
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
