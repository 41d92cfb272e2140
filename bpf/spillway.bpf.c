/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pipeline: packet -> parse -> classify -> verdict -> account -> PASS or DROP. Attached to every protected
 * interface. Reads what the agent publishes, writes only counters and meters. Every error ends in XDP_PASS.
 *
 * The common frame makes no call: with guarded returns (AMD's safe RET) each costs ten nanoseconds. Elsewhere, the
 * combined stack of a call chain must fit into 512 bytes, and each constant that the verifier knows multiplies its paths.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "account.bpf.h"
#include "budget.bpf.h"
#include "classify.h"
#include "decap.h"
#include "exempt.bpf.h"
#include "ban.bpf.h"
#include "light.bpf.h"
#include "limits.bpf.h"
#include "own.bpf.h"
#include "maps/lookup.h"
#include "parse.h"
#include "reset.bpf.h"
#include "sample.bpf.h"
#include "session.bpf.h"
#include "verdict.h"

/* Set at load: number of units in the ruleset's table, a power of two, less one. */
const volatile u32 spw_unit_mask = 0;

#define SPW_LOCALS_UNITS    (sizeof(struct spw_locals) / sizeof(union spw_unit))
#define SPW_BALANCERS_UNITS (sizeof(struct spw_balancers) / sizeof(union spw_unit))

#define SPW_NETWORK_MASK 255u /* SPW_INNER_MAX */

/* Set at load: write every judgement to the trace map, for `simulate`. */
const volatile bool spw_trace = false;

/*
 * The general parser, for what the fast path does not handle. Global functions: the verifier checks each once, not once
 * for every path to it.
 */
__attribute__((noinline)) int parse_extensions(struct xdp_md *ctx, struct spw_cursor *cursor, struct spw_packet *packet)
{
	if (cursor && packet)
		spw_parse_extensions((void *)(long)ctx->data, (void *)(long)ctx->data_end, cursor, packet);
	return 0;
}

/* Returns the place of the transport header, and above 32 bits the bytes from there on; 0: there is none. */
__attribute__((noinline)) u64 parse_whole(struct xdp_md *ctx, struct spw_packet *packet)
{
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct spw_cursor cursor = {0};

	if (!packet)
		return 0;
	spw_parse_network((void *)(long)ctx->data, (void *)(long)ctx->data_end, bpf_xdp_get_buff_len(ctx), &cursor,
			  packet);
	if (packet->found & SPW_FOUND_IP)
		packet->found |= (u32)find_owner(ctx, cursor.network) & SPW_FOUND_OTHERS;
	if (cursor.transport && spw_is_extension(packet))
		parse_extensions(ctx, &cursor, packet);
	spw_parse_transport((void *)(long)ctx->data, (void *)(long)ctx->data_end, &cursor, packet);
	/* Not the pointers of above: the verifier has to see these checked. */
	SPW_OPAQUE(start);
	SPW_OPAQUE(end);
	if (state)
		spw_parse_flow(start, end, &cursor, state->seed, packet);
	return cursor.transport ? (u64)cursor.payload << 32 | cursor.offset : 0;
}

/* Hide a constant so that the verifier does not fork states. @unknown: anything read from memory. */
SPW_INLINE u8 hide(u64 number, u64 unknown)
{
	asm volatile("%0 ^= %1\n\t%0 ^= %1" : "+r"(number) : "r"(unknown));
	return (u8)number;
}

SPW_INLINE const struct spw_ruleset *published_ruleset(void)
{
	void *inner = bpf_map_lookup_elem(&ruleset, &only);

	return inner ? bpf_map_lookup_elem(inner, &only) : NULL;
}

/* The inner IP header of a balancer's tunnel; @outer and what is returned: as parse_whole(). */
__attribute__((noinline)) u64 find_inner(struct xdp_md *ctx, struct spw_packet *packet, u64 outer)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct spw_ruleset *rules = published_ruleset();
	u32 kind, unit, skip, at = (u32)outer & SPW_OFFSET_MASK, bytes = outer >> 32;

	if (!packet || !rules || !outer)
		return 0;
	kind = spw_tunnel_kind(packet) & rules->tunnels;
	unit = rules->units_used - SPW_BALANCERS_UNITS;
	SPW_OPAQUE(unit);
	if (!kind || unit > spw_unit_mask + 1 - SPW_BALANCERS_UNITS ||
	    !spw_is_balancer((const void *)&rules->units[unit], packet, kind))
		return 0;
	skip = spw_inner_bytes(start + at, end, bytes, kind);
	if (skip == SPW_INNER_NONE || at + skip > SPW_INNER_MAX)
		return 0;
	return (u64)(bytes - skip) << 32 | (at + skip);
}

/* Everything from the inner IP header on. @inner: find_inner() */
__attribute__((noinline)) int parse_inner(struct xdp_md *ctx, struct spw_packet *packet, u64 inner)
{
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct spw_cursor cursor = {.network = (u32)inner & SPW_NETWORK_MASK, .offset = (u32)inner & SPW_NETWORK_MASK};

	if (!packet)
		return 0;
	spw_parse_inner((void *)(long)ctx->data, (void *)(long)ctx->data_end, inner >> 32, &cursor, packet);
	packet->found |= (u32)find_owner(ctx, cursor.network) & SPW_FOUND_OTHERS;
	if (cursor.transport && spw_is_extension(packet))
		parse_extensions(ctx, &cursor, packet);
	spw_parse_transport((void *)(long)ctx->data, (void *)(long)ctx->data_end, &cursor, packet);
	packet->found &= ~SPW_FOUND_LINK_ONLY;
	SPW_OPAQUE(start);
	SPW_OPAQUE(end);
	if (state)
		spw_parse_flow(start, end, &cursor, state->seed, packet);
	return 0;
}

SPW_INLINE struct spw_admission current_admission(const struct spw_control *state)
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

/* A ban overrides the table, except for management. */
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

/*
 * The port @word (struct spw_port) at the packet's local address; only for ports that differ by address. A global
 * function: other packets pay one comparison. @network: offset of the IP header
 */
__attribute__((noinline)) int port_at_address(struct xdp_md *ctx, u32 network, u32 word)
{
	const u8 *ip = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct spw_port port = {.service = word, .bits = word >> 8};
	const struct spw_ruleset *rules = published_ruleset();
	const struct spw_locals *locals;
	struct spw_local local;
	u32 unit;

	if (!rules || !spw_parse_local(ip + (network & SPW_NETWORK_MASK), end, &local))
		return word & 0xff;
	unit = rules->locals - 1;
	SPW_OPAQUE(unit);
	if (unit > spw_unit_mask + 1 - SPW_LOCALS_UNITS)
		return word & 0xff;
	locals = (const void *)&rules->units[unit];
	port = spw_port_at(port, locals, local.hi, local.lo);
	return port.service | (u32)port.bits << 8;
}

/* The meaning of the destination port; the service is 0 if it belongs to none. */
SPW_INLINE struct spw_port ask_ports(struct xdp_md *ctx, const struct spw_packet *packet,
				     const struct spw_ruleset *rules)
{
	struct spw_port port = spw_port_of(packet, rules);
	u32 word;

	if (!spw_port_group(port))
		return port;
	word = port_at_address(ctx, packet->network, port.service | (u32)port.bits << 8);
	return (struct spw_port){.service = word, .bits = word >> 8};
}

/* Whether a datagram belongs to no session and begins one when admitted; otherwise it is not new work. */
SPW_INLINE bool is_new_session(struct xdp_md *ctx, const struct spw_cursor *cursor, struct spw_packet *packet)
{
	if (cursor)
		packet->flow =
			read_datagram_flow(ctx, cursor->network, cursor->offset, packet->family, packet->source_hi);
	if (in_session(packet->flow))
		return false;
	packet->found |= SPW_FOUND_NEW_SESSION;
	return true;
}

SPW_INLINE bool is_new_work(struct xdp_md *ctx, const struct spw_cursor *cursor, struct spw_packet *packet,
			    const struct spw_ruleset *rules)
{
	struct spw_port port = {0};

	if (spw_asks_port(packet))
		port = ask_ports(ctx, packet, rules);
	if (spw_may_be_session(packet, port))
		return is_new_session(ctx, cursor, packet);
	return spw_is_new_work(packet, port);
}

/* Trace the judgement; trace_packet() adds the packet. */
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

/* Parse again for the trace, so that the pipeline need not keep every field. Last, to save stack. */
__attribute__((noinline)) int trace_packet(struct xdp_md *ctx)
{
	struct spw_trace *out = bpf_map_lookup_elem(&trace, &only);
	u64 inner;

	if (!out)
		return 0;
	out->packet = (struct spw_packet){0};
	inner = find_inner(ctx, &out->packet, parse_whole(ctx, &out->packet));
	if (inner)
		parse_inner(ctx, &out->packet, inner);
	out->classified = out->packet.family != 0;
	return 0;
}

/* Hash the flow of new work and find its fingerprint word; @cursor: NULL if the fast path parsed the frame. */
SPW_INLINE u64 *look_up_flow(struct xdp_md *ctx, const struct spw_cursor *cursor, u64 seed, struct spw_packet *packet)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (!(packet->found & (SPW_FOUND_SYN | SPW_FOUND_QUIC_INITIAL)))
		return NULL;
	if (cursor) {
		SPW_OPAQUE(start);
		SPW_OPAQUE(end);
		packet->flow = spw_hash_flow(start, end, cursor, seed, packet);
	}
	return spw_fingerprint_word(packet);
}

/*
 * What is left of a SYN of a class with `refuse: light`: refused by rules 9 and 10, it goes to the light listener within
 * that one's budget; admitted, it does no longer.
 */
SPW_INLINE void offer_light(struct xdp_md *ctx, const struct spw_packet *packet, const struct spw_slot *slot,
			    u32 service, struct spw_judgement *judgement)
{
	u32 word = service | (u32)slot->class_id << SPW_LIGHT_CLASS_SHIFT;

	if (spw_light.resets >> (slot->class_id & (SPW_CLASSES_MAX - 1)) & 1)
		offer_reset(packet, judgement);
	if (!(spw_light.classes >> (slot->class_id & (SPW_CLASSES_MAX - 1)) & 1) || !service ||
	    !(packet->found & SPW_FOUND_SYN))
		return;
	if (judgement->verdict == SPW_PASS)
		word |= SPW_LIGHT_ADMITTED;
	else if (!(judgement->open & SPW_REFUSED)) /* cut */
		return;
	if (!settle_light(ctx, packet->network, word))
		return;
	judgement->verdict = SPW_PASS;
	judgement->reason = SPW_REASON_LIGHT;
	judgement->open = SPW_REFUSED;
}

/*
 * Rules 9 and 10 for new work, its fingerprint and its counters. What a limit dropped is only counted; what it would
 * have dropped, in mode observe, is not charged to the budget.
 */
SPW_INLINE void judge_new_work(struct xdp_md *ctx, const struct spw_cursor *cursor, u64 seed,
			       const struct spw_ruleset *rules, const struct spw_slot *slot, struct spw_packet *packet,
			       struct spw_judgement *judgement)
{
	u32 service = ask_ports(ctx, packet, rules).service, reason;
	struct spw_flow_lookup lookup = {0};
	u64 *word;

	if (judgement->open & SPW_REFUSED && judgement->verdict == SPW_DROP) {
		spw_account_limited(slot, service);
		return;
	}
	word = service && !(packet->found & SPW_FOUND_NEW_SESSION) ? look_up_flow(ctx, cursor, seed, packet) : NULL;
	if (word)
		lookup = spw_flow_lookup(*word, packet->flow, packet->found & SPW_FOUND_QUIC_INITIAL);
	if (judgement->open & SPW_OPEN_BUDGET) {
		reason = spw_ask_budget(packet, slot, service, lookup);
		if (reason != SPW_REASON_ADMITTED)
			spw_refuse(judgement, reason);
	}
	if (word)
		spw_remember(word, packet, !(judgement->open & SPW_REFUSED) && judgement->verdict == SPW_PASS);
	if (__builtin_expect(packet->found & SPW_FOUND_NEW_SESSION, 0) &&
	    (judgement->open & SPW_OPEN_BUDGET || judgement->reason == SPW_REASON_NO_LEASE))
		begin_session(packet->flow);
	spw_account_new_work(slot, service, lookup.resent, *judgement);
	offer_light(ctx, packet, slot, service, judgement);
}

/* Everything after parsing, for every frame. */
SPW_INLINE int judge_and_account(struct xdp_md *ctx, const struct spw_cursor *cursor, struct spw_packet *packet,
				 const struct spw_ruleset *rules, const struct spw_control *state)
{
	const struct spw_slot *slot = classify(packet, rules);
	bool new_work = is_new_work(ctx, cursor, packet, rules);
	struct spw_admission admission = current_admission(state);
	struct spw_judgement judgement = spw_judge(packet, slot, rules, &admission, new_work); /* rules 1 to 5, 7 */
	u64 counted;
	u32 bits;

	judgement.verdict = hide(judgement.verdict, admission.level);
	judgement.reason = hide(judgement.reason, admission.level);
	judgement.open = hide(judgement.open, admission.level);
	if (slot->limited && judgement.open & SPW_OPEN_LIMITS) { /* rules 6, 8 */
		u32 reason = spw_ask_limits(packet, slot, admission.level, new_work);

		if (reason != SPW_REASON_ADMITTED)
			spw_refuse(&judgement, reason);
	}
	if (new_work) /* rules 9, 10 */
		judge_new_work(ctx, cursor, state->seed, rules, slot, packet, &judgement);
	if (slot->limited && judgement.open & SPW_OPEN_LIMITS)
		spw_charge_limits();
	if (judgement.open & SPW_OPEN_LEVEL && judgement.verdict == SPW_PASS)
		spw_account_shadows(packet, slot, rules, &admission, new_work, judgement.open & SPW_REFUSED);
	counted = spw_account_packet(slot, judgement.reason, packet->length);
	bits = state->sample[judgement.verdict & 1];
	if (spw_is_drawn(counted, slot->list, state->seed, bits) && admission.leased)
		take_sample(ctx, spw_sample_word(slot, judgement, new_work, bits, packet->network));
	if (spw_trace)
		note_outcome(slot, new_work, judgement, rules->generation);
	if (judgement.verdict != SPW_DROP)
		return XDP_PASS;
	return judgement.open & SPW_RESET ? SPW_RESET_ACTION(packet->network, slot->class_id) : XDP_DROP;
}

/* Any other frame: tags, options, extension headers, tunnels, fragments, malformed, multi-buffer. Parsed by the caller. */
__attribute__((noinline)) int judge_unusual(struct xdp_md *ctx, struct spw_packet *packet)
{
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const struct spw_ruleset *rules = published_ruleset();

	if (!packet || !state || !rules)
		return XDP_PASS;
	spw_account_anomalies(packet->found);
	spw_set_aside(packet, rules);
	return judge_and_account(ctx, NULL, packet, rules, state);
}

SPW_INLINE int unusual_frame(struct xdp_md *ctx, u32 tunnels)
{
	struct spw_packet packet = {0};
	u64 outer = parse_whole(ctx, &packet);

	if (tunnels) {
		u64 inner = find_inner(ctx, &packet, outer);

		if (inner)
			parse_inner(ctx, &packet, inner);
	}
	if (!spw_trace) /* captures are replayed faster than real time */
		bound_exemption(&packet);
	return judge_unusual(ctx, &packet);
}

/* The fast path for common frames, inlined once per address family. Such a frame is linear. */
SPW_INLINE int judge_frame(struct xdp_md *ctx)
{
	const u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct spw_control *state = bpf_map_lookup_elem(&control, &only);
	const struct spw_ruleset *rules = published_ruleset();
	struct spw_packet packet = {0};
	struct spw_cursor cursor;

	if (!state || !rules)
		return XDP_PASS;
	/* Keep the compiler from folding offsets into loads from the context. */
	asm volatile("" : "+r"(start), "+r"(end));
	if ((spw_parse_usual4(start, end, (u32)(end - start), &cursor, &packet) ||
	     spw_parse_usual6(start, end, (u32)(end - start), &cursor, &packet)) &&
	    (__builtin_expect(!rules->tunnels, 1) || !(spw_tunnel_kind(&packet) & rules->tunnels))) {
		packet.found |= find_owner_usual(ctx, start, packet.family) & SPW_FOUND_OTHERS;
		spw_set_aside(&packet, rules);
		return judge_and_account(ctx, &cursor, &packet, rules, state);
	}
	return unusual_frame(ctx, rules->tunnels);
}

SEC("xdp.frags")
int spillway(struct xdp_md *ctx)
{
	int action = judge_frame(ctx);

	if (spw_trace)
		trace_packet(ctx);
	/* Here, where there is stack for it. */
	return __builtin_expect(action > XDP_REDIRECT, 0) ? send_reset(ctx, (u32)action) : action;
}

/* Never attached: the agent runs it by BPF_PROG_TEST_RUN to read jiffies, which replace the frame's first bytes. */
SEC("xdp.frags")
int jiffies_now(struct xdp_md *ctx)
{
	u64 *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*frame = bpf_jiffies64();
	return XDP_PASS;
}

/* Class of a source, and whether rule 9 admits its new work. A function of its own: verified once. */
__attribute__((noinline)) int look_up_source(struct spw_lookup *lookup)
{
	const struct spw_ruleset *rules = published_ruleset();
	const struct spw_service_admission *budget;
	struct spw_packet packet = {0};
	const struct spw_slot *slot;
	u32 service, class_id;

	if (!lookup || !rules)
		return 0;
	packet.family = lookup->family;
	packet.source_hi = lookup->source_hi;
	packet.source_lo = lookup->source_lo;
	slot = classify(&packet, rules);
	class_id = slot->class_id & (SPW_CLASSES_MAX - 1);
	service = lookup->service;
	budget = bpf_map_lookup_elem(&admission, &service);
	lookup->class_id = class_id;
	lookup->flags = SPW_LOOKUP_ANSWERED | (slot->management ? SPW_LOOKUP_MANAGEMENT : 0);
	lookup->place = budget ? spw_place(packet.source_hi, budget->salt, budget->stay_jiffies, bpf_jiffies64()) : 0;
	if (!budget || !budget->interval_ticks ||
	    spw_is_in(budget->classes[class_id].share, packet.source_hi, budget, bpf_jiffies64()))
		lookup->flags |= SPW_LOOKUP_INSIDE;
	return 0;
}

/* Never attached: see maps/lookup.h. */
SEC("xdp.frags")
int look_up(struct xdp_md *ctx)
{
	for (u32 i = 0; i < SPW_LOOKUPS_MAX; i++) {
		struct spw_lookup *asked = (struct spw_lookup *)(long)ctx->data + i, lookup;

		if ((void *)(asked + 1) > (void *)(long)ctx->data_end)
			break;
		lookup = *asked;
		look_up_source(&lookup);
		asked->class_id = lookup.class_id;
		asked->flags = lookup.flags;
		asked->place = lookup.place;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
