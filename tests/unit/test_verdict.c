/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules, one by one, in the code that the kernel runs (bpf/verdict.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/verdict.h"

static struct spw_ruleset *ruleset;

static const struct spw_slot cut_new = {.cut_new_from = SPW_ORANGE, .cut_all_from = SPW_LEVEL_NEVER};
static const struct spw_slot cut_all = {.cut_new_from = SPW_RED, .cut_all_from = SPW_RED};
static const struct spw_slot kept = {.cut_new_from = SPW_LEVEL_NEVER, .cut_all_from = SPW_LEVEL_NEVER};

static int setup(void **state)
{
	(void)state;
	ruleset = calloc(1, sizeof(*ruleset));
	ruleset->udp_ports[443].bits = SPW_NEW_QUIC;
	ruleset->udp_ports[5353].bits = SPW_NEW_FLOW;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(ruleset);
	return 0;
}

static struct spw_packet packet(u32 found, u8 protocol, u16 dport)
{
	return (struct spw_packet){.found = SPW_FOUND_IP | found, .family = 4, .protocol = protocol, .dport = dport};
}

static bool is_new_work(const struct spw_packet *packet)
{
	return spw_is_new_work(packet, spw_port_of(packet, ruleset));
}

static struct spw_packet syn(void)
{
	return packet(SPW_FOUND_PORTS | SPW_FOUND_SYN, 6, 443);
}

static struct spw_judgement judge(struct spw_packet packet, struct spw_slot slot, u32 level, bool leased,
				  bool observing)
{
	const struct spw_admission admission = {level, leased, observing};

	return spw_judge(&packet, &slot, ruleset, &admission, is_new_work(&packet));
}

static void expect(struct spw_judgement judgement, enum spw_verdict verdict, enum spw_reason reason)
{
	assert_int_equal(judgement.reason, reason);
	assert_int_equal(judgement.verdict, verdict);
}

static void test_rule_1(void **state)
{
	struct spw_packet arp = {.found = SPW_FOUND_ARP}, other = {0}, broken = {.found = SPW_FOUND_MALFORMED};
	struct spw_packet dhcp = packet(SPW_FOUND_DHCP | SPW_FOUND_PORTS, 17, 67), plain = syn();

	(void)state;
	assert_int_equal(spw_essential(&arp), SPW_REASON_ARP);
	assert_int_equal(spw_essential(&other), SPW_REASON_NOT_IP);
	assert_int_equal(spw_essential(&dhcp), SPW_REASON_DHCP);
	assert_int_equal(spw_essential(&plain), SPW_REASONS);
	assert_int_equal(spw_essential(&broken), SPW_REASONS);
}

/* What is not for this host passes, and is no new work; judged, it meets cuts and limits, but never a service's budget. */
static void test_others(void **state)
{
	static const struct {
		u32 found;
		u32 reason;
	} kinds[] = {{SPW_FOUND_FORWARDED, SPW_REASON_FORWARDED},
		     {SPW_FOUND_BRIDGED, SPW_REASON_BRIDGED},
		     {SPW_FOUND_OVERHEARD, SPW_REASON_OVERHEARD}};

	(void)state;
	ruleset->tcp_ports[443].service = 1;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct spw_packet packet = syn(), rest = syn(), discovery = syn(), judged;
		struct spw_judgement judgement;

		packet.found |= kinds[i].found;
		judged = packet;
		rest.found = (rest.found & ~(u32)SPW_FOUND_SYN) | kinds[i].found;
		discovery.found |= kinds[i].found | SPW_FOUND_NEIGHBOUR;
		ruleset->judge_others = 0;
		spw_set_aside(&packet, ruleset);
		judgement = judge(packet, cut_all, SPW_RED, true, false);
		expect(judgement, SPW_PASS, kinds[i].reason);
		assert_int_equal(judgement.open, 0);
		assert_false(spw_is_new_work(&packet, spw_port_of(&packet, ruleset)));
		expect(judge(packet, cut_all, SPW_RED, false, false), SPW_PASS, kinds[i].reason);
		expect(judge(discovery, cut_all, SPW_RED, true, false), SPW_PASS, SPW_REASON_NEIGHBOUR);

		ruleset->judge_others = 1;
		spw_set_aside(&judged, ruleset);
		expect(judge(judged, cut_all, SPW_RED, true, false), SPW_DROP, SPW_REASON_CUT);
		judgement = judge(judged, kept, SPW_RED, true, false);
		expect(judgement, SPW_PASS, kinds[i].reason);
		assert_true(judgement.open & SPW_OPEN_LIMITS);
		assert_false(judgement.open & SPW_OPEN_BUDGET);
		assert_true(spw_is_new_work(&judged, spw_port_of(&judged, ruleset)));
		assert_int_equal(spw_port_of(&judged, ruleset).service, 0);
		expect(judge(rest, kept, SPW_RED, true, false), SPW_PASS, kinds[i].reason);
		expect(judge(judged, cut_all, SPW_RED, true, true), SPW_PASS, SPW_REASON_OBSERVE);
	}
	for (u32 port = 1; port < 65536; port = port * 2 + 1) { /* for this host, nothing changes */
		struct spw_packet own = syn();

		own.dport = (u16)port;
		ruleset->judge_others = port & 2 ? 1 : 0;
		spw_set_aside(&own, ruleset);
		assert_int_equal(own.dport, port);
		assert_int_equal(own.found, syn().found);
	}
	ruleset->judge_others = 0;
	ruleset->tcp_ports[443].service = 0;
}

static void test_rule_2(void **state)
{
	struct spw_packet broken = packet(SPW_FOUND_MALFORMED, 6, 0), unread = {.found = SPW_FOUND_MALFORMED};

	(void)state;
	expect(judge(broken, kept, SPW_RED, true, false), SPW_PASS, SPW_REASON_MALFORMED);
	expect(judge(broken, cut_all, SPW_RED, true, false), SPW_DROP, SPW_REASON_CUT);
	expect(judge(unread, cut_all, SPW_RED, true, false), SPW_PASS, SPW_REASON_MALFORMED);
	ruleset->malformed_drop = 1;
	expect(judge(broken, kept, SPW_GREEN, true, false), SPW_DROP, SPW_REASON_MALFORMED_DROP);
	/* Without an agent, or in mode observe, nothing is dropped. */
	expect(judge(broken, kept, SPW_RED, false, false), SPW_PASS, SPW_REASON_NO_LEASE);
	expect(judge(broken, kept, SPW_RED, true, true), SPW_PASS, SPW_REASON_OBSERVE);
	ruleset->malformed_drop = 0;
}

/* Fault 39: management passes where it is cut. */
static void test_rule_3(void **state)
{
	struct spw_slot inside = cut_all, outside = cut_all;
	struct spw_packet ssh = packet(SPW_FOUND_PORTS | SPW_FOUND_SYN, 6, 22),
			  fragment = packet(SPW_FOUND_FRAGMENT, 6, 0);

	(void)state;
	inside.management = 1;
	ruleset->management_prefixes = 1;
	ruleset->management_ports[0] = 2222;
	ruleset->management_ports[1] = 22;
	expect(judge(ssh, inside, SPW_RED, true, false), SPW_PASS, SPW_REASON_MANAGEMENT);
	expect(judge(ssh, outside, SPW_RED, true, false), SPW_DROP, SPW_REASON_CUT);
	expect(judge(syn(), inside, SPW_RED, true, false), SPW_DROP, SPW_REASON_CUT);
	/* Fault 5: a fragment without ports is not exempt by a rule about ports. */
	expect(judge(fragment, inside, SPW_RED, true, false), SPW_DROP, SPW_REASON_CUT);
	memset(ruleset->management_ports, 0, sizeof(ruleset->management_ports));
	expect(judge(fragment, inside, SPW_RED, true, false), SPW_PASS, SPW_REASON_MANAGEMENT);
	ruleset->management_prefixes = 0;
	expect(judge(fragment, inside, SPW_RED, true, false), SPW_DROP, SPW_REASON_CUT);
	ruleset->management_ports[0] = 22;
	expect(judge(ssh, outside, SPW_RED, true, false), SPW_PASS, SPW_REASON_MANAGEMENT);
	memset(ruleset->management_ports, 0, sizeof(ruleset->management_ports));
}

/* Fault 23: no lease, no drop. */
static void test_rule_4(void **state)
{
	(void)state;
	expect(judge(syn(), cut_all, SPW_RED, false, false), SPW_PASS, SPW_REASON_NO_LEASE);
	expect(judge(syn(), cut_all, SPW_RED, true, true), SPW_PASS, SPW_REASON_OBSERVE);
	expect(judge(syn(), cut_all, SPW_RED, false, true), SPW_PASS, SPW_REASON_NO_LEASE);
}

static void test_rule_5(void **state)
{
	struct spw_packet data = packet(SPW_FOUND_PORTS, 6, 443);

	(void)state;
	for (u32 level = SPW_GREEN; level < SPW_LEVELS; level++) {
		bool new_cut = level >= SPW_ORANGE, all_cut = level >= SPW_RED;

		expect(judge(syn(), cut_new, level, true, false), new_cut ? SPW_DROP : SPW_PASS,
		       new_cut ? SPW_REASON_CUT : SPW_REASON_ADMITTED);
		expect(judge(data, cut_new, level, true, false), SPW_PASS, SPW_REASON_ESTABLISHED);
		expect(judge(data, cut_all, level, true, false), all_cut ? SPW_DROP : SPW_PASS,
		       all_cut ? SPW_REASON_CUT : SPW_REASON_ESTABLISHED);
		expect(judge(syn(), kept, level, true, false), SPW_PASS, SPW_REASON_ADMITTED);
	}
}

static void test_new_work(void **state)
{
	struct spw_packet ack = packet(SPW_FOUND_PORTS, 6, 443),
			  quic = packet(SPW_FOUND_PORTS | SPW_FOUND_QUIC_INITIAL, 17, 443);
	struct spw_packet quic_elsewhere = quic, udp = packet(SPW_FOUND_PORTS, 17, 5353), later = packet(0, 17, 0),
			  first = syn();

	(void)state;
	assert_true(is_new_work(&first));
	assert_false(is_new_work(&ack));
	assert_true(is_new_work(&quic));
	quic_elsewhere.dport = 8443;
	assert_false(is_new_work(&quic_elsewhere));
	quic.found &= ~(u32)SPW_FOUND_QUIC_INITIAL;
	assert_false(is_new_work(&quic));
	assert_true(is_new_work(&udp));
	assert_false(is_new_work(&later));
	first.found |= SPW_FOUND_MALFORMED;
	assert_false(is_new_work(&first));
}

static void test_would_drop(void **state)
{
	struct spw_packet first = syn();

	(void)state;
	assert_false(spw_would_drop(&first, &cut_new, ruleset, SPW_YELLOW, true));
	assert_true(spw_would_drop(&first, &cut_new, ruleset, SPW_ORANGE, true));
	assert_false(spw_would_drop(&first, &cut_new, ruleset, SPW_ORANGE, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule_1),	 cmocka_unit_test(test_others),	    cmocka_unit_test(test_rule_2),
		cmocka_unit_test(test_rule_3),	 cmocka_unit_test(test_rule_4),	    cmocka_unit_test(test_rule_5),
		cmocka_unit_test(test_new_work), cmocka_unit_test(test_would_drop),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
