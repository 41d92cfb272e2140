/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules, in order. Pure: no map, clock or counter. Manual and tests use the same numbers.
 *
 *   1. Not IPv4 or IPv6, more than two VLAN tags, or what the link needs: ARP, LLDP, neighbour discovery, DHCP, IGMP
 *      and MLD, path MTU errors (the last four up to a rate, exempt.bpf.h): pass. So does what is not for this host:
 *      forwarded, bridged or overheard (own.h); unless the policy says that it is judged.
 *   2. Malformed: dropped if the policy says so; otherwise it goes on, but never as new work, and past rule 4 only if
 *      its source could be parsed.
 *   3. Management: from a management prefix to a management port (where only one of the two is given, that): pass.
 *   4. No lease, or mode observe: pass.
 *   5. The class is cut at this level: drop.
 *   6. More packets or bits than the class allows its source, the prefix around it, or all of the class: drop.
 *   7. Not new work, as a packet of a connection or of a UDP session (session.h), or not for this host: pass, but for
 *      rule 8.
 *   8. More new work than the class allows its source, the prefix, or all of the class: drop (6 and 8: limit.h).
 *   9. The source is not in the admitted share of its class: drop (share.h).
 *  10. The backlog of the service's budget exceeds the burst tolerance of the class (retries: part of it): drop.
 *      Otherwise charge the budget and pass (meter.h).
 *
 * A tunnel of a balancer is judged by its inner headers in all rules (decap.h).
 *
 * Of a class with `refuse: light`, a SYN that rules 9 and 10 refuse passes to the light listener, up to a budget of its own
 * (reason light, light.bpf.h); it counts as refused new work. What other rules drop is never answered.
 *
 * Of a class with `refuse: reset`, such a SYN is dropped and answered with a RST, up to a rate (reset.bpf.h).
 *
 * Rules 9 and 10 apply to new work for a service with a budget; other new work passes. What is not for this host is no
 * demand of a service, judged or not. The rest of an admitted QUIC handshake is charged but never refused (fresh.h). A
 * UDP session begins when the rules admit a datagram of a flow, or when it passes because there is no lease (session.h).
 *
 * Rules that drop (2, 5, 6, 8, 9, 10) require the lease and mode enforce: without an agent everything passes. In mode
 * observe, budget and limits are charged as if enforced, so that counters show what would be refused. Rules 6 and 8
 * charge only what all ten admit.
 */
#ifndef SPW_BPF_VERDICT_H
#define SPW_BPF_VERDICT_H

#include "maps/control.h"
#include "maps/packet.h"
#include "maps/ruleset.h"
#include "meter.h"
#include "share.h"

/* What may still change a judgement, and whether the packet was refused; 0: it is final. */
enum spw_open {
	SPW_OPEN_LEVEL = 1 << 0,  /* another level or mode might drop the packet: counted as a shadow */
	SPW_OPEN_LIMITS = 1 << 1, /* rules 6 and 8 */
	SPW_OPEN_BUDGET = 1 << 2, /* rules 9 and 10 */
	SPW_REFUSED = 1 << 3,	  /* by one of these four, even if mode observe passes the packet */
	SPW_RESET = 1 << 4,	  /* dropped, and to be answered with a RST (reset.bpf.h) */
};

struct spw_judgement {
	u8 verdict; /* enum spw_verdict */
	u8 reason;  /* enum spw_reason */
	u8 open;    /* enum spw_open */
};

/* The admission in force (maps/control.h). */
struct spw_admission {
	u32 level;
	bool leased;
	bool observing;
};

SPW_INLINE struct spw_judgement spw_drop(enum spw_reason reason)
{
	return (struct spw_judgement){.verdict = SPW_DROP, .reason = reason};
}

/* @open: enum spw_open */
SPW_INLINE struct spw_judgement spw_pass(enum spw_reason reason, u32 open)
{
	return (struct spw_judgement){.verdict = SPW_PASS, .reason = reason, .open = (u8)open};
}

/** spw_refuse() - refusal by rule 6, 8, 9 or 10; in mode observe the packet still passes. */
SPW_INLINE void spw_refuse(struct spw_judgement *judgement, u32 reason)
{
	judgement->open = SPW_OPEN_LEVEL | SPW_REFUSED;
	if (judgement->reason == SPW_REASON_OBSERVE)
		return;
	judgement->verdict = SPW_DROP;
	judgement->reason = (u8)reason;
}

/* Rule 1: not for this host, and not to be judged. */
SPW_INLINE bool spw_passes_by(const struct spw_packet *packet, const struct spw_ruleset *ruleset)
{
	return packet->found & SPW_FOUND_OTHERS && !ruleset->judge_others;
}

/**
 * spw_set_aside() - before judging: what is not for this host reaches no port of a service, and if it passes by it is no
 * new work. Without branches, each of which would make the verifier walk the rest once more.
 */
SPW_INLINE void spw_set_aside(struct spw_packet *packet, const struct spw_ruleset *ruleset)
{
	u32 ours = (u32)((s32)((packet->found & SPW_FOUND_OTHERS) - 1) >> 31); /* all ones, or 0 */
	u32 judged = ruleset->judge_others;

	SPW_OPAQUE(ours);
	packet->dport &= ours;
	packet->found &= ~SPW_FOUND_SYN | ours | (0 - judged);
}

/* The reason to pass it. */
SPW_INLINE u32 spw_others_reason(const struct spw_packet *packet)
{
	if (packet->found & SPW_FOUND_FORWARDED)
		return SPW_REASON_FORWARDED;
	return packet->found & SPW_FOUND_BRIDGED ? SPW_REASON_BRIDGED : SPW_REASON_OVERHEARD;
}

/* Rule 1: the reason, or SPW_REASONS if the rule does not apply. */
SPW_INLINE u32 spw_essential(const struct spw_packet *packet)
{
	if (!(packet->found & (SPW_FOUND_IP | SPW_FOUND_MALFORMED))) {
		if (packet->found & SPW_FOUND_ARP)
			return SPW_REASON_ARP;
		if (packet->found & SPW_FOUND_LLDP)
			return SPW_REASON_LLDP;
		return SPW_REASON_NOT_IP;
	}
	if (packet->found & SPW_FOUND_NEIGHBOUR)
		return SPW_REASON_NEIGHBOUR;
	if (packet->found & SPW_FOUND_DHCP)
		return SPW_REASON_DHCP;
	if (packet->found & SPW_FOUND_MULTICAST)
		return SPW_REASON_MULTICAST;
	if (packet->found & SPW_FOUND_PATH_MTU)
		return SPW_REASON_PATH_MTU;
	return SPW_REASONS;
}

/* The destination port of TCP or UDP, with its group: the local address may change the service (spw_port_at()). */
SPW_INLINE struct spw_port spw_port_of(const struct spw_packet *packet, const struct spw_ruleset *ruleset)
{
	u32 port = packet->dport;

	/* Before 6.2 the verifier does not know that a swapped 16-bit number has 16 bits: keep the mask. */
	SPW_OPAQUE(port);
	if (packet->protocol == 6)
		return ruleset->tcp_ports[port & 0xffff];
	return ruleset->udp_ports[port & 0xffff];
}

/* Whether it depends on the port that a packet is new work: a TCP SYN always is, and other packets of TCP never are. */
SPW_INLINE bool spw_asks_port(const struct spw_packet *packet)
{
	return packet->protocol == 17 && (packet->found & (SPW_FOUND_PORTS | SPW_FOUND_MALFORMED)) == SPW_FOUND_PORTS;
}

/*
 * New work: a TCP SYN on any port; a QUIC Initial or a datagram on ports of a service configured so. Where
 * spw_may_be_session(), not if the datagram belongs to a session.
 * @port: spw_port_of() if spw_asks_port()
 */
SPW_INLINE bool spw_is_new_work(const struct spw_packet *packet, struct spw_port port)
{
	u32 found = packet->found, new_work = port.bits & SPW_PORT_BITS_MASK;

	if (!spw_asks_port(packet))
		return (found & (SPW_FOUND_SYN | SPW_FOUND_MALFORMED)) == SPW_FOUND_SYN;
	return new_work >= SPW_NEW_FLOW || (new_work == SPW_NEW_QUIC && found & SPW_FOUND_QUIC_INITIAL);
}

/* Whether it is a datagram to a `udp` port. */
SPW_INLINE bool spw_may_be_session(const struct spw_packet *packet, struct spw_port port)
{
	return spw_asks_port(packet) && (port.bits & SPW_PORT_BITS_MASK) == SPW_NEW_FLOW;
}

/* Rule 3. Unknown ports, as in later fragments, are not management ports. */
SPW_INLINE bool spw_is_management(const struct spw_packet *packet, const struct spw_slot *slot,
				  const struct spw_ruleset *ruleset)
{
	if (ruleset->management_prefixes && !slot->management)
		return false;
	if (!ruleset->management_ports[0])
		return ruleset->management_prefixes;
	if (!(packet->found & SPW_FOUND_PORTS))
		return false;
	for (u32 i = 0; i < SPW_MANAGEMENT_PORTS_MAX && ruleset->management_ports[i]; i++)
		if (ruleset->management_ports[i] == packet->dport)
			return true;
	return false;
}

/* Rule 5. */
SPW_INLINE bool spw_is_cut(const struct spw_slot *slot, u32 level, bool new_work)
{
	return level >= slot->cut_all_from || (new_work && level >= slot->cut_new_from);
}

/* Rules 5 and 7: what @level does to a packet that the first four rules let through. */
SPW_INLINE struct spw_judgement spw_judge_level(const struct spw_packet *packet, const struct spw_slot *slot, u32 level,
						bool new_work)
{
	if (!(packet->found & SPW_FOUND_IP))
		return spw_pass(SPW_REASON_MALFORMED, SPW_OPEN_LEVEL);
	if (spw_is_cut(slot, level, new_work))
		return spw_drop(SPW_REASON_CUT);
	if (packet->found & SPW_FOUND_MALFORMED)
		return spw_pass(SPW_REASON_MALFORMED, SPW_OPEN_LEVEL | SPW_OPEN_LIMITS);
	if (packet->found & SPW_FOUND_OTHERS)
		return spw_pass(spw_others_reason(packet), SPW_OPEN_LEVEL | SPW_OPEN_LIMITS);
	if (!new_work)
		return spw_pass(SPW_REASON_ESTABLISHED, SPW_OPEN_LEVEL | SPW_OPEN_LIMITS);
	return spw_pass(SPW_REASON_ADMITTED, SPW_OPEN_LEVEL | SPW_OPEN_LIMITS | SPW_OPEN_BUDGET);
}

/**
 * spw_judge() - rules 1 to 5 and 7. `open` of the result tells which others remain to be evaluated.
 * @slot: of its source; slot 0 if the source could not be parsed
 * @new_work: spw_is_new_work()
 */
SPW_INLINE struct spw_judgement spw_judge(const struct spw_packet *packet, const struct spw_slot *slot,
					  const struct spw_ruleset *ruleset, const struct spw_admission *admission,
					  bool new_work)
{
	u32 essential = spw_essential(packet);
	struct spw_judgement judgement;

	if (essential != SPW_REASONS)
		return spw_pass(essential, 0);
	if (spw_passes_by(packet, ruleset))
		return spw_pass(spw_others_reason(packet), 0);
	if (packet->found & SPW_FOUND_MALFORMED && ruleset->malformed_drop && admission->leased &&
	    !admission->observing)
		return spw_drop(SPW_REASON_MALFORMED_DROP);
	if (spw_is_management(packet, slot, ruleset))
		return spw_pass(SPW_REASON_MANAGEMENT, 0);
	if (!admission->leased)
		return spw_pass(SPW_REASON_NO_LEASE, SPW_OPEN_LEVEL);
	judgement = spw_judge_level(packet, slot, admission->level, new_work);
	if (admission->observing)
		return spw_pass(SPW_REASON_OBSERVE, judgement.open | SPW_OPEN_LEVEL);
	return judgement;
}

/* Rule 9 is spw_is_in(). */

/**
 * spw_tolerance() - the backlog up to which rule 10 admits new work of a class.
 * @resent: a retry; fresh work comes first, as it can still be answered in time
 */
SPW_INLINE u64 spw_tolerance(const struct spw_class_admission *class, bool resent)
{
	u64 tolerance = class->tolerance_ticks;

	return resent ? tolerance - (tolerance >> 8) * (class->withheld & 0xff) : tolerance;
}

/**
 * spw_is_over() - rule 10: true if the budget is exhausted; otherwise charges the cell.
 * @tolerance: spw_tolerance(), or SPW_TOLERANCE_ALL for the rest of an admitted handshake
 * @cell: arrival time of the service's budget cell
 * @refusal: the last one of the class on this CPU
 * @now: ticks
 */
SPW_INLINE bool spw_is_over(const struct spw_service_admission *admission, u64 tolerance, u64 *cell,
			    struct spw_refusal *refusal, u64 now)
{
	u64 arrival = 0;

	if (tolerance == SPW_TOLERANCE_ALL) {
		spw_meter_charge(cell, now, admission->interval_ticks, admission->debt_ticks);
		return false;
	}
	if (now < refusal->until_ticks && tolerance <= refusal->tolerance_ticks)
		return true;
	if (spw_meter_admit(cell, now, admission->interval_ticks, tolerance, &arrival))
		return false;
	refusal->until_ticks = arrival - tolerance;
	refusal->tolerance_ticks = tolerance;
	return true;
}

/** spw_would_drop() - would a packet that passed be dropped at @level, enforced? Never what rules 1 and 3 pass. */
SPW_INLINE bool spw_would_drop(const struct spw_packet *packet, const struct spw_slot *slot,
			       const struct spw_ruleset *ruleset, u32 level, bool new_work)
{
	if (packet->found & SPW_FOUND_MALFORMED && ruleset->malformed_drop)
		return true;
	return spw_judge_level(packet, slot, level, new_work).verdict == SPW_DROP;
}

#endif
