/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order of judgement. Pure and on both sides: values in, one judgement out; no map, no clock, no counter.
 * Called by the pipeline (spillway.bpf.c) and by the host tests; the manual and the tests use the same numbers.
 *
 *   1. Not IPv4 or IPv6, more than two VLAN tags, or ARP, neighbour discovery, DHCP, LLDP: pass.
 *   2. Malformed: dropped if the policy says so; otherwise it goes on, but never as new work, and past rule 4 only if
 *      its source could be read.
 *   3. Management: from a management prefix to a management port (where only one of the two is given, that): pass.
 *   4. No lease, or mode observe: pass.
 *   5. The class is cut at this level: drop.
 *   6. More packets or bits than the class allows its source, the prefix around it, or all of the class: drop.
 *   7. Not new work: pass.
 *   8. More new work than the class allows its source, the prefix, or all of the class: drop (both: limit.h).
 *   9. The source is not in the admitted share of its class: drop (share.h).
 *  10. The backlog of the service's budget exceeds the room of the class (of what is resent, a part of it): drop.
 *      Otherwise charge the budget and pass (meter.h).
 *
 * Rules 9 and 10 judge new work for a service that has a budget; other new work passes. What goes on a QUIC handshake
 * that was admitted is charged, but neither of them refuses it (fresh.h): the rest of it was promised.
 *
 * Rules 2, 5, 6, 8, 9 and 10 drop, so all ask for the lease and the mode first: without an agent everything passes. In
 * mode observe budget and limits are charged with what would be admitted, so that what would be refused is counted
 * truly. Rules 6 and 8 charge what all ten admit, and nothing else.
 */
#ifndef SPW_BPF_VERDICT_H
#define SPW_BPF_VERDICT_H

#include "maps/control.h"
#include "maps/ruleset.h"
#include "maps/trace.h"
#include "meter.h"
#include "share.h"

struct spw_judgement {
	u8 verdict; /* enum spw_verdict */
	u8 reason;  /* enum spw_reason */
};

/* What the agent lets the datapath do at this moment. */
struct spw_admission {
	u32 level;
	bool leased;
	bool observing;
};

SPW_INLINE struct spw_judgement spw_judgement(enum spw_verdict verdict, enum spw_reason reason)
{
	return (struct spw_judgement){.verdict = verdict, .reason = reason};
}

/* Rule 1 for what is not to be classified at all; SPW_REASONS: it is. */
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
	return SPW_REASONS;
}

/* Is it new work: a TCP SYN on any port, a QUIC Initial or any datagram on the ports of a service that says so? */
SPW_INLINE bool spw_is_new_work(const struct spw_packet *packet, const struct spw_ruleset *ruleset)
{
	u32 new_work, port = packet->dport;

	/* Before 6.2 the verifier does not know that a swapped 16-bit number has 16 bits, and the compiler does. */
	SPW_OPAQUE(port);
	if (packet->found & SPW_FOUND_MALFORMED)
		return false;
	if (packet->found & SPW_FOUND_SYN)
		return true;
	if (packet->protocol != 17 || !(packet->found & SPW_FOUND_PORTS))
		return false;
	new_work = ruleset->udp_ports[port & 0xffff].new_work;
	return new_work == SPW_NEW_ANY || (new_work == SPW_NEW_QUIC && packet->found & SPW_FOUND_QUIC_INITIAL);
}

/* The service that a piece of new work is for; 0: its port belongs to none. */
SPW_INLINE u32 spw_service(const struct spw_packet *packet, const struct spw_ruleset *ruleset)
{
	u32 port = packet->dport;

	SPW_OPAQUE(port);
	if (packet->protocol == 6)
		return ruleset->tcp_ports[port & 0xffff].service;
	return ruleset->udp_ports[port & 0xffff].service;
}

/* Rule 3. Ports that were not seen, as in a later fragment, never count as management ports. */
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

/* Rules 5 and 7: what the level would do to a packet that the first four rules let through. */
SPW_INLINE struct spw_judgement spw_judge_level(const struct spw_packet *packet, const struct spw_slot *slot, u32 level,
						bool new_work)
{
	if (!(packet->found & SPW_FOUND_IP))
		return spw_judgement(SPW_PASS, SPW_REASON_MALFORMED);
	if (spw_is_cut(slot, level, new_work))
		return spw_judgement(SPW_DROP, SPW_REASON_CUT);
	if (packet->found & SPW_FOUND_MALFORMED)
		return spw_judgement(SPW_PASS, SPW_REASON_MALFORMED);
	if (!new_work)
		return spw_judgement(SPW_PASS, SPW_REASON_ESTABLISHED);
	return spw_judgement(SPW_PASS, SPW_REASON_ADMITTED);
}

/**
 * spw_judge() - rules 2 to 5 and 7, for a packet that rule 1 did not settle. If it passes, rules 6 and 8 may still be
 * asked (spw_is_limited()), and for SPW_REASON_ADMITTED rules 9 and 10, if its port belongs to a service; where they
 * say nothing, that is the judgement.
 * @slot: of its source; where the source could not be read, slot 0
 * @new_work: spw_is_new_work()
 */
SPW_INLINE struct spw_judgement spw_judge(const struct spw_packet *packet, const struct spw_slot *slot,
					  const struct spw_ruleset *ruleset, const struct spw_admission *order,
					  bool new_work)
{
	bool enforcing = order->leased && !order->observing;

	if (packet->found & SPW_FOUND_MALFORMED && ruleset->malformed_drop && enforcing)
		return spw_judgement(SPW_DROP, SPW_REASON_MALFORMED_DROP);
	if (spw_is_management(packet, slot, ruleset))
		return spw_judgement(SPW_PASS, SPW_REASON_MANAGEMENT);
	if (!order->leased)
		return spw_judgement(SPW_PASS, SPW_REASON_NO_LEASE);
	if (order->observing)
		return spw_judgement(SPW_PASS, SPW_REASON_OBSERVE);
	return spw_judge_level(packet, slot, order->level, new_work);
}

/*
 * Are rules 6 and 8 to be asked of a class with limits, after the judgement of those before them? Malformed packets
 * whose source could be read count among the others of that source.
 */
SPW_INLINE bool spw_is_limited(struct spw_judgement judgement, const struct spw_packet *packet,
			       const struct spw_slot *slot, const struct spw_admission *order, bool new_work)
{
	const u32 judged = 1u << SPW_REASON_MALFORMED | 1u << SPW_REASON_OBSERVE | 1u << SPW_REASON_ESTABLISHED |
			   1u << SPW_REASON_ADMITTED;

	if (!(judged >> judgement.reason & 1) || !(packet->found & SPW_FOUND_IP))
		return false;
	return judgement.reason != SPW_REASON_OBSERVE || !spw_is_cut(slot, order->level, new_work);
}

/* Rule 9 is spw_is_in(). */

/**
 * spw_tolerance() - the backlog up to which rule 10 admits new work of a class.
 * @resent: it was refused before, or lost; whoever comes for the first time can still be answered in time
 */
SPW_INLINE u64 spw_tolerance(const struct spw_class_admission *class, bool resent)
{
	return resent ? class->room - (class->room >> 8) * (class->withheld & 0xff) : class->room;
}

/**
 * spw_is_over() - rule 10; charges the cell unless it says so.
 * @room: spw_tolerance(), or SPW_TOLERANCE_ALL for what goes on an admitted handshake
 * @cell: arrival time of the service's budget cell
 * @refusal: what this CPU remembers of the class
 * @now: ticks
 */
SPW_INLINE bool spw_is_over(const struct spw_service_admission *order, u64 room, u64 *cell, struct spw_refusal *refusal,
			    u64 now)
{
	u64 arrival = 0;

	if (room == SPW_TOLERANCE_ALL) {
		spw_meter_charge(cell, now, order->interval_ticks, order->debt_ticks);
		return false;
	}
	if (now < refusal->until_ticks && room <= refusal->room)
		return true;
	if (spw_meter_admit(cell, now, order->interval_ticks, room, &arrival))
		return false;
	refusal->until_ticks = arrival - room;
	refusal->room = room;
	return true;
}

/* Of new work: is it for rules 9 and 10 to judge it, after the judgement of those before them? */
SPW_INLINE bool spw_is_undecided(struct spw_judgement judgement, const struct spw_slot *slot,
				 const struct spw_admission *order)
{
	if (judgement.reason == SPW_REASON_ADMITTED)
		return true;
	return judgement.reason == SPW_REASON_OBSERVE && !spw_is_cut(slot, order->level, true);
}

/**
 * spw_would_drop() - for a packet that passed: would it have been dropped, had an agent enforced @level?
 * What rules 1 and 3 pass, passes at every level.
 */
SPW_INLINE bool spw_would_drop(const struct spw_packet *packet, const struct spw_slot *slot,
			       const struct spw_ruleset *ruleset, u32 level, bool new_work)
{
	if (packet->found & SPW_FOUND_MALFORMED && ruleset->malformed_drop)
		return true;
	return spw_judge_level(packet, slot, level, new_work).verdict == SPW_DROP;
}

#endif
